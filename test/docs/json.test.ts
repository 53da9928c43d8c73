import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { EXIT_STATUS_MEANINGS, exitStatusFor } from "../../src/cli/exit-status.ts";
import { type Json, playExamples } from "./json-examples.ts";
import { markdownTable, pathOf, plain, readPage, sectionOf, tableRows, withBlocks } from "./page.ts";

const PAGE = "docs/json.md";
/** Their keys are codes, and `run` is made of the documents that have sections of their own. */
const NOT_LOOKED_INTO = ["skipped_by_code", "rejected_by_code", "breaks_by_code"];
const PARTS_OF_RUN = ["submission", "collection", "reconciliation", "report"];

let examples: Record<string, Json> = {};
let documents: Json[] = [];
beforeAll(async () => {
  examples = await playExamples();
  const goldens = readdirSync(pathOf("fixtures/reports")).filter((name) => name.endsWith(".jsonl"));
  const lines = goldens.flatMap((name) =>
    readFileSync(pathOf(`fixtures/reports/${name}`), "utf8")
      .trim()
      .split("\n"),
  );
  documents = [...Object.values(examples), ...lines.map((line) => JSON.parse(line) as Json)];
});

/** Every path of a document, as `files[].rows`. */
function pathsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = path === "" ? key : `${path}.${key}`;
    return [here, ...(NOT_LOOKED_INTO.includes(key) ? [] : pathsOf(inner, here))];
  });
}

function pathsOfType(type: string): Set<string> {
  const found = documents.filter((document) => document["type"] === type);
  const own = type === "run" ? found.map(withoutParts) : found;
  return new Set(own.flatMap((document) => pathsOf(document)));
}

function withoutParts(run: Json): Json {
  return Object.fromEntries(Object.entries(run).map(([key, value]) => [key, PARTS_OF_RUN.includes(key) ? {} : value]));
}

const WIDTH = 118;

/** The same JSON in lines that a person can read, as few as the width allows. */
function pretty(value: unknown, indent = ""): string {
  const flat = JSON.stringify(value);
  if (typeof value !== "object" || value === null || flat.length + indent.length < WIDTH) return flat;
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => pretty(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${pretty(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${filled(items, inner)}\n${indent}${close}`;
}

function filled(items: readonly string[], indent: string): string {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = `${last}, ${item}`;
    if (last !== undefined && !joined.includes("\n") && joined.length < WIDTH) lines[lines.length - 1] = joined;
    else lines.push(`${indent}${item}`);
  }
  return lines.join(",\n");
}

/** What the page says elsewhere is left out, and checks that say something else on each machine. */
function shortened(name: string, document: Json): Json {
  if (name === "run") return withoutParts(document);
  if (name !== "doctor") return document;
  const checks = document["checks"] as readonly { readonly name: string }[];
  return { ...document, checks: checks.filter((check) => ["inbox", "host key", "profile"].includes(check.name)) };
}

function blockOf(name: string, document: Json): string {
  return `\`\`\`json\n${pretty(shortened(name, document))}\n\`\`\``;
}

function problemCodes(): string {
  const rows = Object.entries(exitStatusFor).map(([code, status]) => [
    `\`${code}\``,
    `${status} ${EXIT_STATUS_MEANINGS[status].name}`,
  ]);
  return markdownTable(["code", "exit status"], rows);
}

describe(PAGE, () => {
  test("its examples are what the program prints, its codes those of the code (vitest -u writes them)", async () => {
    const blocks = Object.fromEntries(
      Object.entries(examples).map(([name, document]) => [name, blockOf(name, document)]),
    );
    const page = withBlocks(await readPage(PAGE), { ...blocks, "problem-codes": problemCodes() });
    await expect(page).toMatchFileSnapshot(pathOf(PAGE));
  });

  test("every field of every real document is described where its document is", async () => {
    const page = (await readPage(PAGE)).replaceAll(/```json[\s\S]*?```/g, "");
    const shared = sectionOf(page, "In every document") + sectionOf(page, "Shapes");
    for (const type of new Set(documents.map((document) => String(document["type"])))) {
      const text = shared + sectionOf(page, type);
      const fields = [...pathsOfType(type)].map((path) => path.split(".").at(-1) ?? "");
      const missing = [...new Set(fields)].filter(
        (field) => !new RegExp(`\`(?:[\\w[\\].]*\\.)?${field}(?:\\[\\][\\w[\\].]*)?\``).test(text),
      );
      expect(missing, type).toEqual([]);
    }
  });

  test("every field it describes is in a real document", async () => {
    const page = await readPage(PAGE);
    for (const type of new Set(documents.map((document) => String(document["type"])))) {
      const paths = pathsOfType(type);
      const described = tableRows(sectionOf(page, type)).map(([field = ""]) => plain(field));
      expect(
        described.filter((field) => !paths.has(field)),
        type,
      ).toEqual([]);
    }
  });

  test("every document has a section, and every section a document", async () => {
    const headings = [...(await readPage(PAGE)).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    const types = [...new Set(documents.map((document) => String(document["type"])))];
    expect(headings.filter((heading) => heading !== "In every document" && heading !== "Shapes").sort()).toEqual(
      types.sort(),
    );
  });
});
