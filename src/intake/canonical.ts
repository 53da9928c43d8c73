/**
 * Accepted rows as they lie in the archive: COLUMNS in their order under our names, commas, LF, amounts in major units,
 * instants in UTC, absent values empty. Everything resumes from here, so reading is strict: what we did not write
 * ourselves, to the last byte, is damage.
 */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { COLUMNS, type ColumnKind } from "../domain/columns.ts";
import { formatInstant } from "../domain/instant.ts";
import { formatMajor, parseAmount } from "../domain/money.ts";
import { Problem } from "../domain/problem.ts";
import type { Rebill } from "../domain/rebill.ts";
import { buildRebill } from "./build-rebill.ts";
import { findCellFaults, type RowCells } from "./cell-schema.ts";
import { parseRecords } from "./parse-records.ts";
import { readRecords } from "./read-records.ts";
import type { FramedRecord } from "./record-framer.ts";

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
  let isHeaderRead = false;
  let fileBytes = 0;
  let writtenBytes = 0;
  async function* countedChunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of createReadStream(path)) {
        fileBytes += chunk.length;
        yield chunk;
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Problem("disk_failed", `cannot read the archived rows ${path}: ${reason}`, {
        cause,
        hint: "Nothing of this step was sent. Mend the disk or the file's permissions, then run again.",
      });
    }
  }
  for await (const { records, dialect, encoding } of readRecords(countedChunks(), path)) {
    if (encoding.name !== "UTF-8" || encoding.markBytes > 0) throw damaged(path, "it is not plain UTF-8");
    const rows = isHeaderRead ? records : skipHeader(path, records);
    isHeaderRead ||= records.length > 0;
    for (const record of records) writtenBytes += record.bytes.length + 1;
    const texts = rows.map((record) => readText(path, record));
    const page = parseRecords(texts, dialect).map((cells, at) => readRow(path, rows[at], cells, texts[at]));
    if (page.length > 0) yield page;
  }
  if (!isHeaderRead) throw damaged(path, "it has no header");
  if (writtenBytes !== fileBytes) throw damaged(path, "there is something between its rows");
}

function skipHeader(path: string, records: readonly FramedRecord[]): readonly FramedRecord[] {
  const [header, ...rows] = records;
  if (header && readText(path, header) !== HEADER) throw damaged(path, "its header is not ours", header);
  return rows;
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
  const where = record ? ` at line ${record.line}` : "";
  return new Error(`the archived export ${path} is damaged${where}: ${why}`);
}
