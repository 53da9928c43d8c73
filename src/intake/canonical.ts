/**
 * Accepted rows as they lie in the archive: COLUMNS in their order under our names, commas, LF, amounts in major units,
 * instants in UTC, absent values empty. Everything resumes from here, so reading is strict: what we did not write
 * ourselves, to the last byte, is damage.
 */
import { createReadStream } from "node:fs";
import { COLUMNS, type ColumnKind } from "../domain/columns.ts";
import { formatInstant } from "../domain/instant.ts";
import { formatMajor, parseAmount } from "../domain/money.ts";
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

/** Pages of a few hundred, in order. Throws an Error that names the line if anything is not as it was written. */
export async function* readCanonical(path: string): AsyncGenerator<Rebill[]> {
  let isHeaderRead = false;
  let rows = 0;
  for await (const { records, dialect, encoding } of readRecords(createReadStream(path), path)) {
    const [first] = records;
    if (!first) continue;
    if (encoding.name !== "UTF-8" || encoding.markBytes > 0) throw damaged(path, first, "it is not plain UTF-8");
    const texts = records.map((record) => readText(path, record));
    const rest = isHeaderRead ? texts : texts.slice(1);
    if (!isHeaderRead && texts[0] !== HEADER) throw damaged(path, first, "its header is not ours");
    const offset = isHeaderRead ? 0 : 1;
    isHeaderRead = true;
    const page = parseRecords(rest, dialect).map((cells, at) => {
      const record = records[at + offset] ?? first;
      return readRow(path, record, cells, rest[at] ?? "");
    });
    rows += page.length;
    if (page.length > 0) yield page;
  }
  if (!isHeaderRead) throw new Error(`${path} is damaged: it has no header (after ${rows} rows)`);
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
  if (record.damage || record.isUnended) throw damaged(path, record, "it is cut off");
  return record.bytes.toString("utf8");
}

function readRow(path: string, record: FramedRecord, values: readonly string[] | undefined, text: string): Rebill {
  if (values?.length !== COLUMNS.length) throw damaged(path, record, "its cells are not those of the header");
  const cells = Object.fromEntries(COLUMNS.map(({ name }, at) => [name, values[at] ?? ""])) as unknown as RowCells;
  const amount = parseAmount(cells.amount, cells.currency, "major");
  if (findCellFaults(cells).size > 0 || "problem" in amount) throw damaged(path, record, "a cell is not valid");
  const rebill = buildRebill(cells, amount.amountMinor, {});
  // What is written again must be the same to the byte; this also finds what was lost in decoding.
  if (canonicalRow(rebill) !== `${text}\n` || rebill.expiresAt === undefined)
    throw damaged(path, record, "it is not as it was written");
  return rebill;
}

function damaged(path: string, record: FramedRecord, why: string): Error {
  return new Error(`${path} is damaged at line ${record.line}: ${why}`);
}
