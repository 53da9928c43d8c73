/** What scans found → the tally, in the order of the file: plain rows in runs, between them what the truth says of the odd ones. */
import { CanonicalCells, CanonicalRows, canonicalIndex } from "../../domain/canonical-rows.ts";
import { findNeverRetryReason } from "../../domain/decline.ts";
import type { RowPlace } from "../../domain/rebill.ts";
import { PRINT_WORDS, type SeenIds } from "../duplicates.ts";
import type { FramedRecord } from "../record-framer.ts";
import { type RowReader, skipNeverRetry } from "../row-reader.ts";
import type { RowTally } from "../row-tally.ts";
import { handOver } from "./checks.ts";
import type { ScanJob } from "./export-scanner.ts";
import { NEVER_RETRY, type ScannedRows, SHORT_US_POSTAL_CODE } from "./scanned-rows.ts";
import { splitRecords } from "./split-records.ts";

const ORDER_ID = canonicalIndex("order_id");
const DECLINE_CODE = canonicalIndex("decline_code");
const DECLINE_CODE_SOURCE = canonicalIndex("decline_code_source");
const ADVICE_CODE = canonicalIndex("advice_code");

export class RowsInOrder {
  readonly #reader: RowReader;
  readonly #seen: SeenIds;
  readonly #tally: RowTally;
  readonly #cells = new CanonicalCells();
  readonly #totalBytes: number;
  #rows = 0;
  #line: number;
  /** The last row so far has no line end, so the file ends with it. */
  isUnended: boolean;

  constructor({ reader, seen, tally, records, totalBytes }: ScanJob) {
    this.#reader = reader;
    this.#seen = seen;
    this.#tally = tally;
    this.#line = records.framer.line;
    this.isUnended = records.header.isUnended;
    this.#totalBytes = records.encoding.name === "UTF-8" ? totalBytes : totalBytes / 2;
  }

  /** The next piece of the file; `bytes` are what was scanned. */
  async add(bytes: Buffer, scanned: ScannedRows): Promise<void> {
    const records = scanned.odd.map(
      ({ start, end, line, isUnended, damage }): FramedRecord => ({
        bytes: bytes.subarray(start, end),
        line: this.#line + line,
        isUnended,
        ...(damage ? { damage } : {}),
      }),
    );
    const places = scanned.odd.map(({ row, line }) => ({ row: this.#rows + row + 1, line: this.#line + line }));
    // Room for the ids of all rows is made once, from what the first rows are long.
    if (this.#rows === 0 && scanned.rows > 0) this.#seen.expect((this.#totalBytes / scanned.consumed) * scanned.rows);
    const judged = records.length === 0 ? [] : this.#reader.judge(records, places, splitRecords);
    this.#seen.fetch(scanned.prints, scanned.plain);
    let plain = 0;
    for (const [at, odd] of scanned.odd.entries()) {
      plain = await this.#addPlain(bytes, scanned, plain, odd.row);
      const row = judged[at];
      if (row) await this.#tally.add(this.#reader.settle(row));
    }
    await this.#addPlain(bytes, scanned, plain, scanned.rows);
    if (scanned.rows > 0) this.isUnended = scanned.odd.at(-1)?.isUnended ?? false;
    this.#rows += scanned.rows;
    this.#line += scanned.lines;
  }

  /** A line end that belongs to no row. */
  passLine(): void {
    this.#line += 1;
  }

  /** Plain rows before the row `until`, from the plain row `from` on; the next plain row. */
  async #addPlain(bytes: Buffer, scanned: ScannedRows, from: number, until: number): Promise<number> {
    const { row: rows, line: lines, prints, flags, plain } = scanned;
    const base = { row: this.#rows + 1, line: this.#line };
    let runFrom = from;
    let at = from;
    for (; at < plain && (rows[at] as number) < until; at++) {
      const print = at * PRINT_WORDS;
      const isNew = this.#seen.add(
        prints[print] as number,
        prints[print + 1] as number,
        prints[print + 2] as number,
        prints[print + 3] as number,
        base.line + (lines[at] as number),
      );
      const flag = flags[at] as number;
      if (isNew && flag === 0) continue;
      if (isNew && (flag & SHORT_US_POSTAL_CODE) !== 0) this.#reader.shortUsPostalCodes += 1;
      if (isNew && (flag & NEVER_RETRY) === 0) continue;
      if (at > runFrom) await this.#tally.addPlain(scanned, runFrom, at, base);
      runFrom = at + 1;
      const place = { row: base.row + (rows[at] as number), line: base.line + (lines[at] as number) };
      await (isNew ? this.#skip(scanned, at, place) : this.#rejectTwin(bytes, scanned, at, place));
    }
    if (at > runFrom) await this.#tally.addPlain(scanned, runFrom, at, base);
    return at;
  }

  async #skip({ canonical, canonicalEnds }: ScannedRows, at: number, place: RowPlace): Promise<void> {
    const cells = this.#cells;
    cells.moveTo(new CanonicalRows(canonical, canonicalEnds), at);
    const reason = findNeverRetryReason({
      declineCode: cells.ascii(DECLINE_CODE),
      declineCodeSource: cells.ascii(DECLINE_CODE_SOURCE),
      adviceCode: cells.ascii(ADVICE_CODE),
    });
    if (reason === undefined) throw new Error("a row that is never to be retried has no reason");
    await this.#tally.add({ skipped: skipNeverRetry(place, cells.ascii(ORDER_ID), reason) });
  }

  /** Its ids stand further up: the truth judges it once more, finds that too, and has the words. */
  async #rejectTwin(bytes: Buffer, scanned: ScannedRows, at: number, place: RowPlace): Promise<void> {
    handOver("twin");
    const record = { bytes: bytes.subarray(scanned.start[at], scanned.end[at]), line: place.line, isUnended: false };
    for (const judged of this.#reader.judge([record], [place], splitRecords))
      await this.#tally.add(this.#reader.settle(judged));
  }
}
