/**
 * Reads a batch file as the provider does: with csv-parse and the profile's data, and none of the code that wrote it, so
 * that one misunderstanding cannot satisfy both sides. Reasons never hold the value of a cell.
 */
import { CsvError, parse } from "csv-parse/sync";
import { findColumn } from "../domain/columns.ts";
import { currencyExponent } from "../domain/currency.ts";
import { calendarDay, calendarDaysBetween, formatDuration, type Instant } from "../domain/instant.ts";
import { parseAmount } from "../domain/money.ts";
import type { BatchColumn, BatchProfile, Profile } from "../profiles/profile.ts";
import { holdsCardNumber } from "./card-number.ts";

export interface ReadOrder {
  /** 1 is the first data row. */
  readonly row: number;
  readonly orderId: string;
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly expiresAt: Instant;
  readonly responseCode: string;
  readonly responseCodeSource: string;
}

export interface RefusedRow {
  readonly row: number;
  readonly orderId: string;
  readonly reasons: readonly string[];
}

export type BatchReading =
  | { readonly refusal: string; readonly holdsCardNumber: boolean }
  | { readonly mid: string; readonly orders: readonly ReadOrder[]; readonly refusedRows: readonly RefusedRow[] };

export interface ReadingRules {
  readonly profile: Profile;
  /** Undefined: whose file this is has not been told, so one merchant's id throughout the file is enough. */
  readonly mid: string | undefined;
  /** The provider's today. */
  readonly now: Instant;
  readonly timezone: string;
  /** 1: declined today or yesterday. */
  readonly maxAgeDays: number;
}

export function readBatch(bytes: Buffer, rules: ReadingRules): BatchReading {
  const text = decodeText(bytes);
  if (text === undefined) return { refusal: "the file is not UTF-8", holdsCardNumber: false };
  // Before anything else: whatever is wrong with it besides, such a file must not be kept.
  const line = text.split("\n").findIndex(holdsCardNumber) + 1;
  if (line > 0) return { refusal: `line ${line} holds what looks like a card number`, holdsCardNumber: true };

  const { batch } = rules.profile;
  const records = parseRecords(text, batch);
  if (typeof records === "string") return { refusal: records, holdsCardNumber: false };
  const rows = batch.header ? records.slice(1) : records;
  const refusal = (batch.header ? findHeaderRefusal(records[0], batch) : undefined) ?? findRowsRefusal(rows, rules);
  if (refusal !== undefined) return { refusal, holdsCardNumber: false };

  const orders: ReadOrder[] = [];
  const refusedRows: RefusedRow[] = [];
  rows.forEach((cells, index) => {
    const order = toOrder(cells, index + 1, batch);
    const reasons = findRowRefusals(cells, order, rules);
    if (reasons.length === 0) orders.push(order);
    else refusedRows.push({ row: order.row, orderId: order.orderId, reasons });
  });
  const mid = rows[0]?.[batch.columns.findIndex((column) => column.mid)] ?? rules.mid ?? "";
  return { mid, orders, refusedRows };
}

