/**
 * Bytes → records: where one row ends and the next begins, and on which physical line. What a record says is for csv-parse
 * to decide; this only keeps one bad quotation mark from swallowing the rest of the file. Memory is bounded by one
 * chunk and one record, and what is found does not depend on how the bytes were cut into chunks.
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

/** `next` is where the following record starts. After `size` that is in the middle of a line, which is to be passed over. */
export interface Frame {
  readonly end: number;
  readonly next: number;
  readonly damage?: "quoting" | "size";
}

/** As much as decides about one record. */
interface View {
  readonly bytes: Buffer;
  readonly at: number;
  /** The file ends here. */
  readonly isLast: boolean;
  /** No more bytes would be looked at. */
  readonly isWhole: boolean;
}

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

  /** Physical line on which what comes next begins. */
  get line(): number {
    return this.#line;
  }

  /** The first record that is complete, and where the bytes behind it begin; blank lines are passed over. */
  first(bytes: Buffer, isLast: boolean): { readonly record: FramedRecord; readonly next: number } | undefined {
    const line = this.#line;
    for (let at = 0; at < bytes.length; ) {
      const frame = this.frame(bytes, at, isLast);
      if (!frame) break;
      const record = this.#take(bytes, at, frame, isLast);
      if (record) return { record, next: frame.next };
      at = frame.next;
    }
    this.#line = line;
    return undefined;
  }

  /** The records that are complete by now, one after the other; `isLast` with the file's last bytes. */
  *push(chunk: Buffer, isLast: boolean): Generator<FramedRecord> {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    let at = 0;
    while (at < bytes.length) {
      if (this.#skipping) {
        at = this.#skipLine(bytes, at);
        continue;
      }
      const frame = this.frame(bytes, at, isLast);
      if (!frame) break;
      const record = this.#take(bytes, at, frame, isLast);
      if (record) yield record;
      at = frame.next;
    }
    // Of its own: the chunk's memory is used again.
    this.#carry = Buffer.from(bytes.subarray(at));
  }

  /** The record that begins at `at`. Undefined: more bytes are needed. */
  frame(bytes: Buffer, at: number, isLast: boolean): Frame | undefined {
    const windowEnd = at + MAX_RECORD_BYTES + 1;
    const isCut = windowEnd < bytes.length;
    const view: View = {
      bytes: isCut ? bytes.subarray(0, windowEnd) : bytes,
      at,
      isLast: isLast && !isCut,
      isWhole: isLast || windowEnd <= bytes.length,
    };
    const newline = view.bytes.indexOf(this.#newline, at);
    const quote = view.bytes.subarray(at, newline === -1 ? undefined : newline).indexOf(QUOTE);
    if (quote === -1) return this.#endAt(view, newline);
    const end = this.#scanQuoted(view.bytes, at);
    if (end === "damaged") return this.#recover(view);
    if (end !== "open") return this.#endAt(view, end);
    return view.isWhole ? this.#recover(view) : undefined;
  }

  countLines(bytes: Buffer, from: number, to: number): number {
    let lines = 0;
    for (let at = bytes.indexOf(this.#newline, from); at !== -1 && at < to; at = bytes.indexOf(this.#newline, at + 1)) {
      lines += 1;
    }
    return lines;
  }

  /** Undefined: a blank line. */
  #take(bytes: Buffer, at: number, { end, next, damage }: Frame, isLast: boolean): FramedRecord | undefined {
    const line = this.#line;
    const isUnended = isLast && next === bytes.length && bytes[next - 1] !== this.#newline;
    this.#line += this.countLines(bytes, at, next);
    this.#skipping = damage === "size";
    if (end === at) return undefined;
    return { bytes: bytes.subarray(at, end), line, isUnended, ...(damage ? { damage } : {}) };
  }

  /** `newline` -1: there is none, so the record ends with the file, or is too long. */
  #endAt({ bytes, at, isLast, isWhole }: View, newline: number): Frame | undefined {
    if (newline === -1 && !isLast) {
      return isWhole ? { end: bytes.length, next: bytes.length, damage: "size" } : undefined;
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
  #recover({ bytes, at, isLast, isWhole }: View): Frame | undefined {
    let stop = bytes.indexOf(this.#newline, at);
    if (stop === -1 && !isLast) {
      return isWhole ? { end: bytes.length, next: bytes.length, damage: "size" } : undefined;
    }
    while (stop !== -1) {
      const lineEnd = bytes.indexOf(this.#newline, stop + 1);
      if (lineEnd === -1 && !isLast) {
        if (!isWhole) return undefined;
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
