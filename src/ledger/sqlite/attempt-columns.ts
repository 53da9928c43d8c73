/**
 * What a page of claims puts into the ledger, by column: a million objects would cost more than finding their cells. Of a canonical row
 * only what the ledger keeps; the rest stays in the archive.
 */
import { CanonicalCells, CanonicalRows, canonicalIndex } from "../../domain/canonical-rows.ts";
import type { NewAttempt, RowsToClaim } from "../ledger.ts";

export interface AttemptColumns {
  readonly length: number;
  readonly orderIds: string[];
  readonly transactionIds: string[];
  readonly subscriptionIds: string[];
  readonly customerIds: string[];
  readonly declinedAts: number[];
  readonly amountsMinor: number[];
  readonly currencies: string[];
  readonly declineCodes: string[];
  readonly declineCodeSources: string[];
  readonly expiresAts: number[];
  readonly positions: number[];
  readonly rows: ArrayLike<number>;
  readonly lines: ArrayLike<number>;
}

export function columnsOf(attempts: readonly NewAttempt[]): AttemptColumns {
  return {
    length: attempts.length,
    orderIds: attempts.map(({ rebill }) => rebill.orderId),
    transactionIds: attempts.map(({ rebill }) => rebill.transactionId),
    subscriptionIds: attempts.map(({ rebill }) => rebill.subscriptionId),
    customerIds: attempts.map(({ rebill }) => rebill.customerId),
    declinedAts: attempts.map(({ rebill }) => rebill.declinedAt),
    amountsMinor: attempts.map(({ rebill }) => rebill.amountMinor),
    currencies: attempts.map(({ rebill }) => rebill.currency),
    declineCodes: attempts.map(({ rebill }) => rebill.declineCode),
    declineCodeSources: attempts.map(({ rebill }) => rebill.declineCodeSource ?? ""),
    expiresAts: attempts.map(({ rebill }) => rebill.expiresAt),
    positions: attempts.map(({ position }) => position),
    rows: attempts.map(({ row }) => row),
    lines: attempts.map(({ line }) => line),
  };
}

/** Columns that hold ASCII only, and lie next to one another at the beginning of a row. */
const AT = {
  order_id: canonicalIndex("order_id"),
  transaction_id: canonicalIndex("transaction_id"),
  subscription_id: canonicalIndex("subscription_id"),
  customer_id: canonicalIndex("customer_id"),
  declined_at: canonicalIndex("declined_at"),
  currency: canonicalIndex("currency"),
  decline_code: canonicalIndex("decline_code"),
  decline_code_source: canonicalIndex("decline_code_source"),
  expires_at: canonicalIndex("expires_at"),
};

export class ClaimReader {
  readonly #cells = new CanonicalCells();
  /** The beginning of the row at hand. */
  #head = "";
  #headStart = 0;

  read({ bytes, ends, rowNumbers, lines, position }: RowsToClaim): AttemptColumns {
    const rows = new CanonicalRows(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), ends);
    const columns = { ...columnsOf([]), length: rows.length, rows: rowNumbers, lines };
    const cells = this.#cells;
    for (let row = 0; row < rows.length; row++) {
      cells.moveToEnds(rows, row, AT.decline_code_source + 1, AT.expires_at);
      this.#headStart = rows.start(row);
      // One call for all of them: a call costs as much as the bytes of ten cells.
      this.#head = rows.bytes.toString("latin1", this.#headStart, cells.ends[AT.decline_code_source]);
      columns.orderIds.push(this.#text(AT.order_id));
      columns.transactionIds.push(this.#text(AT.transaction_id));
      columns.subscriptionIds.push(this.#text(AT.subscription_id));
      columns.customerIds.push(this.#text(AT.customer_id));
      columns.declinedAts.push(cells.instant(AT.declined_at));
      columns.amountsMinor.push(cells.amountMinor());
      columns.currencies.push(this.#text(AT.currency));
      columns.declineCodes.push(this.#text(AT.decline_code));
      columns.declineCodeSources.push(this.#text(AT.decline_code_source));
      columns.expiresAts.push(cells.instant(AT.expires_at));
      columns.positions.push(position + row);
    }
    return columns;
  }

  #text(column: number): string {
    const cells = this.#cells;
    const start = cells.starts[column] as number;
    const text = this.#head.substring(start - this.#headStart, (cells.ends[column] as number) - this.#headStart);
    return cells.isQuoted(column) ? text.replaceAll('""', '"') : text;
  }
}
