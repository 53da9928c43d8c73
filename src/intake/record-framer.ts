/**
 * Bytes → records: where one row ends and the next begins, and on which physical line. What a record says is for csv-parse
 * to decide; this only keeps one bad quotation mark from swallowing the rest of the file. Memory is bounded by one
 * chunk and one record.
 */
import type { Dialect } from "./dialect.ts";

/** One row's bytes, without the line end. */
export interface FramedRecord {
  readonly bytes: Buffer;
  /** Physical line it starts on; the file's first is 1. */
  readonly line: number;
  /** `quoting`: it has no proper end, so it was cut off where the next row seems to begin. `size`: longer than any row. */
  readonly damage?: "quoting" | "size";
  /** The file ends with it, without a line end. */
  readonly isUnended: boolean;
}

/** Far more than a row of the canonical columns can hold; an open quote is given up after so many bytes. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const CR = 0x0d;

/** `next` is where the following record starts. */
type Frame = { readonly end: number; readonly next: number; readonly damage?: "quoting" | "size" };

export class RecordFramer {
  readonly #delimiter: number;
  readonly #newline: number;
  /** Tells whether a line after damage looks like a row. */
  readonly #columns: number;
  #carry: Buffer = Buffer.alloc(0);
  #line = 1;
  /** Within a line that was given up: nothing counts until it ends. */
  #skipping = false;

  constructor(dialect: Dialect) {
    this.#delimiter = dialect.delimiter.charCodeAt(0);
    this.#newline = dialect.newline.charCodeAt(0);
    this.#columns = dialect.columns;
  }

  /** The records that are complete by now, one after the other; `isLast` with the file's last bytes. */
  *push(chunk: Buffer, isLast: boolean): Generator<FramedRecord> {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    let at = this.#skipping ? this.#skipLine(bytes, 0) : 0;
    while (at < bytes.length) {
      const frame = this.#frame(bytes, at, isLast);
      if (!frame) break;
      const line = this.#line;
      const isUnended = isLast && frame.next === bytes.length && bytes[frame.next - 1] !== this.#newline;
      this.#line += this.#countLines(bytes, at, frame.next);
      if (frame.end > at) {
        const damage = frame.damage ? { damage: frame.damage } : {};
        yield { bytes: bytes.subarray(at, frame.end), line, isUnended, ...damage };
      }
      at = frame.next;
      if (frame.damage === "size") {
        this.#skipping = true;
        at = this.#skipLine(bytes, at);
      }
    }
    this.#carry = bytes.subarray(at);
  }

  /** Undefined: more bytes are needed. */
  #frame(bytes: Buffer, at: number, isLast: boolean): Frame | undefined {
    const newline = bytes.indexOf(this.#newline, at);
    const lineEnd = newline === -1 ? bytes.length : newline;
    const quote = bytes.subarray(at, lineEnd).indexOf(QUOTE);
    if (quote === -1) return this.#endAt(bytes, at, newline, isLast);
    const end = this.#scanQuoted(bytes, at);
    if (end === "damaged") return this.#recover(bytes, at, isLast);
    if (end !== "open") return this.#endAt(bytes, at, end, isLast);
    return isLast || bytes.length - at > MAX_RECORD_BYTES ? this.#recover(bytes, at, isLast) : undefined;
  }

  /** `newline` -1: there is none, so the record ends with the file. */
  #endAt(bytes: Buffer, at: number, newline: number, isLast: boolean): Frame | undefined {
    if (newline === -1 && !isLast) {
      return bytes.length - at > MAX_RECORD_BYTES
        ? { end: bytes.length, next: bytes.length, damage: "size" }
        : undefined;
    }
    const stop = newline === -1 ? bytes.length : newline;
    const next = newline === -1 ? bytes.length : newline + 1;
    const hasCr = this.#newline !== CR && stop > at && bytes[stop - 1] === CR;
    return { end: hasCr ? stop - 1 : stop, next };
  }

  /** Where the newline of a record with quotes stands (-1: the bytes end outside of quotes). */
  #scanQuoted(bytes: Buffer, start: number): number | "open" | "damaged" {
    let at = start;
    for (;;) {
      if (bytes[at] === QUOTE) {
        const close = findClosingQuote(bytes, at + 1);
        if (close === -1) return "open";
        at = close + 1;
        if (bytes[at] === CR && this.#newline !== CR) at += 1;
        if (at >= bytes.length) return -1;
        if (bytes[at] === this.#newline) return at;
        if (bytes[at] !== this.#delimiter || bytes[at - 1] === CR) return "damaged";
        at += 1;
      } else {
        while (at < bytes.length && bytes[at] !== this.#delimiter && bytes[at] !== this.#newline) at += 1;
        if (at >= bytes.length) return -1;
        if (bytes[at] === this.#newline) return at;
        at += 1;
      }
    }
  }

  /** A damaged record ends before the next line that looks like a row, so that only it is lost. */
  #recover(bytes: Buffer, at: number, isLast: boolean): Frame | undefined {
    const isTooLong = bytes.length - at > MAX_RECORD_BYTES;
    let stop = bytes.indexOf(this.#newline, at);
    if (stop === -1 && !isLast)
      return isTooLong ? { end: bytes.length, next: bytes.length, damage: "size" } : undefined;
    while (stop !== -1 && stop - at <= MAX_RECORD_BYTES) {
      const lineEnd = bytes.indexOf(this.#newline, stop + 1);
      if (lineEnd === -1 && !isLast) {
        if (!isTooLong) return undefined;
        break;
      }
      const line = bytes.subarray(stop + 1, lineEnd === -1 ? bytes.length : lineEnd);
      if (this.#looksLikeRow(line)) break;
      stop = lineEnd;
    }
    return stop === -1
      ? { end: bytes.length, next: bytes.length, damage: "quoting" }
      : { end: stop, next: stop + 1, damage: "quoting" };
  }

  /** As many delimiters as the header, or the first line of a row that goes on behind an open quote. */
  #looksLikeRow(line: Buffer): boolean {
    const delimiters = count(line, this.#delimiter);
    return delimiters >= this.#columns - 1 || (delimiters > 0 && count(line, QUOTE) % 2 === 1);
  }

  #skipLine(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(this.#newline, at);
    if (newline === -1) return bytes.length;
    this.#skipping = false;
    this.#line += 1;
    return newline + 1;
  }

  #countLines(bytes: Buffer, from: number, to: number): number {
    let lines = 0;
    for (let at = bytes.indexOf(this.#newline, from); at !== -1 && at < to; at = bytes.indexOf(this.#newline, at + 1)) {
      lines += 1;
    }
    return lines;
  }
}

/** The quote that ends a quoted cell: one that is not doubled. -1: none within these bytes. */
function findClosingQuote(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(QUOTE, from);
  while (at !== -1 && bytes[at + 1] === QUOTE) at = bytes.indexOf(QUOTE, at + 2);
  return at;
}

function count(bytes: Buffer, byte: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) found += 1;
  return found;
}
