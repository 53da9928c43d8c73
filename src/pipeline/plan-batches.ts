/** Accepted rows, page by page as an export is read → planned batches with their claims. */
import type { AcceptedPage } from "../domain/accepted-page.ts";
import { CanonicalCells, type CanonicalRows, canonicalIndex } from "../domain/canonical-rows.ts";
import type { ClaimedRebill, Ledger, NewAttempt, Stamp } from "../ledger/ledger.ts";
import { passStep } from "./steps.ts";

/** Rows that the ledger is given at once. */
const CLAIMED_TOGETHER = 2_000;

export interface PlanOptions extends Stamp {
  readonly exportId: number;
  /** The profile's row limit. */
  readonly maxRows: number;
}

/** In export order, split at the row limit. Inside the transaction that takes the export. */
export class BatchPlanner {
  readonly #ledger: Pick<Ledger, "planBatch" | "claim">;
  readonly #options: PlanOptions;
  readonly #reader = new ClaimReader();
  #batchId = 0;
  #position = 0;
  #attempts: NewAttempt[] = [];

  constructor(ledger: Pick<Ledger, "planBatch" | "claim">, options: PlanOptions) {
    this.#ledger = ledger;
    this.#options = options;
  }

  async add(page: AcceptedPage): Promise<void> {
    for (let at = 0; at < page.length; at++) {
      if (this.#position % this.#options.maxRows === 0) await this.#beginBatch();
      this.#attempts.push({
        rebill: this.#reader.read(page.rows, at),
        position: this.#position,
        ...page.placeOf(at),
      });
      this.#position += 1;
      if (this.#attempts.length === CLAIMED_TOGETHER) await this.#claim();
    }
  }

  /** After the last page. */
  async end(): Promise<void> {
    await this.#claim();
  }

  async #beginBatch(): Promise<void> {
    await this.#claim();
    const { at, recordedAt, exportId } = this.#options;
    this.#batchId = await this.#ledger.planBatch({ at, recordedAt, exportId });
    passStep("export.batch_planned");
  }

  async #claim(): Promise<void> {
    if (this.#attempts.length === 0) return;
    await this.#ledger.claim(this.#batchId, this.#attempts);
    passStep("export.batch_claimed");
    this.#attempts = [];
  }
}

/** Of a canonical row only what the ledger keeps; the rest stays in the archive. */
class ClaimReader {
  readonly #cells = new CanonicalCells();

  read(rows: CanonicalRows, row: number): ClaimedRebill {
    const cells = this.#cells;
    cells.moveTo(rows, row);
    const source = cells.ascii(AT.decline_code_source);
    return {
      orderId: cells.ascii(AT.order_id),
      transactionId: cells.ascii(AT.transaction_id),
      subscriptionId: cells.ascii(AT.subscription_id),
      customerId: cells.ascii(AT.customer_id),
      declinedAt: cells.instant(AT.declined_at),
      amountMinor: cells.amountMinor(),
      currency: cells.currency(),
      declineCode: cells.ascii(AT.decline_code),
      ...(source === "" ? {} : { declineCodeSource: source }),
      expiresAt: cells.instant(AT.expires_at),
    };
  }
}

const AT = {
  order_id: canonicalIndex("order_id"),
  transaction_id: canonicalIndex("transaction_id"),
  subscription_id: canonicalIndex("subscription_id"),
  customer_id: canonicalIndex("customer_id"),
  declined_at: canonicalIndex("declined_at"),
  decline_code: canonicalIndex("decline_code"),
  decline_code_source: canonicalIndex("decline_code_source"),
  expires_at: canonicalIndex("expires_at"),
};
