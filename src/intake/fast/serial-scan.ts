/** In this thread: a piece that ends within a row is continued with the next. */
import { CHUNK_BYTES } from "../export-file.ts";
import { RecordFramer } from "../record-framer.ts";
import { BYTE } from "./bytes.ts";
import type { ScanJob } from "./export-scanner.ts";
import { RowScanner, type ScanSetup } from "./row-scanner.ts";
import type { RowsInOrder } from "./rows-in-order.ts";
import { ScannedRows } from "./scanned-rows.ts";

export class SerialScan {
  readonly #scanner: RowScanner;
  readonly #framer: RecordFramer;
  readonly #order: RowsInOrder;
  readonly #found: ScannedRows;
  #carry: Buffer = Buffer.alloc(0);
  #isWithinEndlessRow = false;

  constructor({ records, totalBytes }: ScanJob, setup: ScanSetup, order: RowsInOrder) {
    this.#scanner = new RowScanner(setup);
    this.#framer = new RecordFramer(records.dialect);
    this.#order = order;
    this.#found = new ScannedRows(Math.min(CHUNK_BYTES, totalBytes), setup.keepsRows);
  }

  /** What comes next begins where a row begins. */
  get isBetweenRows(): boolean {
    return this.#carry.length === 0 && !this.#isWithinEndlessRow;
  }

  /** Somebody else scanned what came before, and this was left over. */
  continueWith(rest: Buffer, isWithinEndlessRow: boolean): void {
    this.#carry = Buffer.from(rest);
    this.#isWithinEndlessRow = isWithinEndlessRow;
  }

  async push(bytes: Buffer, isLast: boolean): Promise<void> {
    let rest = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    do {
      if (this.#isWithinEndlessRow) rest = this.#passLine(rest);
      this.#found.clear();
      this.#scanner.scan(rest, isLast, this.#framer, this.#found);
      await this.#order.add(rest, this.#found);
      rest = rest.subarray(this.#found.consumed);
      this.#isWithinEndlessRow ||= this.#found.isWithinEndlessRow;
    } while (this.#isWithinEndlessRow && rest.length > 0);
    // Of its own: the memory of what is pushed is used again.
    this.#carry = Buffer.from(rest);
  }

  /** What follows the line end of a row that was given up. */
  #passLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(BYTE.lf);
    if (end === -1) return bytes.subarray(bytes.length);
    this.#isWithinEndlessRow = false;
    this.#order.passLine();
    return bytes.subarray(end + 1);
  }
}
