/**
 * Accepted rows as they lie in the archive: COLUMNS in their order under our names, commas, LF, amounts in major units,
 * instants in UTC, absent values empty. Everything resumes from here, so reading is strict: what we did not write
 * ourselves, to the last byte, is damage.
 */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { CanonicalRows } from "../domain/canonical-rows.ts";
import { COLUMNS, type ColumnKind } from "../domain/columns.ts";
import { doubled } from "../domain/doubled.ts";
import { formatInstant } from "../domain/instant.ts";
import { formatMajor, parseAmount } from "../domain/money.ts";
import { Problem } from "../domain/problem.ts";
import type { Rebill } from "../domain/rebill.ts";
import { buildRebill } from "./build-rebill.ts";
import { findCellFaults, type RowCells } from "./cell-schema.ts";
import type { Dialect } from "./dialect.ts";
import { parseRecords } from "./parse-records.ts";
import { openRecords, readRecords } from "./read-records.ts";
import type { FramedRecord } from "./record-framer.ts";

const CHUNK_BYTES = 256 * 1024;
/** Of rows as bytes; and how many rows it is likely to have. */
const PAGE_BYTES = 512 * 1024;
const FIRST_ROWS = 2_048;

const HEADER = COLUMNS.map(({ name }) => name).join(",");

/** With its line end. */
export function canonicalHeader(): string {
  return `${HEADER}\n`;
}

/** With its line end. */
export function canonicalRow(rebill: Rebill): string {
  const values = rebill as unknown as Readonly<Record<string, string | number | undefined>>;
  const cells = COLUMNS.map(({ property, kind }) => {
    const value = values[property];
    return value === undefined ? "" : quote(formatValue(kind, value, rebill.currency));
  });
  return `${cells.join(",")}\n`;
}

/**
 * Pages of a few hundred, in order. Throws an Error that names the file, and the line where there is one, if anything is not
 * as it was written; the Problem `disk_failed` if the disk refuses it. (Whole rows that are missing at the end can only be told by who knows their number.)
 */
export async function* readCanonical(path: string): AsyncGenerator<Rebill[]> {
  let fileBytes = 0;
  async function* countedChunks(): AsyncGenerator<Buffer> {
    for await (const chunk of readChunks(path)) {
      fileBytes += chunk.length;
      yield chunk;
    }
  }
  const opened = await openRecords(countedChunks(), path);
  if (!opened) throw damaged(path, "it has no header");
  const { header, dialect, encoding } = opened;
  if (encoding.name !== "UTF-8" || encoding.markBytes > 0) throw damaged(path, "it is not plain UTF-8");
  if (readText(path, header) !== HEADER) throw damaged(path, "its header is not ours", header);
  let writtenBytes = header.bytes.length + 1;
  for await (const records of readRecords(opened)) {
    for (const record of records) writtenBytes += record.bytes.length + 1;
    const page = readRows(path, records, dialect);
    if (page.length > 0) yield page;
  }
  if (writtenBytes !== fileBytes) throw damaged(path, "there is something between its rows");
}

/**
 * The same rows as bytes, several times as fast, unchecked: only for a file whose hash is that of what was written. A page is good until
 * the next one is asked for: they share their memory. Problem `disk_failed` if the disk refuses it.
 */
export async function* readCanonicalBytes(path: string): AsyncGenerator<CanonicalRows> {
  const failed = (cause: unknown) => {
    throw unreadable(path, cause);
  };
  const file = await open(path, "r").catch(failed);
  try {
    let bytes = Buffer.allocUnsafeSlow(PAGE_BYTES);
    let filled = 0;
    let from = canonicalHeader().length;
    for (;;) {
      if (filled === bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length);
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled).catch(failed);
      if (bytesRead === 0) break;
      filled += bytesRead;
      if (filled < from) continue;
      const rows = bytes.subarray(from, filled);
      const ends = findRowEnds(rows);
      const taken = from + (ends.at(-1) ?? 0);
      if (ends.length > 0) yield new CanonicalRows(rows, ends);
      from = 0;
      bytes.copyWithin(0, taken, filled);
      filled -= taken;
    }
    if (from > 0 || filled > 0) throw damaged(path, "it is cut off");
  } finally {
    // It was only read: what closing says changes nothing.
    await file.close().catch(() => {});
  }
}

