/** Counts every row, and hands it on in pages, in the order of the file. */
import { AcceptedPage } from "../domain/accepted-page.ts";
import { CanonicalRows } from "../domain/canonical-rows.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { AcceptedRow } from "../domain/rebill.ts";
import type { RejectCode, SkipCode, SkippedRow } from "../domain/row-verdict.ts";
import { canonicalRow } from "./canonical.ts";
import { currencyIndex, currencyOf } from "./currency-index.ts";
import type { RejectedRow, RowResult } from "./row-reader.ts";

/** Each call is awaited; rows come in the order of the file within each of the three. */
export interface ExportSink {
  /**
   * About a thousand at a time, never none. Its bytes are used again when this resolves. Absent: accepted rows are only
   * counted, and a fifth of the work is left out, for canonical form is not written.
   */
  accepted?(page: AcceptedPage): Promise<void>;
  skipped(rows: readonly SkippedRow[]): Promise<void>;
  rejected(row: RejectedRow): Promise<void>;
}

export interface RowCounts {
  /** `accepted + skipped + rejected`; blank lines are no rows. */
  readonly rows: number;
  readonly accepted: number;
  readonly skipped: number;
  /** Rows; one row may have several problems. */
  readonly rejected: number;
  readonly skippedByCode: Readonly<Partial<Record<SkipCode, number>>>;
  /** Problems. */
  readonly rejectedByCode: Readonly<Partial<Record<RejectCode, number>>>;
  /** Of the accepted rows. */
  readonly totals: readonly MoneyTotal[];
}

/** Accepted rows as a scan writes them: canonical bytes one after the other. */
export interface PlainRows {
  readonly canonical: Buffer;
  readonly canonicalEnds: Uint32Array;
  readonly row: Uint32Array;
  readonly line: Uint32Array;
  readonly amountMinor: Float64Array;
  /** See currencyIndex. */
  readonly currency: Uint16Array;
}

const PAGE_ROWS = 1000;

export class RowTally {
  readonly #sink: ExportSink;
  readonly #totals = new MoneyTotals();
  readonly #skippedByCode: Partial<Record<SkipCode, number>> = {};
  readonly #rejectedByCode: Partial<Record<RejectCode, number>> = {};
  readonly #counts = { rows: 0, accepted: 0, skipped: 0, rejected: 0 };
  readonly #page: PageBuilder;
  #skipped: SkippedRow[] = [];

  constructor(sink: ExportSink) {
    this.#sink = sink;
    this.#page = new PageBuilder(PAGE_ROWS, this.keepsRows);
  }

  /** Somebody wants the accepted rows themselves. */
  get keepsRows(): boolean {
    return this.#sink.accepted !== undefined;
  }

  async add(result: RowResult): Promise<void> {
    this.#counts.rows += 1;
    if ("accepted" in result) this.#page.addRebill(result.accepted);
    else if ("skipped" in result) this.#skip(result.skipped);
    else await this.#reject(result.rejected);
    if (this.#page.isFull || this.#skipped.length >= PAGE_ROWS) await this.flush();
  }

  /** The rows from `from` to `to`, numbered on from these. */
  async addPlain(rows: PlainRows, from: number, to: number, base: { row: number; line: number }): Promise<void> {
    this.#counts.rows += to - from;
    for (let at = from; at < to; ) {
      at = this.#page.addPlain(rows, at, to, base);
      if (this.#page.isFull) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const skipped = this.#skipped;
    this.#skipped = [];
    const count = this.#page.rows;
    const page = this.#page.take();
    if (count > 0) {
      this.#counts.accepted += count;
      this.#totals.addAll(page.totals());
      await this.#sink.accepted?.(page);
    }
    if (skipped.length > 0) await this.#sink.skipped(skipped);
  }

  summary(): RowCounts {
    return {
      ...this.#counts,
      skippedByCode: this.#skippedByCode,
      rejectedByCode: this.#rejectedByCode,
      totals: this.#totals.toArray(),
    };
  }

  #skip(row: SkippedRow): void {
    this.#counts.skipped += 1;
    this.#skippedByCode[row.code] = (this.#skippedByCode[row.code] ?? 0) + 1;
    this.#skipped.push(row);
  }

  async #reject(row: RejectedRow): Promise<void> {
    this.#counts.rejected += 1;
    for (const { code } of row.problems) this.#rejectedByCode[code] = (this.#rejectedByCode[code] ?? 0) + 1;
    await this.#sink.rejected(row);
  }
}

/** It grows: most exports are small. */
const FIRST_PAGE_BYTES = 16 * 1024;

/** One page in the making; its memory is used again for the next. */
class PageBuilder {
  rows = 0;
  readonly #keepsRows: boolean;
  #bytes = Buffer.allocUnsafe(FIRST_PAGE_BYTES);
  #length = 0;
  readonly #ends: Uint32Array;
  readonly #rowNumbers: Uint32Array;
  readonly #lines: Uint32Array;
  /** Per page small enough for plain numbers: 1000 amounts of 12 digits. */
  readonly #sums = new Map<number, { count: number; amountMinor: number }>();

