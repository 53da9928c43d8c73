/** One record of a result file → a row in our words, by the profile's data. Reasons never hold the value of a cell. */
import type { OutcomeStatus } from "../domain/outcome.ts";
import type { ResultRow } from "../domain/reconcile.ts";
import type { Profile } from "./profile.ts";
import { locateColumns, type ResultColumns } from "./result-header.ts";
import type { ResultRecord } from "./result-records.ts";
import { isPlainKey, parseResultAmount, parseResultInstant, ShortWords } from "./result-values.ts";

/** What cannot be read with certainty is `malformed`: it becomes a break, never a guess. */
export interface MalformedLine {
  readonly line: number;
  readonly malformed: string;
}

export type ResultLine = ResultRow | MalformedLine;

export class RowDecoder {
  readonly #profile: Profile;
  readonly #shortWords = new ShortWords(64);
  readonly #shortMessages = new ShortWords(256);
  readonly #width: number;
  readonly columns: ResultColumns;

  /** Throws where the header lacks our columns. */
  constructor(profile: Profile, header: ResultRecord) {
    const cells = "cells" in header ? header.cells : [];
    const located = locateColumns(profile.results, cells);
    if ("problem" in located) throw new Error(`not a result file of ${profile.id}: ${located.problem}`);
    this.#profile = profile;
    this.columns = located.columns;
    this.#width = cells.length;
  }

  decode(record: ResultRecord): ResultLine {
    const { line } = record;
    if ("damage" in record) return { line, malformed: record.damage };
    const { length } = record.cells;
    if (length !== this.#width) return { line, malformed: `${length} columns, the header has ${this.#width}` };
    const row = this.#decodeCells(record.cells, line);
    return typeof row === "string" ? { line, malformed: row } : row;
  }

  /** The row, or why it cannot be believed. */
  #decodeCells(cells: readonly string[], line: number): ResultRow | string {
    const { results } = this.#profile;
    const { columns } = this;
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