/** Rows as rebills, by the strict reader. `path` is for its errors. */
export function decodeCanonical({ bytes, ends }: CanonicalRows, path: string): Rebill[] {
  let start = 0;
  const records = Array.from(ends, (end): FramedRecord => {
    const record = { bytes: bytes.subarray(start, end - 1), line: 0, isUnended: false };
    start = end;
    return record;
  });
  return readRows(path, records, CANONICAL_DIALECT);
}

function readRows(path: string, records: readonly FramedRecord[], dialect: Dialect): Rebill[] {
  const texts = records.map((record) => readText(path, record));
  return parseRecords(texts, dialect).map((cells, at) => readRow(path, records[at], cells, texts[at]));
}

const CANONICAL_DIALECT: Dialect = { delimiter: ",", newline: "\n", columns: COLUMNS.length };

const QUOTE = 0x22;
const LF = 0x0a;

/** Behind each line end that is not within quotes: the number of quotes in front of it is even. */
function findRowEnds(bytes: Buffer): Uint32Array {
  let ends = new Uint32Array(FIRST_ROWS);
  let count = 0;
  let at = 0;
  let quote = bytes.indexOf(QUOTE);
  for (;;) {
    const newline = bytes.indexOf(LF, at);
    if (newline === -1) break;
    if (quote === -1 || newline < quote) {
      at = newline + 1;
      if (count === ends.length) ends = doubled(ends);
      ends[count] = at;
      count += 1;
      continue;
    }
    const close = bytes.indexOf(QUOTE, quote + 1);
    if (close === -1) break;
    at = close + 1;
    quote = bytes.indexOf(QUOTE, at);
  }
  return ends.subarray(0, count);
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: CHUNK_BYTES });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): Problem {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Problem("disk_failed", `cannot read the archived rows ${path}: ${reason}`, {
    cause,
    hint: "Nothing of this step was sent. Mend the disk or the file's permissions, then run again.",
  });
}

function formatValue(kind: ColumnKind, value: string | number, currency: string): string {
  if (typeof value === "string") return value;
  if (kind === "instant") return formatInstant(value);
  return kind === "amount" ? formatMajor(value, currency) : String(value);
}

function quote(cell: string): string {
  return /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function readText(path: string, record: FramedRecord): string {
  if (record.damage || record.isUnended) throw damaged(path, "it is cut off", record);
  if (!isUtf8(record.bytes)) throw damaged(path, "it is not plain UTF-8", record);
  return record.bytes.toString("utf8");
}

function readRow(path: string, record?: FramedRecord, values?: readonly string[], text?: string): Rebill {
  if (values?.length !== COLUMNS.length) throw damaged(path, "its cells are not those of the header", record);
  const cells = Object.fromEntries(COLUMNS.map(({ name }, at) => [name, values[at] ?? ""])) as unknown as RowCells;
  const amount = parseAmount(cells.amount, cells.currency, "major");
  if (findCellFaults(cells).size > 0 || "problem" in amount) throw damaged(path, "a cell is not valid", record);
  const rebill = buildRebill(cells, amount.amountMinor, {});
  // What is written again must be the same to the letter.
  if (canonicalRow(rebill) !== `${text}\n` || rebill.expiresAt === undefined) {
    throw damaged(path, "it is not as it was written", record);
  }
  return rebill;
}

function damaged(path: string, why: string, record?: FramedRecord): Error {
  const where = record && record.line > 0 ? ` at line ${record.line}` : "";
  return new Error(`the archived export ${path} is damaged${where}: ${why}`);
}
