import { mkdtempSync, rmSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { holdsCardNumber } from "../../src/domain/card-number.ts";
import { isProblem } from "../../src/domain/problem.ts";
import { canonicalHeader, canonicalRow, readCanonical } from "../../src/intake/canonical.ts";
import { openRecords, readRecords } from "../../src/intake/read-records.ts";
import type { FramedRecord } from "../../src/intake/record-framer.ts";
import { RejectsFile } from "../../src/intake/rejects.ts";
import { goodRow, type ReadExport, readAll, toCsv } from "../intake/read-all.ts";
import { corpusOf } from "./corpus.ts";
import { CANARY, fuzz } from "./fuzz.ts";
import { damaged, hostileCsv } from "./hostile.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "rescue-fuzz-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const CODES = ["export_unreadable", "export_empty", "columns_missing", "columns_duplicate", "cvv_column"] as const;

/** Reads it as `validate` does, and checks what must hold of any file whatever. Returns all words that a person may see. */
async function checkExport(bytes: Buffer): Promise<string[]> {
  const path = join(FOLDER, "export.csv");
  await writeFile(path, bytes);
  let read: ReadExport;
  try {
    read = await readAll(path);
  } catch (error) {
    if (!isProblem(error, ...CODES)) throw error;
    expect(error.message.length).toBeLessThan(5_000);
    return [error.message, error.hint];
  }
  expect(read).toEqual(await readAll(path, { intakePath: "truth" }));
  expect(read.rows).toBe(read.accepted + read.skipped + read.rejected);
  expect(read.acceptedRows).toHaveLength(read.accepted);
  const problems = read.rejectedRows.flatMap((row) => row.problems);
  for (const row of read.rejectedRows) {
    expect(row.problems.length).toBeGreaterThan(0);
    expect(row.cells.some(holdsCardNumber)).toBe(false);
  }
  for (const { message } of problems) expect(message.length).toBeLessThan(1_000);
  await checkArchive(read);
  await checkRejects(read);
  return [...read.notes, ...problems.flatMap(({ column, message }) => [column, message])];
}

/** What was accepted comes back from the archive as it was. */
async function checkArchive(read: ReadExport): Promise<void> {
  const path = join(FOLDER, "canonical.csv");
  const rebills = read.acceptedRows.map(({ rebill }) => rebill);
  await writeFile(path, canonicalHeader() + rebills.map(canonicalRow).join(""));
  const again = [];
  for await (const page of readCanonical(path)) again.push(...page);
  expect(again).toEqual(rebills);
}

/** A spreadsheet runs nothing of the rejects file, and it can be sent again. */
async function checkRejects(read: ReadExport): Promise<void> {
  const path = join(FOLDER, "rejects.csv");
  const rejects = new RejectsFile(path);
  for (const row of read.rejectedRows) await rejects.write(row);
  await rejects.close();
  const first = read.rejectedRows[0];
  if (!first) return;
  const text = await readFile(path);
  expect(text.length).toBeLessThan(20_000 + 20 * read.sizeBytes);
  const cells = (parse(text, { delimiter: first.header.delimiter, bom: true }) as string[][]).flat();
  for (const cell of cells) expect(cell).not.toMatch(/^(?:[=@\t\r\n\0＝＋－＠]|[+-](?![\d.,]+$))/);
  const again = await readAll(path);
  expect(again.rows).toBe(read.rejected);
}

const HEADER = Object.keys(goodRow(1));
const GOOD = [...Object.values(goodRow(1)), ...Object.values(goodRow(2)), "visa", "US", "12", "2030"];

describe("an export", () => {
  fuzz(
    "of hostile cells, quotes and encodings crashes nothing",
    60,
    hostileCsv([...HEADER, "city", "Campaign"], GOOD),
    async (bytes) => {
      await checkExport(bytes);
    },
  );

  const rows = [1, 2, 3, 4].map((n) => goodRow(n, { city: "Zürich", first_name: 'O"Brien, x', state: "a\nb" }));
  const good = Buffer.from(toCsv(rows));
  fuzz("that was damaged anywhere crashes nothing", 100, damaged(good), async (bytes) => {
    await checkExport(bytes);
  });

  fuzz("of any bytes crashes nothing", 60, fc.uint8Array({ maxLength: 300 }), async (bytes) => {
    await checkExport(Buffer.from(bytes));
  });

  const marked = HEADER.map((column) =>
    goodRow(column, Object.fromEntries(HEADER.map((name) => [name, `${CANARY}${name}`]))),
  );
  const bad = Buffer.from(toCsv([...marked, goodRow(1)]));
  fuzz("repeats no value of a rejected cell in its words", 50, damaged(bad, bad.indexOf("\n") + 1), async (bytes) => {
    for (const words of await checkExport(bytes)) expect(words).not.toContain(CANARY);
  });

  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });
  fuzz(
    "has the same records however it is cut into pieces",
    300,
    fc.tuple(fc.oneof(damaged(good), hostileCsv(["a", "b"], GOOD)), pieces),
    async ([bytes, sizes]) => {
      expect(await recordsOf(bytes, sizes)).toEqual(await recordsOf(bytes, [bytes.length || 1]));
    },
  );

  test.each(corpusOf("exports"))("$name of the corpus breaks nothing", async ({ bytes }) => {
    await checkExport(bytes);
    expect((await stat(FOLDER)).isDirectory()).toBe(true);
  });
});

async function recordsOf(bytes: Buffer, sizes: readonly number[]): Promise<unknown[]> {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? 1;
      const chunk = Buffer.from(bytes.subarray(at, at + size));
      yield chunk;
      // Its memory is used again, as ExportFile does.
      chunk.fill("!");
      at += size;
    }
  };
  const records: unknown[] = [];
  try {
    const opened = await openRecords(chunks(), "export.csv");
    if (!opened) return records;
    const show = (record: FramedRecord) => ({ ...record, bytes: record.bytes.toString("latin1"), ...opened.dialect });
    records.push(show(opened.header));
    for await (const page of readRecords(opened)) records.push(...page.map(show));
  } catch (error) {
    if (!isProblem(error, "export_unreadable")) throw error;
    records.push(error.message);
  }
  return records;
}
