/** Writes one row after the other in canonical form. Cells are short: a loop over words is faster than a call of `copy`. */
import { DAY_MS, formatInstant, HOUR_MS, type Instant, MINUTE_MS, SECOND_MS } from "../../domain/instant.ts";
import { BYTE } from "./bytes.ts";

/** 12 digits, a point and the zeros in front of a small amount. */
const LONGEST_AMOUNT = 20;

/** Dates of somebody else's choosing must not fill the memory. */
const MOST_DATES = 4096;

/** What a word reaches beyond the end of a cell. */
const OVERHANG = 3;

export class CanonicalWriter {
  #in: Buffer = Buffer.alloc(0);
  #inWords = wordsOf(this.#in);
  #out: Buffer = Buffer.alloc(0);
  #outWords = wordsOf(this.#out);
  #at = 0;
  readonly #dates = new Map<number, Buffer>();
  readonly #scratch = Buffer.alloc(LONGEST_AMOUNT);

  /** Before the cells of other bytes. */
  readFrom(bytes: Buffer): void {
    this.#in = bytes;
    this.#inWords = wordsOf(bytes);
  }

  /** There must be room for the row, and for a word more. */
  begin(out: Buffer, at: number): void {
    if (out !== this.#out) {
      this.#out = out;
      this.#outWords = wordsOf(out);
    }
    this.#at = at;
  }

  /** A cell of the bytes that are read, as it stands there. What is written too much, the next cell writes over. */
  cell(start: number, end: number): void {
    const length = end - start;
    const to = this.#at;
    if (end + OVERHANG > this.#in.length) {
      this.text(this.#in, start, end);
      return;
    }
    for (let at = 0; at < length; at += 4) {
      this.#outWords.setUint32(to + at, this.#inWords.getUint32(start + at, true), true);
    }
    this.#out[to + length] = BYTE.comma;
    this.#at = to + length + 1;
  }

  quotedCell(start: number, end: number): void {
    this.#out[this.#at++] = BYTE.quote;
    this.cell(start, end);
    this.#out[this.#at - 1] = BYTE.quote;
    this.#out[this.#at++] = BYTE.comma;
  }

  /** A few bytes of somewhere else. */
  text(bytes: Buffer, start: number, end: number): void {
    const out = this.#out;
    let to = this.#at;
    for (let at = start; at < end; at++) out[to++] = bytes[at] as number;
    out[to] = BYTE.comma;
    this.#at = to + 1;
  }

  /** As formatInstant does. */
  instant(instant: Instant): void {
    const day = Math.floor(instant / DAY_MS);
    const time = instant - day * DAY_MS;
    const date = this.#dateOf(day);
    this.text(date, 0, date.length);
    // In place of the comma.
    this.#at -= 1;
    this.#pair(BYTE.upperT, Math.floor(time / HOUR_MS));
    this.#pair(BYTE.colon, Math.floor(time / MINUTE_MS) % 60);
    this.#pair(BYTE.colon, Math.floor(time / SECOND_MS) % 60);
    const millis = time % SECOND_MS;
    if (millis !== 0) {
      this.#out[this.#at++] = BYTE.dot;
      this.#out[this.#at++] = BYTE.zero + Math.floor(millis / 100);
      this.#out[this.#at++] = BYTE.zero + (Math.floor(millis / 10) % 10);
      this.#out[this.#at++] = BYTE.zero + (millis % 10);
    }
    this.#out[this.#at++] = BYTE.upperZ;
    this.#out[this.#at++] = BYTE.comma;
  }

  /** As formatMajor does. */
  amount(amountMinor: number, exponent: number): void {
    let from = LONGEST_AMOUNT;
    let rest = amountMinor;
    for (let place = 0; place <= exponent || rest > 0; place++) {
      if (place === exponent && exponent > 0) this.#scratch[--from] = BYTE.dot;
      this.#scratch[--from] = BYTE.zero + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.text(this.#scratch, from, LONGEST_AMOUNT);
  }

  /** Where the row ends. */
  end(): number {
    this.#out[this.#at - 1] = BYTE.lf;
    return this.#at;
  }

  #dateOf(day: number): Buffer {
    const known = this.#dates.get(day);
    if (known !== undefined) return known;
    const date = Buffer.from(formatInstant(day * DAY_MS).slice(0, 10), "latin1");
    if (this.#dates.size < MOST_DATES) this.#dates.set(day, date);
    return date;
  }

  #pair(separator: number, value: number): void {
    const out = this.#out;
    const at = this.#at;
    out[at] = separator;
    out[at + 1] = BYTE.zero + Math.floor(value / 10);
    out[at + 2] = BYTE.zero + (value % 10);
    this.#at = at + 3;
  }
}

function wordsOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
