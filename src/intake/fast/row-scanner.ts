/**
 * The fast path of intake, in one page.
 *
 * What is right is defined elsewhere: csv-parse says what a record's cells are, the zod schema and judge-row.ts say whether
 * they may be sent, and both word every message. They are slow, and nearly every row of a night is plainly right. So this
 * scanner stands in front of them. It walks over the bytes once, notes where cells begin and end and what kinds of bytes they hold
 * (byte-classes.ts), asks of each cell what the column table demands (column-plan.ts), and writes the row in canonical
 * form into one buffer. Nothing becomes a string.
 *
 * It never rejects. At the first thing that is not plainly right (an odd quote, an unusual byte, a code it was told to look
 * at closer) it leaves the row, framed by RecordFramer, to the truth. So it may be stricter than the truth, never laxer:
 * what it accepts the truth accepts, with the same values and the same canonical bytes. test/intake/fast holds it to
 * that, and counts how often each check (checks.ts) decided. RESCUE_INTAKE=truth leaves it out.
 *
 * The way of a row: export-scanner.ts takes the pieces of the file, and has them scanned here (serial-scan.ts) or in threads
 * (scan-pool.ts, scan-worker.ts). This file finds the cells, row-judge.ts decides, row-writer.ts writes, and what was found stands in
 * scanned-rows.ts. rows-in-order.ts puts it into the file's order, beside what the truth said of the odd rows, and holds it against
 * duplicates.
 */
import { isUtf8 } from "node:buffer";
import { holdsCardNumber } from "../../domain/card-number.ts";
import type { ExportHeader } from "../header.ts";
import type { RowRules } from "../judge-row.ts";
import { MAX_RECORD_BYTES, type RecordFramer } from "../record-framer.ts";
import { classifyBytes, DOUBLED, STOP } from "./byte-classes.ts";
import { BYTE } from "./bytes.ts";
import { mayHoldCardNumber, SHORTEST_CARD_NUMBER } from "./card-suspicion.ts";
import { handOver } from "./checks.ts";
import { type CellLimits, GUARD_SHIFT, limitCells, MIN_BITS, MIN_MASK } from "./column-plan.ts";
import { RowJudge } from "./row-judge.ts";
import type { ScannedRows } from "./scanned-rows.ts";

export interface ScanSetup {
  readonly header: ExportHeader;
  readonly rules: RowRules;
  /** By place in the file: its cells may look like card numbers. */
  readonly exempt: ReadonlySet<number>;
  /** Accepted rows are written in canonical form; otherwise they are only counted. */
  readonly keepsRows: boolean;
}

/** Where the cells of the record at hand are, by place in the file. */
export interface CellSpans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Byte classes, or-ed. */
  readonly masks: Uint16Array;
  /** Places of cells that are looked at once more, and how many. */
  readonly remarkable: Int32Array;
  remarkableCount: number;
  /** Some cell stands in quotes. */
  isQuoted: boolean;
}

export class RowScanner {
  readonly #delimiter: number;
  readonly #columns: number;
  readonly #classes: Uint16Array;
  readonly #quotedClasses = classifyBytes(undefined);
  readonly #limits: CellLimits;
  readonly #cells: CellSpans;
  readonly #judge: RowJudge;
  /** Of the bytes that are scanned. */
  #words: DataView = new DataView(new ArrayBuffer(0));
  /** Line ends of the record at hand. */
  #lines = 1;

