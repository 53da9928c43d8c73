/**
 * A stretch of result rows, held as the bytes that they are and decoded when somebody asks: a million rows as objects are half
 * a gigabyte, and their bytes are 85 MB that no collector looks at.
 */
import { ByteWords, CellFinder, endOfLine, NEWLINE, QUOTE } from "./byte-cells.ts";
import type { Profile } from "./profile.ts";
import { byteOrderMarkOf, readChunks } from "./read-chunks.ts";
import { MAX_RECORD_LINES, RecordReader, type ResultRecord, splitQuotedLine } from "./result-records.ts";
import { type ResultLine, RowDecoder } from "./row-decoder.ts";

/** Where a stretch ends at the latest: behind the row that reaches one of them. */
export interface StretchSize {
  readonly rows: number;
  readonly bytes: number;
}

/** Where keys lie in bytes, one for each row. */
export interface ByteKeys {
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

/** A longer one is malformed (result-values.ts) and nobody's. */
const LONGEST_ORDER_ID = 128;
const MOST_BYTES_OF_CHARACTER = 4;
/** Records that are not the bytes of one line are held as objects: of so many together. */
const MOST_KEPT = 8_000;
/** For what comes along with the last line of a stretch, unless that is a very long one. */
const SPARE_BYTES = 1024 * 1024;

/** So many rows are told of at once, while the rest of their stretch is read. */
const PART_ROWS = 131072;

export interface HeldPart {
  /** It has more rows than before. */
  readonly held: HeldResults;
  /** And gets no more. It is good until the next part is asked for: stretches share their memory. */
  readonly isWhole: boolean;
}

/**
 * Every data row in the order of the file. A last row without a newline is read like any other. For files that `checkResultFile` passed: a
 * header that lacks our columns throws.
 */
export async function* holdResults(profile: Profile, path: string, size: StretchSize): AsyncGenerator<HeldPart> {
  const held = new HeldResults(profile, size);
  let told = 0;
  for await (const chunk of readChunks(path)) {
    held.append(chunk);
    while (held.fill()) {
      yield { held, isWhole: true };
      held.clear();
      told = 0;
    }
    if (held.length - told < PART_ROWS) continue;
    yield { held, isWhole: false };
    told = held.length;
  }
  held.end();
  if (held.length > 0) yield { held, isWhole: true };
}

export class HeldResults {
  readonly #profile: Profile;
  readonly #size: StretchSize;
  /** For lines whose quotes are not plain. */
  readonly #reader: RecordReader;
  readonly #delimiter: string;
  readonly #cells: CellFinder;
  readonly #words = new ByteWords();
  #rows: RowDecoder | undefined;

  #bytes: Buffer;
  #filled = 0;
  /** Where the line begins that was not taken yet, how far it was looked at, whether it has a quote, and its number. */
  #lineFrom = 0;
  #looked = 0;
  #hasQuote = false;
  #line = 1;

  /** Of each row where its bytes are, without the end of the line, and on which line. */
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;
  readonly #lines: Uint32Array;
  /** The same of its order id; nothing: it has none, or not that plainly. */
  readonly #orderFrom: Uint32Array;
  readonly #orderTo: Uint32Array;
  #length = 0;
  /** Rows that are more or less than one line that stands right. */
  readonly #kept = new Map<number, ResultRecord>();

  constructor(profile: Profile, size: StretchSize) {
    this.#profile = profile;
    this.#size = size;
    this.#reader = new RecordReader(profile.results.delimiter);
    this.#delimiter = profile.results.delimiter;
    this.#cells = new CellFinder(this.#delimiter);
    this.#bytes = Buffer.allocUnsafeSlow(size.bytes + SPARE_BYTES);
    this.#from = new Uint32Array(size.rows);
    this.#to = new Uint32Array(size.rows);
    this.#lines = new Uint32Array(size.rows);
    // The last line of a stretch may complete records of as many lines before it.
    this.#orderFrom = new Uint32Array(size.rows + MAX_RECORD_LINES);
    this.#orderTo = new Uint32Array(size.rows + MAX_RECORD_LINES);
  }

  get length(): number {
    return this.#length;
  }

