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

/** The bytes of one file in the making: its header from the start, then row by row. */
export interface BatchBytes {
  /** There is enough to be handed on. */
  readonly isFull: boolean;
  /** Throws an Error past the profile's row limit: batches are planned to it. */
  add(rows: CanonicalRows, row: number): void;
  /** What was written since the last call; to be used before the next row is added. */
  take(): Buffer;
  /** Of all rows so far. */
  totals(): MoneyTotal[];
}

type CellWriter = (sequence: number) => void;

export class BatchWriter implements BatchBytes {
  readonly #profile: Profile;
  readonly #delimiter: number;
  readonly #newline: Buffer;
  readonly #writers: readonly CellWriter[];
  readonly #cells = new CanonicalCells();
  readonly #totals = new MoneyTotals();
  #out = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  #rows = 0;

  constructor(profile: Profile, { mid }: { readonly mid: string }) {
    const { delimiter, newline, columns, header } = profile.batch;
    this.#profile = profile;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#newline = Buffer.from(newline);
    this.#writers = columns.map((column) => this.#writerOf(column, mid));
    if (header)
      this.#writeRow(
        columns.map(
          ({ name }) =>
            () =>
              this.#text(name),
        ),
      );
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
    for (const [at, write] of writers.entries()) {
      if (at > 0) this.#out[this.#length++] = this.#delimiter;
      write(this.#rows);
    }
    this.#raw(this.#newline, 0, this.#newline.length);
  }

  #writerOf({ name, from, as, constant, sequence, mid }: BatchColumn, midText: string): CellWriter {
    if (sequence) return (number) => this.#text(String(number));
    if (mid) return () => this.#text(midText);
    if (from === undefined) return () => this.#text(constant ?? "");
    const column = canonicalIndex(from);
    const kind = findColumn(from)?.kind;
    if (kind === "amount") {
      return as === "major_units" ? () => this.#cell(column) : () => this.#text(String(this.#cells.amountMinor()));
    }
    if (as === "major_units" || as === "minor_units") throw new Error(`${name} is no amount`);
    // Without a form of its own an instant is written as its number.
    if (kind === "instant" && as !== "instant") return () => this.#text(String(this.#cells.instant(column)));
    return () => this.#cell(column);
  }

  /** As it stands, where both forms quote alike; nearly always. */
  #cell(column: number): void {
    const { bytes, starts, ends } = this.#cells;
    const start = starts[column] as number;
    const end = ends[column] as number;
    if (this.#cells.isQuoted(column)) {
      if (this.#profile.batch.delimiter === COMMA) this.#raw(bytes, start - 1, end + 1);
      else this.#text(this.#cells.text(column));
    } else if (this.#profile.batch.delimiter !== COMMA && includes(bytes, this.#delimiter, start, end)) {
      this.#text(this.#cells.text(column));
    } else {
      this.#raw(bytes, start, end);
    }
  }

  #text(text: string): void {
    const isPlain = !/["\n\r]/.test(text) && !text.includes(this.#profile.batch.delimiter);
    const cell = isPlain ? text : `"${text.replaceAll('"', '""')}"`;
    this.#reserve(cell.length * 3);
    this.#length += this.#out.write(cell, this.#length);
  }

  #raw(bytes: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
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

function includes(bytes: Buffer, byte: number, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === byte) return true;
  return false;
}
