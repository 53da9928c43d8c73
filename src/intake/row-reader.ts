/**
 * Records → rows, as the truth has it: splits them into cells, judges each, and finds the ones that stand in the file twice.
 * Judging is done alone and in any order; `settle` holds a row against all before it, in the order of the file.
 */
import { isUtf8 } from "node:buffer";
import { holdsCardNumber, maskCardNumbers } from "../domain/card-number.ts";
import { COLUMNS, type ColumnName } from "../domain/columns.ts";
import type { AcceptedRow, Rebill, RowPlace } from "../domain/rebill.ts";
import type { RowProblem, SkippedRow } from "../domain/row-verdict.ts";
import type { RowCells } from "./cell-schema.ts";
import type { Dialect } from "./dialect.ts";
import type { SeenIds } from "./duplicates.ts";
import { fingerprintText } from "./fingerprint.ts";
import { restoreFormula } from "./formula.ts";
import { describeColumn, type ExportHeader, shownName } from "./header.ts";
import { findCardNumbers, judgeRow, type RowFault, type RowRules } from "./judge-row.ts";
import { parseRecords } from "./parse-records.ts";
import { type FramedRecord, MAX_RECORD_BYTES } from "./record-framer.ts";

export interface RejectedRow extends RowPlace {
  /** Everything wrong with it; at least one. */
  readonly problems: readonly RowProblem[];
  /**
   * As many as the header has, as they were in the file, card numbers masked. A row that cannot be split into the
   * header's columns has its whole text alone (nothing of an endless one): in a page of tiny rows, empty cells add up.
   */
  readonly cells: readonly string[];
  /** The same object for all rows of a file. */
  readonly header: ExportHeader;
}

export type RowResult =
  | { readonly accepted: AcceptedRow }
  | { readonly skipped: SkippedRow }
  | { readonly rejected: RejectedRow };

/** What can be said of a row before it is known what stood above it. */
export type JudgedRow =
  | { readonly result: RowResult }
  | {
      readonly place: RowPlace;
      readonly rebill: Rebill;
      readonly neverRetry: string | undefined;
      readonly hasShortUsPostalCode: boolean;
      readonly cells: readonly string[];
    };

export class RowReader {
  readonly header: ExportHeader;
  readonly #rules: RowRules;
  readonly #dialect: Dialect;
  readonly #seen: SeenIds;
  /** For messages and findings: ours, or the export's header, or the column's number. */
  readonly #columnNames: readonly string[];
  /** By place: columns whose cells may look like a card number. */
  readonly exempt: ReadonlySet<number>;
  #rows = 0;
  shortUsPostalCodes = 0;
  heldCardNumber = false;

  constructor(header: ExportHeader, rules: RowRules, dialect: Dialect, seen: SeenIds) {
    this.header = header;
    this.#rules = rules;
    this.#dialect = dialect;
    this.#seen = seen;
    const ours = new Map([...header.places].map(([name, at]) => [at, name]));
    this.#columnNames = header.cells.map(
      (cell, at) => ours.get(at) ?? (cell === "" ? `column ${at + 1}` : shownName(cell)),
    );
    const exempt = new Set(rules.policy.notCardNumbers);
    const isExempt = (at: number): boolean =>
      exempt.has(header.cells[at] ?? "") || exempt.has(this.#columnNames[at] ?? "");
    this.exempt = new Set(header.cells.keys().filter(isExempt));
  }