function decodeText(bytes: Buffer): string | undefined {
  try {
    // A byte order mark is kept, and then the header is not the agreed one.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseRecords(text: string, batch: BatchProfile): string[][] | string {
  if (text !== "" && !text.endsWith(batch.newline)) return "the last line has no end: the file is cut off";
  try {
    return parse(text, { delimiter: batch.delimiter, record_delimiter: batch.newline });
  } catch (error) {
    if (error instanceof CsvError) return `the file is not well-formed CSV (${error.code})`;
    throw error;
  }
}

function findHeaderRefusal(header: readonly string[] = [], { columns }: BatchProfile): string | undefined {
  const isAgreed = header.length === columns.length && columns.every(({ name }, index) => name === header[index]);
  return isAgreed ? undefined : "the header is not the agreed columns in the agreed order";
}

function findRowsRefusal(rows: readonly string[][], { profile: { batch }, mid }: ReadingRules): string | undefined {
  if (rows.length === 0) return "there are no rows";
  if (rows.length > batch.maxRows) return `${rows.length} rows, at most ${batch.maxRows} are taken`;
  if (rows.some((cells) => cells.length !== batch.columns.length)) return "a row has another number of columns";
  for (const [index, column] of batch.columns.entries()) {
    if (column.sequence && rows.some((cells, row) => cells[index] !== String(row + 1))) {
      return `${column.name} does not count 1, 2, 3 to the end`;
    }
    if (column.mid && rows.some((cells) => cells[index] !== (mid ?? rows[0]?.[index]))) {
      return `${column.name} is another merchant's`;
    }
  }
  return undefined;
}

function toOrder(cells: readonly string[], row: number, { columns }: BatchProfile): ReadOrder {
  const cell = (from: BatchColumn["from"]): string => cells[columns.findIndex((column) => column.from === from)] ?? "";
  const currency = cell("currency");
  return {
    row,
    orderId: cell("order_id"),
    transactionId: cell("transaction_id"),
    amountMinor: readAmount(
      cell("amount"),
      currency,
      columns.find((column) => column.from === "amount"),
    ),
    currency,
    declinedAt: readInstant(cell("declined_at")),
    expiresAt: readInstant(cell("expires_at")),
    responseCode: cell("decline_code"),
    responseCodeSource: cell("decline_code_source"),
  };
}

/** NaN for anything but a positive amount in the form agreed. */
function readAmount(text: string, currency: string, column: BatchColumn | undefined): number {
  if (column?.as === "major_units") {
    const amount = parseAmount(text, currency, "major");
    return "amountMinor" in amount ? amount.amountMinor : Number.NaN;
  }
  return /^[1-9]\d{0,11}$/.test(text) ? Number(text) : Number.NaN;
}

/** NaN for anything but UTC in the form agreed. */
function readInstant(text: string): Instant {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(text)) return Number.NaN;
  const instant = Date.parse(text);
  // Date.parse lets the 30th of February be the 2nd of March.
  const exists = !Number.isNaN(instant) && new Date(instant).toISOString().slice(0, 19) === text.slice(0, 19);
  return exists ? instant : Number.NaN;
}

function findRowRefusals(cells: readonly string[], order: ReadOrder, rules: ReadingRules): string[] {
  const reasons: string[] = [];
  rules.profile.batch.columns.forEach((column, index) => {
    const cell = cells[index] ?? "";
    if (column.constant !== undefined && cell !== column.constant) {
      reasons.push(`${column.name} must be ${column.constant}`);
    }
    if (column.from !== undefined && findColumn(column.from)?.required && cell === "") {
      reasons.push(`${column.name} is empty`);
    }
  });
  if (Number.isNaN(order.amountMinor)) reasons.push("the amount is not a positive number of the agreed form");
  if (currencyExponent(order.currency) === undefined) reasons.push("the currency is unknown");
  reasons.push(...findTimeRefusals(order, rules));
  return reasons;
}

function findTimeRefusals({ declinedAt, expiresAt }: ReadOrder, rules: ReadingRules): string[] {
  if (Number.isNaN(declinedAt) || Number.isNaN(expiresAt)) {
    return ["the time of the decline or the end of the window is not UTC in the agreed form"];
  }
  const reasons: string[] = [];
  const day = (instant: Instant): string => calendarDay(instant, rules.timezone);
  const ageDays = calendarDaysBetween(day(declinedAt), day(rules.now));
  if (ageDays > rules.maxAgeDays) reasons.push(`declined ${ageDays} days ago, at most ${rules.maxAgeDays} are taken`);
  if (ageDays < 0) reasons.push("declined in the future");
  const { minimumMs } = rules.profile.window;
  if (expiresAt - declinedAt < minimumMs) reasons.push(`the window is shorter than ${formatDuration(minimumMs)}`);
  if (expiresAt <= rules.now) reasons.push("the window is over");
  return reasons;
}
