/** A page of accepted rows: their canonical bytes, and where each stood in its export. */
import { CanonicalCells, type CanonicalRows } from "./canonical-rows.ts";
import { type MoneyTotal, MoneyTotals } from "./money.ts";
import type { RowPlace } from "./rebill.ts";

export class AcceptedPage {
  readonly rows: CanonicalRows;
  readonly #rowNumbers: Uint32Array;
  readonly #lines: Uint32Array;
  readonly #totals: MoneyTotal[] | undefined;

  /** `totals` are counted here where nobody has done it yet. */
  constructor(rows: CanonicalRows, rowNumbers: Uint32Array, lines: Uint32Array, totals?: MoneyTotal[]) {
    this.rows = rows;
    this.#rowNumbers = rowNumbers;
    this.#lines = lines;
    this.#totals = totals;
  }

  get length(): number {
    return this.rows.length;
  }

  placeOf(at: number): RowPlace {
    return { row: this.#rowNumbers[at] as number, line: this.#lines[at] as number };
  }

  totals(): readonly MoneyTotal[] {
    if (this.#totals) return this.#totals;
    const totals = new MoneyTotals();
    const cells = new CanonicalCells();
    for (let at = 0; at < this.length; at++) {
      cells.moveTo(this.rows, at);
      totals.add(cells.currency(), cells.amountMinor());
    }
    return totals.toArray();
  }

  /** Only these, in ascending order. */
  pick(wanted: readonly number[]): AcceptedPage {
    if (wanted.length === this.length) return this;
    const rowNumbers = Uint32Array.from(wanted, (at) => this.#rowNumbers[at] as number);
    const lines = Uint32Array.from(wanted, (at) => this.#lines[at] as number);
    return new AcceptedPage(this.rows.pick(wanted), rowNumbers, lines);
  }
}
