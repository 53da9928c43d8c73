import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { checkResultFile } from "../../src/profiles/check-results.ts";
import { flex } from "../../src/profiles/flex.ts";
import { isSafeRemoteName, matchesResultName } from "../../src/profiles/names.ts";
import { RecordReader, type ResultRecord } from "../../src/profiles/result-records.ts";
import { resultCsv } from "../support/pipeline.ts";
import { readResults } from "../support/read-results.ts";
import { corpusOf } from "./corpus.ts";
import { CANARY, expectHarmless, fuzz } from "./fuzz.ts";
import { damaged, hostileCell, hostileCsv } from "./hostile.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "rescue-fuzz-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** Looks at it and reads it as `reconcile FILE` does. Returns why it, or a row of it, was not believed. */
async function checkResults(bytes: Buffer): Promise<string[]> {
  const path = join(FOLDER, "results.csv");
  await writeFile(path, bytes);
  const verdict = await checkResultFile(flex, path);
  if (typeof verdict === "object" && !("unterminated" in verdict)) return Object.values(verdict).map(String);
  const reasons: string[] = [];
  let line = 1;
  for await (const row of readResults(flex, path)) {
    expect(row.line).toBeGreaterThan(line);
    line = row.line;
    if ("malformed" in row) reasons.push(row.malformed);
    else for (const value of Object.values(row)) if (typeof value === "string") expectHarmless(value);
  }
  for (const reason of reasons) expectHarmless(reason);
  return reasons;
}

const HEADER = resultCsv().trim().split(",");
const GOOD = ["o-1", "sk-1", "APPROVED", "1999", "USD", "2026-11-20T08:00:00Z", "00", "ok"];

describe("a result file", () => {
  fuzz("of hostile cells and quotes crashes nothing", 120, hostileCsv(HEADER, GOOD), async (bytes) => {
    await checkResults(bytes);
  });

  const good = Buffer.from(
    resultCsv(GOOD.join(), `"o-2",sk-2,DECLINED,1999,USD,,51,"said ""no"",\ntwice"`, GOOD.join()),
  );
  fuzz("that was damaged anywhere crashes nothing", 120, damaged(good), async (bytes) => {
    await checkResults(bytes);
  });

  // One in each row: what is wrong first is all that is told of it.
  const marked = GOOD.map((cell, at) => GOOD.with(at, `\u0001${CANARY}${cell}`).join());
  const bad = Buffer.from(resultCsv(...marked));
  fuzz("repeats no value of a row that was not believed", 100, damaged(bad, bad.indexOf("\n") + 1), async (bytes) => {
    for (const reason of await checkResults(bytes)) expect(reason).not.toContain(CANARY);
  });

  const text = fc.string({ unit: fc.constantFrom('"', '"', ",", "\n", "\n", "\r", "a"), maxLength: 60 });
  fuzz("has the cells that csv-parse finds in all lines of a record together", 2_000, text, (given) => {
    const lines = given.split("\n");
    const records = recordsOf(lines);
    for (const [index, record] of records.entries()) {
      if (!("cells" in record)) continue;
      // A record ends where the next one begins, or with the blank lines in front of that.
      const whole = lines
        .slice(record.line - 1, (records[index + 1]?.line ?? lines.length + 1) - 1)
        .join("\n")
        .replace(/\r$/, "");
      const [cells] = parse(whole, {
        relax_column_count: true,
        skip_empty_lines: true,
        record_delimiter: ["\r\n", "\n"],
      });
      expect(record.cells).toEqual(cells);
    }
  });

  fuzz("whose name is taken leaves no folder and steers nothing", 1_000, hostileCell, (cell) => {
    const name = `${cell}.csv`;
    if (isSafeRemoteName(name) && matchesResultName(flex, name)) {
      expectHarmless(name);
      expect(join(FOLDER, name)).toBe(`${FOLDER}/${name}`);
    }
  });

  test.each(corpusOf("results"))("$name of the corpus breaks nothing", async ({ bytes }) => {
    await checkResults(bytes);
  });
});

function recordsOf(lines: readonly string[]): ResultRecord[] {
  const reader = new RecordReader(",");
  return [...lines.flatMap((line, at) => reader.writeLine(line, at + 1)), ...reader.end()];
}
