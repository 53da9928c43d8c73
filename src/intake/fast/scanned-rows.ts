/** What a scan found, in columns of numbers: it crosses from a worker without being copied, and makes no garbage. */
import { doubled } from "../../domain/doubled.ts";
import { PRINT_WORDS } from "../duplicates.ts";
import type { Frame } from "../record-framer.ts";

/** A row that somebody else must judge, framed. Offsets are into the scanned bytes. */
export interface OddRow {
  /** 0-based, among all rows of these bytes. */
  readonly row: number;
  /** 0-based, from the first line of these bytes. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly isUnended: boolean;
  readonly damage: "quoting" | "size" | undefined;
}

/** Bits of `flags`. */
export const NEVER_RETRY = 1;
export const SHORT_US_POSTAL_CODE = 2;

/** The longest thing that canonical form adds to a row, beside its own bytes: two instants, a source, commas. */
const ROOM_PER_ROW = 512;

export class ScannedRows {
  /** Rows that are plainly right. */
  plain = 0;
  /** All rows, the odd ones too. */
  rows = 0;
  /** Physical lines that were passed. */
  lines = 0;
  /** Bytes that were dealt with; the rest is the beginning of a row. */
  consumed = 0;
  odd: OddRow[] = [];
  /** The last odd row is longer than any row may be: what follows up to its line end is passed over. */
  isWithinEndlessRow = false;

  /** Canonical rows, one after the other; where nobody keeps them, of those that are never to be retried alone. */
  canonical: Buffer;
  canonicalLength = 0;
  /** By plain row. */
  canonicalEnds: Uint32Array;
  row: Uint32Array;
  line: Uint32Array;
  /** Of the record in the scanned bytes. */
  start: Uint32Array;
  end: Uint32Array;
  prints: Uint32Array;
  amountMinor: Float64Array;
  /** See currencyIndex. */
  currency: Uint16Array;
  flags: Uint8Array;

  /** Room for what so many bytes are likely to hold. */
  constructor(bytes: number, keepsRows: boolean) {
    this.canonical = Buffer.allocUnsafeSlow(keepsRows ? bytes + (bytes >>> 2) + 2 * ROOM_PER_ROW : ROOM_PER_ROW);
    const rows = Math.max(64, bytes >>> 7);
    this.canonicalEnds = new Uint32Array(rows);
    this.row = new Uint32Array(rows);
    this.line = new Uint32Array(rows);
    this.start = new Uint32Array(rows);
    this.end = new Uint32Array(rows);
    this.prints = new Uint32Array(rows * PRINT_WORDS);
    this.amountMinor = new Float64Array(rows);
    this.currency = new Uint16Array(rows);
    this.flags = new Uint8Array(rows);
  }

  /** What crossed from a worker: its fields, without its methods. */
  static revive(fields: ScannedRows): ScannedRows {
    const rows = Object.assign(new ScannedRows(0, false), fields);
    const { buffer, byteOffset, length } = fields.canonical;
    rows.canonical = Buffer.from(buffer, byteOffset, length);
    return rows;
  }

  /** The memory of its columns, to be handed over. */
  memory(): ArrayBuffer[] {
    const { canonical, canonicalEnds, row, line, start, end, prints, amountMinor, currency, flags } = this;
    const columns = [canonical, canonicalEnds, row, line, start, end, prints, amountMinor, currency, flags];
    return columns.map(({ buffer }) => buffer as ArrayBuffer);
  }

  clear(): void {
    this.plain = 0;
    this.rows = 0;
    this.lines = 0;
    this.consumed = 0;
    this.canonicalLength = 0;
    this.odd = [];
    this.isWithinEndlessRow = false;
  }

  addOdd(start: number, { end, damage }: Frame, isUnended: boolean): void {
    this.odd.push({ row: this.rows, line: this.lines, start, end, isUnended, damage });
    this.rows += 1;
  }

  /** Room for one more row in canonical form, whose record has so many bytes. A comma in a cell costs two quotes. */
  reserveCanonical(recordBytes: number): void {
    const needed = this.canonicalLength + 3 * recordBytes + ROOM_PER_ROW;
    if (needed <= this.canonical.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * needed);
    this.canonical.copy(larger, 0, 0, this.canonicalLength);
    this.canonical = larger;
  }

  /** Room for one more row. */
  reserve(): void {
    if (this.plain < this.row.length) return;
    this.canonicalEnds = doubled(this.canonicalEnds);
    this.row = doubled(this.row);
    this.line = doubled(this.line);
    this.start = doubled(this.start);
    this.end = doubled(this.end);
    this.prints = doubled(this.prints);
    this.amountMinor = doubled(this.amountMinor);
    this.currency = doubled(this.currency);
    this.flags = doubled(this.flags);
  }
}