  /** The next records of the file, without the header. */
  read(records: readonly FramedRecord[]): RowResult[] {
    const places = records.map(({ line }) => {
      this.#rows += 1;
      return { row: this.#rows, line };
    });
    return this.judge(records, places).map((judged) => this.settle(judged));
  }

  /** `split` gives the same cells as csv-parse. */
  judge(records: readonly FramedRecord[], places: readonly RowPlace[], split = parseRecords): JudgedRow[] {
    const texts = records.map((record) => record.bytes.toString("utf8"));
    const whole = texts.filter((_, at) => records[at]?.damage === undefined);
    const parsed = split(whole, this.#dialect).values();
    return records.map((record, at) => {
      const cells = record.damage === undefined ? parsed.next().value : undefined;
      const place = places[at] ?? { row: 0, line: record.line };
      return this.#judgeRow(place, record, texts[at] ?? "", cells);
    });
  }

  /** Each row once, in the order of the file. */
  settle(judged: JudgedRow): RowResult {
    if ("result" in judged) return judged.result;
    const { place, rebill, neverRetry, cells } = judged;
    const duplicates = this.#findDuplicates(rebill, place);
    if (duplicates.length > 0) return this.#reject(place, duplicates, this.#maskCells(cells));
    if (judged.hasShortUsPostalCode) this.shortUsPostalCodes += 1;
    return neverRetry === undefined
      ? { accepted: { ...place, rebill } }
      : { skipped: skipNeverRetry(place, rebill.orderId, neverRetry) };
  }

  /** What was noticed about the rows as a whole. */
  notes(): string[] {
    if (this.shortUsPostalCodes === 0) return [];
    return [
      `${this.shortUsPostalCodes} US postal codes have fewer than 5 digits: a spreadsheet may have dropped the zeros in front`,
    ];
  }

  #judgeRow(place: RowPlace, record: FramedRecord, text: string, parsed: string[] | undefined): JudgedRow {
    const encodingFaults = isUtf8(record.bytes) ? [] : [NOT_UTF8];
    const structural = describeStructure(record, parsed?.length, this.header.cells.length);
    // Where the text holds none, no cell of it does: looking once is enough for nearly every row.
    const mayHoldCard = holdsCardNumber(text);
    if (parsed === undefined || structural) {
      const found = mayHoldCard ? [CARD_NUMBER_IN_ROW] : [];
      this.heldCardNumber ||= mayHoldCard;
      // Of an endless row only the start was kept, and a number cut in two could not be masked.
      const shown = record.damage === "size" ? "" : maskCardNumbers(text);
      return {
        result: this.#reject(place, [...(structural ? [structural] : []), ...encodingFaults, ...found], [shown]),
      };
    }
    const cells = this.header.isRejectsFile ? parsed.map(restoreFormula) : parsed;
    const cardFaults = mayHoldCard ? this.#findCardNumbers(cells) : [];
    const ours = this.#pickOurs(cells);
    const verdict = judgeRow(ours, this.#rules);
    const faults = [...encodingFaults, ...cardFaults, ...("faults" in verdict ? verdict.faults : [])];
    if (faults.length > 0 || "faults" in verdict) {
      return { result: this.#reject(place, faults, this.#maskCells(cells)) };
    }
    const hasShortUsPostalCode = ours.country === "US" && /^\d{1,4}$/.test(ours.postal_code);
    return { ...verdict, place, hasShortUsPostalCode, cells };
  }

  #pickOurs(cells: readonly string[]): RowCells {
    const { places } = this.header;
    const ours: Partial<Record<ColumnName, string>> = {};
    for (const { name } of COLUMNS) {
      const at = places.get(name);
      ours[name] = at === undefined ? "" : (cells[at] ?? "");
    }
    return ours as RowCells;
  }

  #findCardNumbers(cells: readonly string[]): RowFault[] {
    const looked = cells.map((cell, at) => (this.exempt.has(at) ? "" : cell));
    const found = findCardNumbers(looked, this.#columnNames);
    if (found.length > 0) this.heldCardNumber = true;
    return found;
  }

  #maskCells(cells: readonly string[]): string[] {
    return cells.map((cell, at) => (this.exempt.has(at) ? cell : maskCardNumbers(cell)));
  }

  #findDuplicates({ orderId, transactionId }: Rebill, { line }: RowPlace): RowFault[] {
    const { high, low } = fingerprintText(orderId);
    const transaction = fingerprintText(transactionId);
    if (this.#seen.add(high, low, transaction.high, transaction.low, line)) return [];
    const fault = (column: ColumnName, firstLine: number): RowFault[] => {
      if (firstLine === 0) return [];
      const words = describeColumn(column, this.#rules.shape);
      const message = `${words} stands on line ${firstLine} already; only that row counts`;
      return [{ column, code: "duplicate_in_file", message }];
    };
    return [...fault("order_id", this.#seen.orderLine), ...fault("transaction_id", this.#seen.transactionLine)];
  }

  #reject(place: RowPlace, faults: readonly RowFault[], cells: readonly string[]): RowResult {
    const problems = faults.map((fault) => ({ row: place.row, line: place.line, ...fault }));
    return { rejected: { ...place, problems, cells, header: this.header } };
  }
}

export function skipNeverRetry(place: RowPlace, orderId: string, reason: string): SkippedRow {
  return { ...place, orderId, code: "never_retry", message: `never to be tried again: ${reason}` };
}

const NOT_UTF8: RowFault = {
  column: "",
  code: "bad_encoding",
  message: "the row holds bytes that are not UTF-8; export the file as UTF-8",
};

const CARD_NUMBER_IN_ROW: RowFault = {
  column: "",
  code: "card_number",
  message: "the row holds what looks like a card number; only vault tokens may be sent, so take it out of the export",
};

/** Why a record is no row of this file; undefined: it has the header's columns. */
function describeStructure(record: FramedRecord, cells: number | undefined, columns: number): RowFault | undefined {
  const fault = (code: "too_long" | "bad_quoting" | "column_count", message: string): RowFault => ({
    column: "",
    code,
    message: record.isUnended ? `${message}; the file ends in the middle of it` : message,
  });
  if (record.damage === "size") return fault("too_long", `the row is longer than ${MAX_RECORD_BYTES} bytes`);
  if (cells === undefined) {
    return fault(
      "bad_quoting",
      'a quotation mark in the row has no partner, or stands where none may (write "" for one)',
    );
  }
  if (cells === columns) return undefined;
  return fault("column_count", `the row has ${cells} ${cells === 1 ? "cell" : "cells"}, the header has ${columns}`);
}