  /** Without `keepsRows` the pages have their totals, and no rows. */
  constructor(capacity: number, keepsRows: boolean) {
    this.#keepsRows = keepsRows;
    this.#ends = new Uint32Array(capacity);
    this.#rowNumbers = new Uint32Array(capacity);
    this.#lines = new Uint32Array(capacity);
  }

  get isFull(): boolean {
    return this.rows === this.#ends.length;
  }

  addRebill({ rebill, row, line }: AcceptedRow): void {
    if (this.#keepsRows) {
      const bytes = Buffer.from(canonicalRow(rebill));
      this.#copy(bytes, 0, bytes.length);
      this.#ends[this.rows] = this.#length;
      this.#rowNumbers[this.rows] = row;
      this.#lines[this.rows] = line;
    }
    this.rows += 1;
    this.#sum(currencyIndex(Buffer.from(rebill.currency), 0, rebill.currency.length), rebill.amountMinor);
  }

  /** As many as there is room for; where it stopped. */
  addPlain(rows: PlainRows, from: number, to: number, base: { row: number; line: number }): number {
    const until = Math.min(to, from + this.#ends.length - this.rows);
    if (this.#keepsRows) this.#keepPlain(rows, from, until, base);
    this.rows += until - from;
    for (let at = from; at < until; at++) this.#sum(rows.currency[at] as number, rows.amountMinor[at] as number);
    return until;
  }

  #keepPlain(rows: PlainRows, from: number, until: number, base: { row: number; line: number }): void {
    const start = from === 0 ? 0 : (rows.canonicalEnds[from - 1] as number);
    const shift = this.#length - start;
    this.#copy(rows.canonical, start, rows.canonicalEnds[until - 1] as number);
    let row = this.rows;
    for (let at = from; at < until; at++, row++) {
      this.#ends[row] = (rows.canonicalEnds[at] as number) + shift;
      this.#rowNumbers[row] = (rows.row[at] as number) + base.row;
      this.#lines[row] = (rows.line[at] as number) + base.line;
    }
  }

  take(): AcceptedPage {
    const rows = this.#keepsRows ? this.rows : 0;
    const canonical = new CanonicalRows(this.#bytes.subarray(0, this.#length), this.#ends.subarray(0, rows));
    const totals = new MoneyTotals();
    for (const [currency, { count, amountMinor }] of this.#sums) totals.add(currencyOf(currency), amountMinor, count);
    this.#sums.clear();
    this.rows = 0;
    this.#length = 0;
    return new AcceptedPage(
      canonical,
      this.#rowNumbers.subarray(0, rows),
      this.#lines.subarray(0, rows),
      totals.toArray(),
    );
  }

  #sum(currency: number, amountMinor: number): void {
    const sum = this.#sums.get(currency);
    if (sum) {
      sum.count += 1;
      sum.amountMinor += amountMinor;
    } else {
      this.#sums.set(currency, { count: 1, amountMinor });
    }
  }

  #copy(from: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    from.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
  }
}
