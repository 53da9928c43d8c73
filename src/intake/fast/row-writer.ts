/** A row that was found right → its canonical form. */
import type { Instant } from "../../domain/instant.ts";
import { BYTE } from "./bytes.ts";
import { CanonicalWriter } from "./canonical-writer.ts";
import { type CanonicalLayout, type ColumnPlan, FORM, layOut, QUOTED_FORM } from "./column-plan.ts";
import type { CellSpans } from "./row-scanner.ts";

/** What was read of the cells that canonical form may write in another way. */
export interface RowValues {
  declinedAt: Instant;
  expiresAt: Instant;
  amountMinor: number;
  /** Decimals of the currency. */
  exponent: number;
  /** The amount's cell is written as canonical form would. */
  amountIsCanonical: boolean;
}

export class RowWriter {
  readonly #plans: readonly ColumnPlan[];
  /** The plans, in columns of numbers. */
  readonly #layout: CanonicalLayout;
  readonly #isCommaFile: boolean;
  readonly #cells: CellSpans;
  readonly #writer = new CanonicalWriter();

  constructor(plans: readonly ColumnPlan[], delimiter: string, cells: CellSpans) {
    this.#plans = plans;
    this.#layout = layOut(plans);
    this.#isCommaFile = delimiter === ",";
    this.#cells = cells;
  }

  /** Before the records of other bytes. */
  readFrom(bytes: Buffer): void {
    this.#writer.readFrom(bytes);
  }

  /** Where the row ends. */
  write(bytes: Buffer, values: RowValues, out: Buffer, from: number): number {
    const { starts, ends, isQuoted } = this.#cells;
    const { places, forms } = this.#layout;
    const writer = this.#writer;
    writer.begin(out, from);
    // A row without quotes is mostly written as it stands, in long runs.
    const canRun = this.#isCommaFile && !isQuoted;
    let runStart = -1;
    let runEnd = 0;
    for (let column = 0; column < places.length; column++) {
      const place = places[column] as number;
      const start = place === -1 ? -1 : (starts[place] as number);
      const end = place === -1 ? -1 : (ends[place] as number);
      const isAsItStands = isVerbatim(forms[column] as number, values, bytes, start, end);
      if (isAsItStands && canRun) {
        if (runStart !== -1 && start === runEnd + 1) {
          runEnd = end;
          continue;
        }
        if (runStart !== -1) writer.cell(runStart, runEnd);
        runStart = start;
        runEnd = end;
        continue;
      }
      if (runStart !== -1) writer.cell(runStart, runEnd);
      runStart = -1;
      if (isAsItStands) this.#writeVerbatim(place, start, end);
      else this.#writeOurs(column, values);
    }
    if (runStart !== -1) writer.cell(runStart, runEnd);
    return writer.end();
  }

  #writeVerbatim(place: number, start: number, end: number): void {
    if (((this.#cells.masks[place] as number) & QUOTED_FORM) !== 0) this.#writer.quotedCell(start, end);
    else this.#writer.cell(start, end);
  }

  #writeOurs(column: number, values: RowValues): void {
    const form = this.#layout.forms[column];
    if (form === FORM.amount) {
      this.#writer.amount(values.amountMinor, values.exponent);
    } else if (form === FORM.declinedAt || form === FORM.expiresAt) {
      this.#writer.instant(form === FORM.declinedAt ? values.declinedAt : values.expiresAt);
    } else {
      const { fallback } = this.#plans[column] as ColumnPlan;
      this.#writer.text(fallback, 0, fallback.length);
    }
  }
}

/** Is the cell in canonical form already, but for its quotes? */
function isVerbatim(form: number, values: RowValues, bytes: Buffer, start: number, end: number): boolean {
  if (form === FORM.verbatim) return start !== -1;
  if (form === FORM.amount) return values.amountIsCanonical;
  if (form === FORM.fallback) return start !== end;
  return start !== end && isCanonicalInstant(bytes, start, end);
}

function isCanonicalInstant(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[end - 1] !== BYTE.upperZ) return false;
  if (end - start === 20) return true;
  return (
    end - start === 24 &&
    !(bytes[start + 20] === BYTE.zero && bytes[start + 21] === BYTE.zero && bytes[start + 22] === BYTE.zero)
  );
}
