/** Accepted rows, page by page as an export is read → planned batches with their claims. */
import type { AcceptedPage } from "../domain/accepted-page.ts";
import type { Ledger, RowsToClaim } from "../ledger/ledger.ts";
import { Asked } from "./asked.ts";
import { passStep } from "./steps.ts";

/** Rows that the ledger is given at once. */
const CLAIMED_TOGETHER = 2_000;
/** So many may wait for the ledger, while the next are read. */
const MOST_WAITING = 4;
const FIRST_BYTES = 64 * 1024;

export interface PlanOptions {
  readonly exportId: number;
  /** The profile's row limit. */
  readonly maxRows: number;
}

export interface PlannedBatch {
  readonly batchId: number;
  /** Of its rows among the accepted ones, in their order. */
  readonly positions: Uint32Array;
}

/** In export order, split at the row limit. Inside the transaction that takes the export. */
export class BatchPlanner {
  readonly #ledger: Pick<Ledger, "claimRows" | "endClaims">;
  readonly #options: PlanOptions;
  #position = 0;
  /** Whose rows were given to the ledger. */
  readonly #planned: { readonly batchId: Promise<number>; readonly from: number; to: number }[] = [];
  #gathered = new GatheredRows();
  readonly #claims = new Asked<GatheredRows, number>();

  constructor(ledger: Pick<Ledger, "claimRows" | "endClaims">, options: PlanOptions) {
    this.#ledger = ledger;
    this.#options = options;
  }

  async add(page: AcceptedPage): Promise<void> {
    for (let from = 0; from < page.length; ) {
      const leftInBatch = this.#options.maxRows - (this.#position % this.#options.maxRows);
      const room = Math.min(leftInBatch, CLAIMED_TOGETHER - this.#gathered.length);
      const until = Math.min(page.length, from + room);
      this.#gathered.add(page, from, until);
      this.#position += until - from;
      from = until;
      const endsBatch = this.#position % this.#options.maxRows === 0;
      if (endsBatch || this.#gathered.length === CLAIMED_TOGETHER) await this.#claim();
    }
  }

  /** After the last page. Resolves when all are claimed. */
  async end(): Promise<void> {
    await this.#claim();
    const ended = this.#ledger.endClaims(this.#options.exportId);
    await Promise.all([this.#claimAll(), ended]);
  }

  /** In their order, each as soon as the ledger has its number. To be called when all rows were given. */
  async *planned(): AsyncGenerator<PlannedBatch> {
    for (const { batchId, from, to } of this.#planned) {
      yield { batchId: await batchId, positions: Uint32Array.from({ length: to - from }, (_, at) => from + at) };
    }
  }

  async #claim(): Promise<void> {
    const rows = this.#gathered;
    if (rows.length === 0) return;
    const position = this.#position - rows.length;
    const beginBatch = position % this.#options.maxRows === 0;
    const claimed = this.#ledger.claimRows(this.#options.exportId, { ...rows.views(), position, beginBatch });
    this.#claims.put(rows, claimed);
    if (beginBatch) this.#planned.push({ batchId: claimed, from: position, to: position });
    const batch = this.#planned.at(-1);
    if (batch) batch.to = this.#position;
    this.#gathered = this.#claims.count > MOST_WAITING ? await this.#claimFirst() : new GatheredRows();
    passStep("export.batch_claimed");
  }

  /** Its memory is free again. */
  async #claimFirst(): Promise<GatheredRows> {
    const { question: rows } = await this.#claims.take();
    rows.clear();
    return rows;
  }

  async #claimAll(): Promise<void> {
    while (this.#claims.count > 0) await this.#claims.take();
  }
}

/** Rows of several pages, in memory that threads share. */
class GatheredRows {
  length = 0;
  #bytes = Buffer.from(new SharedArrayBuffer(FIRST_BYTES));
  #filled = 0;
  readonly #ends = new Uint32Array(new SharedArrayBuffer(4 * CLAIMED_TOGETHER));
  readonly #rowNumbers = new Uint32Array(new SharedArrayBuffer(4 * CLAIMED_TOGETHER));
  readonly #lines = new Uint32Array(new SharedArrayBuffer(4 * CLAIMED_TOGETHER));

  add(page: AcceptedPage, from: number, until: number): void {
    const { rows } = page;
    const start = rows.start(from);
    const end = rows.start(until);
    this.#reserve(this.#filled + end - start);
    rows.bytes.copy(this.#bytes, this.#filled, start, end);
    for (let at = from; at < until; at++) {
      const { row, line } = page.placeOf(at);
      this.#ends[this.length] = this.#filled + (rows.ends[at] as number) - start;
      this.#rowNumbers[this.length] = row;
      this.#lines[this.length] = line;
      this.length += 1;
    }
    this.#filled += end - start;
  }

  views(): Omit<RowsToClaim, "position" | "beginBatch"> {
    const { length } = this;
    return {
      bytes: this.#bytes.subarray(0, this.#filled),
      ends: this.#ends.subarray(0, length),
      rowNumbers: this.#rowNumbers.subarray(0, length),
      lines: this.#lines.subarray(0, length),
    };
  }

  clear(): void {
    this.length = 0;
    this.#filled = 0;
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.from(new SharedArrayBuffer(Math.max(needed, 2 * this.#bytes.length)));
    this.#bytes.copy(larger, 0, 0, this.#filled);
    this.#bytes = larger;
  }
}
