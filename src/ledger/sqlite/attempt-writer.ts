/** Appends attempts, many with one statement: a call into SQLite costs nearly as much as the row it writes. */
import type { NewAttempt } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";

const ROWS_AT_ONCE = 50;

type Value = string | number;

export class AttemptWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  /** Inside the caller's write. Returns the first one's id; the others follow it. */
  append(exportId: number, batchId: number, attempts: readonly NewAttempt[]): number {
    const numbers = this.#attemptNumbers(attempts);
    const { insertOne, insertMany } = this.#statements;
    let lastId: number | bigint = 0;
    for (let start = 0; start < attempts.length; ) {
      const count = attempts.length - start < ROWS_AT_ONCE ? 1 : ROWS_AT_ONCE;
      const values: Value[] = [];
      for (let at = start; at < start + count; at++) {
        const { rebill, position, row, line } = attempts[at] as NewAttempt;
        values.push(rebill.orderId, rebill.transactionId, numbers[at] as number, exportId, position, row, line);
        values.push(rebill.subscriptionId, rebill.customerId, rebill.declineCode, rebill.declineCodeSource ?? "");
        values.push(rebill.amountMinor, rebill.currency, rebill.declinedAt, rebill.expiresAt, batchId);
      }
      lastId = (count === 1 ? insertOne : insertMany).run(values).lastInsertRowid;
      start += count;
    }
    return Number(lastId) - attempts.length + 1;
  }

  /** The n-th attempt of an order is numbered n. */
  #attemptNumbers(attempts: readonly NewAttempt[]): number[] {
    const orderIds = JSON.stringify(attempts.map(({ rebill }) => rebill.orderId));
    const last = new Map(this.#statements.lastNumbers.all(orderIds));
    return attempts.map(({ rebill: { orderId } }) => {
      const number = (last.get(orderId) ?? 0) + 1;
      last.set(orderId, number);
      return number;
    });
  }
}

function prepare(db: Database) {
  const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  const insert = (count: number) =>
    db.prepare<[Value[]]>(
      `INSERT INTO attempt (order_id, transaction_id, attempt_number, export_id, position, row, line, subscription_id,
         customer_id, decline_code, decline_code_source, amount_minor, currency, declined_at, expires_at, batch_id)
       VALUES ${Array.from({ length: count }, () => row).join(", ")}`,
    );
  return lazily({
    insertOne: () => insert(1),
    insertMany: () => insert(ROWS_AT_ONCE),
    lastNumbers: () =>
      db
        .prepare<[string], [orderId: string, attemptNumber: number]>(
          `SELECT order_id, max(attempt_number) FROM attempt WHERE order_id IN (SELECT value FROM json_each(?))
         GROUP BY order_id`,
        )
        .raw(),
  });
}
