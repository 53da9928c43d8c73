/** The program as a whole: whatever lies in its files and names, what it prints steers no terminal and repeats no value. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { holdsCardNumber } from "../../src/domain/card-number.ts";
import { goodRow, toCsv } from "../intake/read-all.ts";
import { writeConfig } from "../support/local-merchant.ts";
import { resultCsv } from "../support/pipeline.ts";
import { createTestIo } from "../support/test-io.ts";
import { corpusOf } from "./corpus.ts";
import { CANARY, expectHarmless, fuzz } from "./fuzz.ts";
import { damaged, hostileCell, hostileCsv } from "./hostile.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "rescue-fuzz-"));
beforeAll(async () => {
  mkdirSync(join(FOLDER, "inbox"));
  await writeConfig(FOLDER);
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const BUG = /this is a bug/;
const EXPECTED = [0, 2, 3, 4, 10, 11];

async function play(...args: readonly string[]): Promise<string> {
  const io = createTestIo({
    cwd: FOLDER,
    env: { SSH_AUTH_SOCK: "none" },
    now: () => Date.parse("2026-11-21T06:00:00Z"),
  });
  const status = await main(args, io);
  const printed = io.out() + io.err();
  expect(printed).not.toMatch(BUG);
  expect(EXPECTED).toContain(status);
  expectHarmless(printed);
  // The name of a file is its owner's word, and is shown as it is.
  if (!args.join().includes("4111")) expect(holdsCardNumber(printed)).toBe(false);
  return printed;
}

const how = fc.constantFrom([], ["--json"], ["--verbose"], ["--quiet"], ["--json", "--verbose"]);
const fileName = hostileCell
  .map((cell) => `${cell.replaceAll(/[/\0]/g, "").toWellFormed()}.csv`)
  .filter((name) => Buffer.byteLength(name) < 200);

const HEADER = Object.keys(goodRow(1));
const RESULT_HEADER = resultCsv().trim().split(",");
const RESULT = ["o-1", "sk-1", "APPROVED", "1999", "USD", "2026-11-20T08:00:00Z", "00", "ok"];

describe("validate", () => {
  const marked = HEADER.map((column) =>
    goodRow(column, Object.fromEntries(HEADER.map((name) => [name, `${CANARY}${name}`]))),
  );
  const bad = Buffer.from(toCsv(marked));
  fuzz(
    "says of any file what is wrong, and no value",
    40,
    fc.tuple(fileName, damaged(bad, bad.indexOf("\n") + 1), how),
    async ([name, bytes, flags]) => {
      await writeFile(join(FOLDER, name), bytes);
      expect(await play("validate", ...flags, "--", `./${name}`)).not.toContain(CANARY);
    },
  );

  fuzz(
    "takes any header, name and cell",
    40,
    fc.tuple(hostileCsv([...HEADER, "city"], Object.values(goodRow(1))), how),
    async ([bytes, flags]) => {
      await writeFile(join(FOLDER, "hostile.csv"), bytes);
      await play("validate", ...flags, "hostile.csv");
    },
  );
});

describe("reconcile", () => {
  fuzz(
    "says of any result file what it makes of it",
    12,
    // The name stays in the ledger, and every command that follows shows it as it is.
    fc.tuple(
      fileName.filter((name) => !holdsCardNumber(name)),
      hostileCsv(RESULT_HEADER, RESULT),
      how,
    ),
    async ([name, bytes, flags]) => {
      await writeFile(join(FOLDER, name), bytes);
      await play("reconcile", ...flags, "--", `./${name}`);
    },
  );

  test.each(corpusOf("results"))("takes $name of the corpus", async ({ name, bytes }) => {
    await writeFile(join(FOLDER, name), bytes);
    await play("reconcile", name);
  });

  test("leaves nothing behind that the other commands stumble over", async () => {
    await writeFile(join(FOLDER, "last.csv"), resultCsv(RESULT.join(), "=cmd,@x,\u001b[2J,1999,USD,,\u009b,\u202e"));
    await play("reconcile", "last.csv");
    for (const args of [
      ["breaks"],
      ["status"],
      ["report"],
      ["report", "--json"],
      ["holds"],
      ["breaks", "--json"],
      ["explain", "=cmd"],
      ["verify"],
    ])
      expect(await play(...args)).not.toBe("");
    for (const file of await readdir(join(FOLDER, "rescue-data"), { recursive: true }))
      if (/report.*\.(txt|csv|html|json)$/.test(file))
        expectHarmless(await readFile(join(FOLDER, "rescue-data", file), "utf8"));
  });
});

describe("arguments", () => {
  const argument = fc.oneof(
    hostileCell,
    hostileCell.map((cell) => `--${cell}`),
    hostileCell.map((cell) => `--merchant=${cell}`),
    hostileCell.map((cell) => `--config=${cell}`),
  );
  const command = fc.constantFrom(
    "validate",
    "report",
    "explain",
    "help",
    "status",
    "holds",
    "breaks",
    "settle",
    "reconcile",
  );
  fuzz(
    "of any kind are answered",
    60,
    fc.tuple(fc.oneof(command, hostileCell), fc.array(argument, { maxLength: 3 })),
    async ([first, rest]) => {
      await play(first, ...rest.map((text) => text.replaceAll("\0", "")));
    },
  );
});