  append(chunk: Buffer): void {
    if (this.#length === 0) this.#dropTaken();
    const needed = this.#filled + chunk.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#filled);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#filled);
    this.#filled = needed;
  }

  /** Takes the lines that are whole. True: there are more than belong into one stretch. */
  fill(): boolean {
    const bytes = this.#bytes;
    const filled = this.#filled;
    let at = this.#looked;
    for (; at < filled; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) this.#hasQuote = true;
      if (byte !== NEWLINE) continue;
      this.#takeLine(at);
      if (!this.#isFull) continue;
      this.#looked = at + 1;
      return true;
    }
    this.#looked = filled;
    return false;
  }

  /** Nothing follows. */
  end(): void {
    if (this.#lineFrom < this.#filled) this.#takeLine(this.#filled);
    for (const record of this.#reader.end()) this.#keep(record);
  }

  clear(): void {
    this.#length = 0;
    this.#kept.clear();
    this.#dropTaken();
  }

  /** For putting rows in order, roughly: of some that are not plain it is empty. */
  get orderIds(): ByteKeys {
    return { length: this.#length, bytes: this.#bytes, from: this.#orderFrom, to: this.#orderTo };
  }

  /** Empty: it has none, or none that can be one. */
  orderIdOf(row: number): string {
    const from = this.#orderFrom[row] ?? 0;
    const to = this.#orderTo[row] ?? 0;
    const orderId = to > from ? this.#text(from, to) : this.#cellOf(row, "order_id");
    return orderId.length > LONGEST_ORDER_ID ? "" : orderId;
  }

  /** Its session key stands where the order id belongs, or alone: it is the only name that the row goes by. */
  isNamedBySession(row: number): boolean {
    const sessionKey = this.#cellOf(row, "session_key");
    if (sessionKey === "") return false;
    const orderId = this.#cellOf(row, "order_id");
    return orderId === "" || orderId === sessionKey;
  }

  decode(row: number): ResultLine {
    if (!this.#rows) throw new Error("a result row before its header");
    return this.#rows.decode(this.#recordOf(row));
  }

  get #isFull(): boolean {
    const { rows, bytes } = this.#size;
    return this.#length >= rows || this.#kept.size >= MOST_KEPT || (this.#length > 0 && this.#lineFrom >= bytes);
  }

  #dropTaken(): void {
    this.#bytes.copyWithin(0, this.#lineFrom, this.#filled);
    this.#filled -= this.#lineFrom;
    this.#looked -= this.#lineFrom;
    this.#lineFrom = 0;
  }

  #takeLine(end: number): void {
    const from = this.#line === 1 ? byteOrderMarkOf(this.#bytes.subarray(0, this.#filled)) : this.#lineFrom;
    const to = endOfLine(this.#bytes, from, end);
    if (this.#rows && !this.#reader.isQuoteOpen && (!this.#hasQuote || this.#isSplit(from, to))) {
      if (to > from) this.#hold(from, to);
    } else {
      for (const record of this.#reader.writeLine(this.#text(from, end), this.#line)) this.#keep(record);
    }
    this.#lineFrom = end + 1;
    this.#hasQuote = false;
    this.#line += 1;
  }

  /** All its quotes stand right: it can be split here whenever somebody asks. */
  #isSplit(from: number, to: number): boolean {
    if (this.#cells.find(this.#bytes, from, to)) return true;
    return splitQuotedLine(this.#text(from, to), this.#delimiter) !== undefined;
  }

  #hold(from: number, to: number): void {
    const row = this.#length;
    this.#from[row] = from;
    this.#to[row] = to;
    this.#lines[row] = this.#line;
    this.#markOrderId(row);
    this.#length += 1;
  }

  #markOrderId(row: number): void {
    const column = this.#rows?.columns.order_id;
    this.#orderFrom[row] = 0;
    this.#orderTo[row] = 0;
    if (column === undefined) return;
    const cells = this.#cells;
    if (!cells.find(this.#bytes, this.#from[row] ?? 0, this.#to[row] ?? 0, column + 1) || cells.count <= column) return;
    const from = cells.from[column] ?? 0;
    const to = cells.to[column] ?? 0;
    if (to - from > MOST_BYTES_OF_CHARACTER * LONGEST_ORDER_ID) return;
    this.#orderFrom[row] = from;
    this.#orderTo[row] = to;
  }

  #keep(record: ResultRecord): void {
    if (!this.#rows) {
      this.#rows = new RowDecoder(this.#profile, record);
      return;
    }
    this.#kept.set(this.#length, record);
    this.#orderTo[this.#length] = this.#orderFrom[this.#length] ?? 0;
    this.#length += 1;
  }

  #recordOf(row: number): ResultRecord {
    const kept = this.#kept.get(row);
    if (kept) return kept;
    const line = this.#lines[row] ?? 0;
    if (this.#findCells(row)) return { line, cells: this.#takeCells() };
    const text = this.#text(this.#from[row] ?? 0, this.#to[row] ?? 0);
    return { line, cells: splitQuotedLine(text, this.#delimiter) ?? [] };
  }

  #takeCells(): string[] {
    const { from, to, count } = this.#cells;
    const cells: string[] = [];
    for (let at = 0; at < count; at++) cells.push(this.#words.of(this.#bytes, from[at] ?? 0, to[at] ?? 0));
    return cells;
  }

  #cellOf(row: number, field: "order_id" | "session_key"): string {
    const column = this.#rows?.columns[field];
    if (column === undefined) return "";
    if (!this.#findCells(row)) {
      const record = this.#recordOf(row);
      return "cells" in record ? (record.cells[column] ?? "") : "";
    }
    return column < this.#cells.count ? this.#text(this.#cells.from[column] ?? 0, this.#cells.to[column] ?? 0) : "";
  }

  /** False: it is not that plain. */
  #findCells(row: number): boolean {
    if (this.#kept.has(row)) return false;
    return this.#cells.find(this.#bytes, this.#from[row] ?? 0, this.#to[row] ?? 0);
  }

  #text(from: number, to: number): string {
    return this.#bytes.toString("utf8", from, to);
  }
}