  constructor(setup: ScanSetup) {
    const { header, exempt } = setup;
    this.#delimiter = header.delimiter.charCodeAt(0);
    this.#columns = header.cells.length;
    this.#classes = classifyBytes(this.#delimiter);
    this.#limits = limitCells(header, exempt);
    this.#cells = {
      starts: new Int32Array(this.#columns),
      ends: new Int32Array(this.#columns),
      masks: new Uint16Array(this.#columns),
      remarkable: new Int32Array(this.#columns),
      remarkableCount: 0,
      isQuoted: false,
    };
    this.#judge = new RowJudge(setup, this.#cells);
  }

  /**
   * `bytes` begin where a record begins. What is left over when it returns (`into.consumed`) is not a whole record, or
   * belongs to an endless one.
   */
  scan(bytes: Buffer, isLast: boolean, framer: RecordFramer, into: ScannedRows): void {
    const limit = bytes.lastIndexOf(BYTE.lf) + 1;
    const isAllUtf8 = isUtf8(bytes.subarray(0, limit));
    this.#judge.readFrom(bytes);
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (;;) {
      at = this.#scanPlain(bytes, at, limit, isAllUtf8, into);
      if (at >= bytes.length) break;
      const frame = framer.frame(bytes, at, isLast);
      if (!frame) break;
      if (frame.end > at && at >= limit) handOver("no line end");
      if (frame.end > at)
        into.addOdd(at, frame, isLast && frame.next === bytes.length && bytes[frame.next - 1] !== BYTE.lf);
      into.lines += framer.countLines(bytes, at, frame.next);
      at = frame.next;
      if (frame.damage === "size") {
        into.isWithinEndlessRow = true;
        break;
      }
    }
    into.consumed = at;
  }

  /** As many plain rows as there are; where the first other one starts, or `limit`. */
  #scanPlain(bytes: Buffer, from: number, limit: number, isAllUtf8: boolean, into: ScannedRows): number {
    let at = from;
    while (at < limit) {
      if (bytes[at] === BYTE.lf || (bytes[at] === BYTE.cr && bytes[at + 1] === BYTE.lf)) {
        at += bytes[at] === BYTE.lf ? 1 : 2;
        into.lines += 1;
        continue;
      }
      const next = this.#findCells(bytes, at, limit);
      if (next === -1 || !this.#checkCells(bytes)) return at;
      // The framer's window: beyond it a line end counts no more.
      if (next - at > MAX_RECORD_BYTES + 1) {
        handOver("cell length");
        return at;
      }
      if (!isAllUtf8 && !isUtf8(bytes.subarray(at, next))) {
        handOver("bad utf-8");
        return at;
      }
      const end = bytes[next - 2] === BYTE.cr ? next - 2 : next - 1;
      if (!this.#judge.accept(bytes, at, end, into)) return at;
      into.lines += this.#lines;
      at = next;
    }
    return at;
  }

  /** Where the next record starts; -1: look closer. A line end stands before `limit`, so no cell runs beyond it. */
  #findCells(bytes: Buffer, start: number, limit: number): number {
    const cells = this.#cells;
    const { starts, ends, masks } = cells;
    const classes = this.#classes;
    const last = this.#columns - 1;
    const delimiter = this.#delimiter;
    this.#lines = 1;
    cells.isQuoted = false;
    let at = start;
    for (let column = 0; ; column++) {
      starts[column] = at;
      let mask = 0;
      let kind = classes[bytes[at] as number] as number;
      while (kind !== STOP) {
        mask |= kind;
        at += 1;
        kind = classes[bytes[at] as number] as number;
      }
      ends[column] = at;
      if (bytes[at] === BYTE.quote) {
        if (mask !== 0) return this.#stopAt(bytes, at);
        mask = this.#readQuoted(bytes, at + 1, limit);
        if (mask === -1) return -1;
        starts[column] = at + 1;
        at = this.#quotedEnd;
        ends[column] = at;
        at += 1;
        cells.isQuoted = true;
      }
      masks[column] = mask;
      const stop = bytes[at];
      if (column === last) {
        if (stop === BYTE.lf) return at + 1;
        return stop === BYTE.cr && bytes[at + 1] === BYTE.lf ? at + 2 : this.#stopAt(bytes, at);
      }
      if (stop !== delimiter) return this.#stopAt(bytes, at);
      at += 1;
    }
  }

  /** Are the cells what their columns ask for, as far as classes and lengths tell? */
  #checkCells(bytes: Buffer): boolean {
    const cells = this.#cells;
    const { starts, ends, masks } = cells;
    const { watched, lengths } = this.#limits;
    cells.remarkableCount = 0;
    for (let column = 0; column < starts.length; column++) {
      const from = starts[column] as number;
      const end = ends[column] as number;
      const mask = masks[column] as number;
      const length = end - from;
      const allowed = lengths[column] as number;
      if (length > allowed >>> MIN_BITS) return handOver("cell length");
      if (length < (allowed & MIN_MASK)) {
        if (length > 0) return handOver("cell length");
        if (this.#limits.required[column] === 1) return handOver("empty cell");
      }
      const watch = watched[column] as number;
      if ((mask & watch) !== 0) {
        if ((mask & (this.#limits.forbidden[column] as number)) !== 0) return handOver("byte class");
        cells.remarkable[cells.remarkableCount++] = column;
      }
      if (length >= SHORTEST_CARD_NUMBER && (mask & (watch >>> GUARD_SHIFT)) !== 0) {
        if (
          mayHoldCardNumber(bytes, this.#words, from, end, mask) &&
          holdsCardNumber(bytes.toString("utf8", from, end))
        )
          return handOver("card number");
      }
    }
    return true;
  }

  /** Something stands where neither a cell nor the record may end. */
  #stopAt(bytes: Buffer, at: number): -1 {
    const stop = bytes[at];
    const isLineEnd = stop === BYTE.lf || (stop === BYTE.cr && bytes[at + 1] === BYTE.lf);
    if (isLineEnd || stop === this.#delimiter) handOver("column count");
    else handOver(stop === BYTE.cr ? "carriage return" : "stray quote");
    return -1;
  }

  /** Where the closing quote of the cell at hand stands. */
  #quotedEnd = 0;

  /** The classes of what stands between the quotes; -1: the closing one is not within these bytes. */
  #readQuoted(bytes: Buffer, start: number, limit: number): number {
    const classes = this.#quotedClasses;
    let mask = 0;
    let at = start;
    for (;;) {
      while (at < limit && classes[bytes[at] as number] !== STOP) {
        mask |= classes[bytes[at] as number] as number;
        if (bytes[at] === BYTE.lf) this.#lines += 1;
        at += 1;
      }
      if (at >= limit) {
        handOver("open quote");
        return -1;
      }
      if (bytes[at + 1] !== BYTE.quote) break;
      mask |= DOUBLED;
      at += 2;
    }
    this.#quotedEnd = at;
    return mask;
  }
}
