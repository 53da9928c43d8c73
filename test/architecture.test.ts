/**
 * Who may import whom (docs/adr, CONTRIBUTING.md), and what only the edges may do. The rules are functions over sources, so
 * that each can be shown to fail on a source that breaks it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** Beside itself, a folder may import these folders, or only these files of one. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | "everything">> = {
  domain: [],
  thread: ["domain"],
  intake: ["domain", "thread"],
  profiles: ["domain"],
  transport: ["domain"],
  ledger: ["domain", "thread"],
  report: ["domain"],
  config: ["domain"],
  pipeline: ["domain", "intake", "profiles", "thread", "transport/transport.ts", "ledger/ledger.ts"],
  // It reads our batches with its own eyes: one misreading must not satisfy both sides.
  sandbox: ["domain", "profiles/profile.ts", "profiles/flex.ts"],
  cli: "everything",
};

/** Everywhere, or only in the folders that are named. */
const FORBIDDEN: readonly { readonly what: string; readonly pattern: RegExp; readonly folders?: readonly string[] }[] =
  [
    { what: "process.exit", pattern: /\bprocess\s*\.\s*exit\b(?!Code)/ },
    { what: "console", pattern: /\bconsole\s*\./ },
    { what: "a default export", pattern: /\bexport\s+default\b|\bas\s+default\b/ },
    { what: "parseFloat", pattern: /\bparseFloat\b/ },
    {
      what: "the wall clock",
      pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\s*\.\s*now\b/,
      folders: ["domain", "pipeline"],
    },
    {
      what: "randomness",
      pattern: /\bMath\s*\.\s*random\b|\brandom(?:Bytes|UUID|Int)\b/,
      folders: ["domain", "pipeline"],
    },
  ];

/** Strings and templates are kept, because import paths are strings; comments go, because they may name what is forbidden. */
function withoutComments(source: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(tokens, (_token, text: string | undefined) => text ?? " ");
}

/** Static, type-only, re-exporting, side-effect and dynamic imports, and `import("…")` in a type. */
function importsOf(source: string): string[] {
  const code = withoutComments(source);
  const forms = [
    /\b(?:import|export)\b[^;"'`()]*?\bfrom\s*(["'])(.+?)\1/g,
    /\bimport\s*(["'])(.+?)\1/g,
    /\bimport\s*\(\s*(["'`])(.+?)\1/g,
    /\brequire\s*\(\s*(["'`])(.+?)\1/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[2] ?? ""));
}

/** What is wrong with one file; `path` is relative to src. */
function violationsOf(path: string, source: string): string[] {
  const folder = path.split("/")[0] ?? "";
  const allowed = MAY_IMPORT[folder];
  if (allowed === undefined) return [`${path} lies in no known folder`];
  const imports = importsOf(source).flatMap((specifier) => {
    const isOurs = specifier.startsWith(".");
    if (!isOurs && folder === "domain") return [`${path} imports ${specifier}; domain needs nothing`];
    if (!isOurs || allowed === "everything") return [];
    const target = posix.join(dirname(path), specifier);
    const isAllowed = [folder, ...allowed].some((entry) => target === entry || target.startsWith(`${entry}/`));
    return isAllowed ? [] : [`${path} imports ${target}; ${folder} may not`];
  });
  const code = withoutComments(source);
  const words = FORBIDDEN.filter(({ pattern, folders }) => (folders?.includes(folder) ?? true) && pattern.test(code));
  return [...imports, ...words.map(({ what }) => `${path} uses ${what}`)];
}

const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts"))
  .toSorted();

describe("the source", () => {
  it("was found", () => {
    expect(FILES).toContain("domain/money.ts");
    expect(FILES).toContain("cli/main.ts");
  });

  it.each(FILES)("%s imports and uses only what its folder may", (path) => {
    expect(violationsOf(path, readFileSync(join(SRC, path), "utf8"))).toEqual([]);
  });
});

describe("the rules fail on a file that breaks them", () => {
  it.each([
    ["domain/a.ts", 'import { z } from "zod";', "domain/a.ts imports zod; domain needs nothing"],
    ["domain/a.ts", 'import { join } from "node:path";', "domain/a.ts imports node:path; domain needs nothing"],
    ["domain/a.ts", 'import type { Io } from "../cli/io.ts";', "domain/a.ts imports cli/io.ts; domain may not"],
    [
      "domain/a.ts",
      'type T = import("../ledger/ledger.ts").Ledger;',
      "domain/a.ts imports ledger/ledger.ts; domain may not",
    ],
    ["intake/a.ts", 'export * from "../profiles/flex.ts";', "intake/a.ts imports profiles/flex.ts; intake may not"],
    ["report/a.ts", 'import "../config/load.ts";', "report/a.ts imports config/load.ts; report may not"],
    ["config/a.ts", 'await import("../cli/main.ts");', "config/a.ts imports cli/main.ts; config may not"],
    [
      "pipeline/a.ts",
      'import { x } from "../transport/sftp.ts";',
      "pipeline/a.ts imports transport/sftp.ts; pipeline may not",
    ],
    [
      "pipeline/a.ts",
      'import {\n  x,\n} from "../ledger/sqlite/open.ts";',
      "pipeline/a.ts imports ledger/sqlite/open.ts; pipeline may not",
    ],
    [
      "sandbox/a.ts",
      'import { encode } from "../profiles/encode.ts";',
      "sandbox/a.ts imports profiles/encode.ts; sandbox may not",
    ],
    [
      "sandbox/a.ts",
      'import { x } from "../transport/transport.ts";',
      "sandbox/a.ts imports transport/transport.ts; sandbox may not",
    ],
    [
      "ledger/sqlite/a.ts",
      'import { x } from "../../pipeline/submit.ts";',
      "ledger/sqlite/a.ts imports pipeline/submit.ts; ledger may not",
    ],
    ["util/a.ts", "", "util/a.ts lies in no known folder"],
    ["cli/a.ts", "process.exit(1);", "cli/a.ts uses process.exit"],
    ["cli/a.ts", 'console.log("x");', "cli/a.ts uses console"],
    ["cli/a.ts", "export default 1;", "cli/a.ts uses a default export"],
    ["domain/a.ts", "const now = Date.now();", "domain/a.ts uses the wall clock"],
    ["pipeline/a.ts", "const now = new Date();", "pipeline/a.ts uses the wall clock"],
    ["pipeline/a.ts", "const id = Math.random();", "pipeline/a.ts uses randomness"],
    ["intake/a.ts", "parseFloat(amount)", "intake/a.ts uses parseFloat"],
  ])("%s with %s", (path, source, violation) => {
    expect(violationsOf(path, source)).toEqual([violation]);
  });
});

describe("the rules let pass", () => {
  it.each([
    ["pipeline/a.ts", 'import type { Ledger } from "../ledger/ledger.ts";\nimport { join } from "node:path";'],
    ["sandbox/a.ts", 'import { flex } from "../profiles/flex.ts";\nimport ssh2 from "ssh2";'],
    ["ledger/sqlite/a.ts", 'import { x } from "../ledger.ts";\nimport { y } from "../../domain/money.ts";'],
    ["domain/a.ts", "// not Date.now(), and no console.log\n/* process.exit(1) */ const at = new Date(instant);"],
    ["cli/a.ts", 'const started = Date.now(); process.exitCode = 2; const text = "// no comment";'],
  ])("%s with %s", (path, source) => {
    expect(violationsOf(path, source)).toEqual([]);
  });
});
