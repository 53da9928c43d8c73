import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import { isProblem } from "../../src/domain/problem.ts";
import { parseProfile } from "../../src/profiles/parse-profile.ts";
import { corpusOf } from "./corpus.ts";
import { CANARY, fuzz } from "./fuzz.ts";
import { damaged, hostileCell } from "./hostile.ts";

const ENV = { RESCUE_KEY_PASSPHRASE: `${CANARY}-env`, SSH_AUTH_SOCK: "/none" };
const readConfig = (text: string): unknown => parseConfig(text, "/etc/rescue.yaml", ENV);
const readProfile = (text: string): unknown => parseProfile(text, "/etc/profile.yaml");

/** Read, or refused with a list of issues; never more, and each issue on its line. Returns what was said. */
function checkDocument(read: (text: string) => unknown, text: string): string {
  try {
    read(text);
    return "";
  } catch (error) {
    if (!isProblem(error, "config_invalid", "profile_invalid")) throw error;
    for (const line of error.message.split("\n").slice(1)) expect(line).toMatch(/^ {2}\S/);
    expect(Object.prototype).not.toHaveProperty("polluted");
    return error.message;
  }
}

const EXAMPLE = readFileSync(new URL("../../config.example.yaml", import.meta.url));
const PROFILE = readFileSync(new URL("profile.yaml", import.meta.url));

const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "polluted",
  "<<",
  "version",
  "merchants",
  "sftp",
];

/** Any nesting of hostile keys and values. */
const anyDocument = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    hostileCell,
    fc.constantFrom(null, true, 0, -1, Number.POSITIVE_INFINITY, Number.NaN, 2 ** 53),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), hostileCell), tie("node"), { maxKeys: 4 }),
  ),
})).node;

describe.each([
  ["config", readConfig, EXAMPLE],
  ["profile", readProfile, PROFILE],
] as const)("a %s", (kind, read, good) => {
  test("that is right is read", () => {
    expect(checkDocument(read, String(good))).toBe("");
  });

  fuzz(`(${kind}) that was damaged anywhere is read or refused`, 120, damaged(good), (bytes) => {
    checkDocument(read, String(bytes));
  });

  fuzz(`(${kind}) of hostile keys and values is refused`, 100, anyDocument, (document) => {
    checkDocument(
      read,
      stringify({ version: 1, merchants: { acme: document }, results: document, [CANARY]: document }),
    );
  });

  fuzz(
    `(${kind}) of hostile text is read or refused`,
    300,
    fc.array(hostileCell).map((cells) => cells.join("\n")),
    (text) => {
      checkDocument(read, text);
    },
  );

  test.each(corpusOf("documents"))("$name of the corpus is read or refused", ({ bytes }) => {
    checkDocument(read, String(bytes));
  });
});

describe("a secret of the config", () => {
  const text = String(EXAMPLE)
    .replace(/passphrase: .*/, `passphrase: "${CANARY} 'x' #1"`)
    .replace(/heartbeat_url: .*/, `heartbeat_url: https://${CANARY}.example.com/`)
    .replace(/on_problem: .*/, `on_problem: "curl ${CANARY}"`);

  fuzz("is in no issue, however the file is damaged", 150, damaged(Buffer.from(text)), (bytes) => {
    const given = String(bytes);
    // As the name of a key it is shown: then nobody can know it for a secret.
    const isKey = new RegExp(`${CANARY}[^\\n]*:(\\s|$)|[?]\\s[^\\n]*${CANARY}`).test(given);
    if (!isKey) expect(checkDocument(readConfig, given)).not.toContain(CANARY);
  });
});
