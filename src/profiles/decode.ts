/**
 * Result file → rows in our words, by the profile's data. Anything that cannot be read with certainty is `malformed` with
 * its line: it becomes a break, never a guess. Reasons never hold the value of a cell.
 */
import type { OutcomeStatus } from "../domain/outcome.ts";
import type { ResultRow } from "../domain/reconcile.ts";
import type { Profile } from "./profile.ts";
import { readChunks } from "./read-chunks.ts";
import { locateColumns, type ResultColumns } from "./result-header.ts";
import { RecordReader, type ResultRecord } from "./result-records.ts";
import { isPlainKey, parseResultAmount, parseResultInstant, ShortWords } from "./result-values.ts";

export type ResultLine = ResultRow | { readonly line: number; readonly malformed: string };

const PAGE_ROWS = 1000;

/**
 * Every data row in the order of the file, in pages; streams, so memory does not grow with the file. A last row without
 * a newline is read like any other. For files that `checkResultFile` passed: a header that lacks our columns throws.
 */
export async function* readResults(profile: Profile, path: string): AsyncGenerator<ResultLine[]> {
  const reader = new RecordReader(profile.results.delimiter);
  const rows = new RowDecoder(profile);
  const text = new TextDecoder("utf-8");
  for await (const chunk of readChunks(path)) {
    yield* pages(rows.decode(reader.write(text.decode(chunk, { stream: true }))));
  }
  yield* pages(rows.decode([...reader.write(text.decode()), ...reader.end()]));
}

function* pages(lines: readonly ResultLine[]): Generator<ResultLine[]> {
  for (let start = 0; start < lines.length; start += PAGE_ROWS) yield lines.slice(start, start + PAGE_ROWS);
}

/** The first record it is given is the header. */
class RowDecoder {
  readonly #profile: Profile;
  readonly #shortWords = new ShortWords(64);
  readonly #shortMessages = new ShortWords(256);
  #columns: ResultColumns | undefined;
  #width = 0;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  decode(records: readonly ResultRecord[]): ResultLine[] {
    const lines: ResultLine[] = [];
    for (const record of records) {
      if (this.#columns) lines.push(this.#decodeRow(record, this.#columns));
      else this.#readHeader(record);
    }
    return lines;
  }

  #readHeader(header: ResultRecord): void {
    const cells = "cells" in header ? header.cells : [];
    const located = locateColumns(this.#profile.results, cells);
    if ("problem" in located) throw new Error(`not a result file of ${this.#profile.id}: ${located.problem}`);
    this.#columns = located.columns;
    this.#width = cells.length;
  }

  #decodeRow(record: ResultRecord, columns: ResultColumns): ResultLine {
    const { line } = record;
    if ("damage" in record) return { line, malformed: record.damage };
    const { length } = record.cells;
    if (length !== this.#width) return { line, malformed: `${length} columns, the header has ${this.#width}` };
    const row = this.#decodeCells(columns, record.cells, line);
    return typeof row === "string" ? { line, malformed: row } : row;
  }

  /** The row, or why it cannot be believed. */
  #decodeCells(columns: ResultColumns, cells: readonly string[], line: number): ResultRow | string {
    const { results } = this.#profile;
    const cell = (field: keyof ResultColumns): string => cells[columns[field] ?? -1] ?? "";
    const orderId = cell("order_id");
    const sessionKey = cell("session_key");
    const word = cell("status");
    const currency = cell("currency").trim();
    if (orderId === "" && sessionKey === "") return "neither an order id nor a session key";
    if (!isPlainKey(orderId)) return "the order id is not plain text of at most 128 characters";
    if (!isPlainKey(sessionKey)) return "the session key is not plain text of at most 128 characters";
    if (word.trim() === "") return "the status is blank";
    if (word.includes("\uFFFD")) return "the status is not UTF-8";

    const amount = parseResultAmount(cell("amount"), currency, results.amountUnit);
    if (typeof amount === "string") return amount;
    const processedAt = parseResultInstant(cell("processed_at"));
    if (typeof processedAt === "string") return processedAt;
    const status = results.statuses[word.trim().toUpperCase()];
    if (status !== undefined && isMoney(status)) {
      if (amount.minor === undefined) return `the amount is blank, and the word means ${status}`;
      if (currency === "") return `the currency is blank, and the word means ${status}`;
    }
    return {
      line,
      orderId,
      sessionKey,
      rawStatus: this.#shortWords.of(word),
      status,
      amountMinor: amount.minor,
      currency,
      processedAt: processedAt.instant,
      responseCode: this.#shortWords.of(cell("response_code")),
      message: this.#shortMessages.of(cell("message")),
    };
  }
}

function isMoney(status: OutcomeStatus): boolean {
  return status === "rescued" || status === "refunded" || status === "charged_back";
}
