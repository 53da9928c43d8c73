/**
 * Canonical rows → the bytes of one batch file, without making a string of every cell. What is right is what encode.ts writes
 * with csv-stringify; a test holds the two to the same bytes.
 */
import { CanonicalCells, type CanonicalRows, canonicalIndex } from "../domain/canonical-rows.ts";
import { findColumn } from "../domain/columns.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { BatchColumn, Profile } from "./profile.ts";

const COMMA = ",";

/** Handed on in pieces of about this size. */
const PIECE_BYTES = 256 * 1024;
const FIRST_BYTES = 16 * 1024;
/** More are copied by one call; fewer cost less than the call. */
const LONG_BYTES = 48;

/** The bytes of files in the making, one after the other: each its header, then row by row. */
export interface BatchBytes {
  /** A new file. */
  begin(): void;
  /** There is enough to be handed on. */
  readonly isFull: boolean;
  /** Throws an Error past the profile's row limit: batches are planned to it. */
  add(rows: CanonicalRows, row: number): void;
  /** What was written since the last call; to be used before the next row is added. */
  take(): Buffer;
  /** Of all rows of the file so far. */
  totals(): MoneyTotal[];
}

/** Writes some cells of the row at hand, which lie side by side. */
type CellWriter = (sequence: number) => void;

/**
 * What a row is made of, from left to right: text that is the same in every row; canonical columns as they stand, from the first to the last;
 * or a cell that is made. Neighbours of a kind are one piece: a row of thirty cells is copied in a dozen.
 */
type Piece =
  | { readonly fixed: string }
  | { readonly first: number; readonly last: number }
  | { readonly write: CellWriter };

export class BatchWriter implements BatchBytes {
  readonly #profile: Profile;
  readonly #delimiter: number;
  readonly #newline: Buffer;
  readonly #header: readonly CellWriter[];
  readonly #writers: readonly CellWriter[];
  readonly #cells = new CanonicalCells();
  #totals = new MoneyTotals();
  #out = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  #rows = 0;

  constructor(profile: Profile, { mid }: { readonly mid: string }) {
    const { delimiter, newline, columns, header } = profile.batch;
    this.#profile = profile;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#newline = Buffer.from(newline);
    this.#header = header
      ? columns.map(
          ({ name }) =>
            () =>
              this.#text(name),
        )
      : [];
    this.#writers = this.#planRow(columns, mid);
  }

  begin(): void {
    this.#rows = 0;
    this.#length = 0;
    this.#totals = new MoneyTotals();
    if (this.#header.length > 0) this.#writeRow(this.#header);
  }

  get isFull(): boolean {
    return this.#length >= PIECE_BYTES;
  }

  add(rows: CanonicalRows, row: number): void {
    const { maxRows } = this.#profile.batch;
    this.#rows += 1;
    if (this.#rows > maxRows) throw new Error(`a batch of ${this.#profile.id} holds at most ${maxRows} rows`);
    this.#cells.moveTo(rows, row);
    this.#totals.add(this.#cells.currency(), this.#cells.amountMinor());
    this.#writeRow(this.#writers);
  }

  take(): Buffer {
    const bytes = this.#out.subarray(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  totals(): MoneyTotal[] {
    return this.#totals.toArray();
  }

  #writeRow(writers: readonly CellWriter[]): void {
    for (let at = 0; at < writers.length; at++) {
      if (at > 0) this.#out[this.#length++] = this.#delimiter;
      writers[at]?.(this.#rows);
    }
    this.#raw(this.#newline, 0, this.#newline.length);
  }

  #planRow(columns: readonly BatchColumn[], mid: string): CellWriter[] {
    const { delimiter } = this.#profile.batch;
    const pieces: Piece[] = [];
    for (const column of columns) {
      const piece = this.#pieceOf(column, mid);
      const joined = join(pieces.at(-1), piece, delimiter);
      if (joined) pieces[pieces.length - 1] = joined;
      else pieces.push(piece);
    }
    return pieces.map((piece) => this.#writerOf(piece));
  }

  #pieceOf({ name, from, as, constant, sequence, mid }: BatchColumn, midText: string): Piece {
    if (sequence) return { write: (number) => this.#number(number) };
    if (mid) return { fixed: this.#quoted(midText) };
    if (from === undefined) return { fixed: this.#quoted(constant ?? "") };
    const column = canonicalIndex(from);
    const asItStands = { first: column, last: column };
    const kind = findColumn(from)?.kind;
    if (kind === "amount") {
      return as === "major_units" ? asItStands : { write: () => this.#number(this.#cells.amountMinor()) };
    }
    if (as === "major_units" || as === "minor_units") throw new Error(`${name} is no amount`);
    // Without a form of its own an instant is written as its number.
    if (kind === "instant" && as !== "instant") return { write: () => this.#number(this.#cells.instant(column)) };
    return asItStands;
  }

  #writerOf(piece: Piece): CellWriter {
    if ("write" in piece) return piece.write;
    if ("fixed" in piece) {
      const bytes = Buffer.from(piece.fixed);
      return () => this.#raw(bytes, 0, bytes.length);
    }
    const { first, last } = piece;
    return this.#profile.batch.delimiter === COMMA
      ? () => this.#cellsAsTheyStand(first, last)
      : () => this.#cell(first);
  }

  /** Both forms quote alike. */
  #cellsAsTheyStand(first: number, last: number): void {
    const { bytes, starts, ends } = this.#cells;
    const start = (starts[first] as number) - (this.#cells.isQuoted(first) ? 1 : 0);
    const end = (ends[last] as number) + (this.#cells.isQuoted(last) ? 1 : 0);
    this.#raw(bytes, start, end);
  }

  /** With another delimiter than canonical form has. */
  #cell(column: number): void {
    const { bytes, starts, ends } = this.#cells;
    const start = starts[column] as number;
    const end = ends[column] as number;
    if (this.#cells.isQuoted(column) || includes(bytes, this.#delimiter, start, end)) {
      this.#text(this.#cells.text(column));
    } else {
      this.#raw(bytes, start, end);
    }
  }

  #quoted(text: string): string {
    const isPlain = !/["\n\r]/.test(text) && !text.includes(this.#profile.batch.delimiter);
    return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
  }

  #text(text: string): void {
    const cell = this.#quoted(text);
    this.#reserve(cell.length * 3);
    this.#length += this.#out.write(cell, this.#length);
  }

  #number(number: number): void {
    const text = String(number);
    this.#reserve(text.length);
    for (let at = 0; at < text.length; at++) this.#out[this.#length++] = text.charCodeAt(at);
  }

  #raw(bytes: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    if (end - start > LONG_BYTES) {
      bytes.copy(this.#out, this.#length, start, end);
      this.#length += end - start;
      return;
    }
    let to = this.#length;
    for (let at = start; at < end; at++) this.#out[to++] = bytes[at] as number;
    this.#length = to;
  }

  /** And for the delimiter that follows. */
  #reserve(bytes: number): void {
    const needed = this.#length + bytes + 1;
    if (needed <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(needed * 2);
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}

/** One piece of two neighbours, if they are of a kind. */
function join(left: Piece | undefined, right: Piece, delimiter: string): Piece | undefined {
  if (!left) return undefined;
  if ("fixed" in left && "fixed" in right) return { fixed: left.fixed + delimiter + right.fixed };
  const isRun = "first" in left && "first" in right && left.last + 1 === right.first;
  return isRun && delimiter === COMMA ? { first: left.first, last: right.last } : undefined;
}

function includes(bytes: Buffer, byte: number, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === byte) return true;
  return false;
}
