/**
 * Accepted rows in canonical form, as bytes: what the archive holds, the ledger claims from and a batch is written from.
 * A million rows stay bytes from the export to the provider's file; a cell becomes a string only where somebody needs
 * it. Bytes come here only from whoever has judged them (intake) or proved them (by their hash): nothing is checked.
 */
import { COLUMNS, type ColumnName } from "./columns.ts";
import { HOUR_MS, type Instant, MINUTE_MS, SECOND_MS } from "./instant.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;

const INDEX: ReadonlyMap<ColumnName, number> = new Map(COLUMNS.map(({ name }, at) => [name, at]));

/** Where a column stands in a canonical row. */
export function canonicalIndex(column: ColumnName): number {
  const index = INDEX.get(column);
  if (index === undefined) throw new Error(`no column ${column}`);
  return index;
}

const AMOUNT = canonicalIndex("amount");
const CURRENCY = canonicalIndex("currency");

/** Rows one after the other, each with its line end. */
export class CanonicalRows {
  readonly bytes: Buffer;
  /** Where each row ends, its line end included; the next begins there. */
  readonly ends: Uint32Array;

  constructor(bytes: Buffer, ends: Uint32Array) {
    this.bytes = bytes;
    this.ends = ends;
  }

  get length(): number {
    return this.ends.length;
  }

  start(row: number): number {
    return row === 0 ? 0 : (this.ends[row - 1] as number);
  }

  /** The same bytes, only these rows; in ascending order. */
  pick(rows: readonly number[]): CanonicalRows {
    const bytes = Buffer.concat(rows.map((row) => this.bytes.subarray(this.start(row), this.ends[row])));
    let end = 0;
    const ends = Uint32Array.from(rows, (row) => {
      end += (this.ends[row] as number) - this.start(row);
      return end;
    });
    return new CanonicalRows(bytes, ends);
  }
}

/** Of `yyyy-MM-dd`. */
const DATE_BYTES = 10;
/** Dates of somebody else's choosing must not fill the memory. */
const MOST_DAYS = 4096;

/** A place in one row at a time. Made once and moved: a million objects would cost more than reading the rows. */
export class CanonicalCells {
  bytes: Buffer = Buffer.alloc(0);
  /** Of each cell's own bytes, quotes around it excluded; an inner quote is still doubled. */
  readonly starts = new Int32Array(COLUMNS.length);
  readonly ends = new Int32Array(COLUMNS.length);
  /** By their digits, as one number: the instants of a night fall on a few. */
  readonly #days = new Map<number, Instant>();

  moveTo(rows: CanonicalRows, row: number): void {
    this.bytes = rows.bytes;
    this.#findForward(rows.start(row), this.starts.length);
  }

  /** Finds only the columns before `until`, and those from `from` on: a third of the work where they are a third of the bytes. */
  moveToEnds(rows: CanonicalRows, row: number, until: number, from: number): void {
    this.bytes = rows.bytes;
    const isPlain = this.#findBackward((rows.ends[row] as number) - 1, from);
    this.#findForward(rows.start(row), isPlain ? until : this.starts.length);
  }

  /** From the line end to the column. False at the first quote: what is within quotes is told only from the front. */
  #findBackward(lineEnd: number, from: number): boolean {
    const { bytes, starts, ends } = this;
    let at = lineEnd;
    for (let column = starts.length - 1; column >= from; column--) {
      ends[column] = at;
      for (at -= 1; bytes[at] !== COMMA; at--) if (bytes[at] === QUOTE) return false;
      starts[column] = at + 1;
    }
    return true;
  }

  #findForward(start: number, until: number): void {
    const { bytes, starts, ends } = this;
    let at = start;
    for (let column = 0; column < until; column++) {
      if (bytes[at] === QUOTE) {
        const close = closingQuote(bytes, at + 1);
        starts[column] = at + 1;
        ends[column] = close;
        at = close + 2;
      } else {
        starts[column] = at;
        while (bytes[at] !== COMMA && bytes[at] !== LF) at += 1;
        ends[column] = at;
        at += 1;
      }
    }
  }

  /** In minor units: canonical form writes as many decimals as the currency has. */
  amountMinor(): number {
    let amount = 0;
    for (let at = this.starts[AMOUNT] as number; at < (this.ends[AMOUNT] as number); at++) {
      const byte = this.bytes[at] as number;
      if (byte !== DOT) amount = amount * 10 + byte - ZERO;
    }
    return amount;
  }

  /** Of a cell that is one: canonical form writes it as formatInstant does. */
  instant(column: number): Instant {
    const start = this.starts[column] as number;
    // A window of thousands of years leaves the years of four digits.
    if (this.bytes[start] === PLUS) return Date.parse(this.ascii(column));
    const time =
      this.#digits(start + 11, 2) * HOUR_MS +
      this.#digits(start + 14, 2) * MINUTE_MS +
      this.#digits(start + 17, 2) * SECOND_MS;
    const millis = this.bytes[start + 19] === DOT ? this.#digits(start + 20, 3) : 0;
    return this.#day(start) + time + millis;
  }

  #day(start: number): Instant {
    const digits = this.#digits(start, 4) * 10_000 + this.#digits(start + 5, 2) * 100 + this.#digits(start + 8, 2);
    const known = this.#days.get(digits);
    if (known !== undefined) return known;
    const day = Date.parse(this.bytes.toString("latin1", start, start + DATE_BYTES));
    if (this.#days.size < MOST_DAYS) this.#days.set(digits, day);
    return day;
  }

  #digits(start: number, count: number): number {
    let value = 0;
    for (let at = start; at < start + count; at++) value = value * 10 + (this.bytes[at] as number) - ZERO;
    return value;
  }

  currency(): string {
    return this.ascii(CURRENCY);
  }

  /** It holds a comma, a quote or a line break, so it stands in quotes. */
  isQuoted(column: number): boolean {
    return this.bytes[(this.starts[column] as number) - 1] === QUOTE;
  }

  text(column: number): string {
    const text = this.bytes.toString("utf8", this.starts[column] as number, this.ends[column] as number);
    return this.isQuoted(column) ? text.replaceAll('""', '"') : text;
  }

  /** For columns that hold ASCII only: several times as fast. */
  ascii(column: number): string {
    const text = this.bytes.toString("latin1", this.starts[column] as number, this.ends[column] as number);
    return this.isQuoted(column) ? text.replaceAll('""', '"') : text;
  }
}

function closingQuote(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(QUOTE, from);
  while (bytes[at + 1] === QUOTE) at = bytes.indexOf(QUOTE, at + 2);
  return at;
}
