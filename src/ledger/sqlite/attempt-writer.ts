/** Appends attempts, a dozen with one statement: a call into SQLite costs a fifth of the row that it writes. */
import type { AttemptColumns } from "./attempt-columns.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";

/** More are no faster: what is left is binding their values. */
const ROWS_AT_ONCE = 12;

type Value = string | number;

export interface ClaimedFor {
  readonly exportId: number;
  readonly batchId: number;
}

export class AttemptWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  /**
   * Inside the caller's write. Returns the first one's id; the others follow it. `areFirst`: none of their orders was ever claimed, nor
   * is there twice.
   */
  append({ exportId, batchId }: ClaimedFor, columns: AttemptColumns, areFirst: boolean): number {
    const numbers = areFirst ? undefined : this.#attemptNumbers(columns.orderIds);
    const { insertOne, insertMany } = this.#statements;
    let lastId: number | bigint = 0;
    for (let start = 0; start < columns.length; ) {
      const count = columns.length - start < ROWS_AT_ONCE ? 1 : ROWS_AT_ONCE;
      const values: Value[] = [];
      for (let at = start; at < start + count; at++) {
        values.push(columns.orderIds[at] as string, columns.transactionIds[at] as string, numbers?.[at] ?? 1);
        values.push(columns.positions[at] as number, columns.rows[at] as number, columns.lines[at] as number);
        values.push(columns.subscriptionIds[at] as string, columns.customerIds[at] as string);
        values.push(columns.declineCodes[at] as string, columns.declineCodeSources[at] as string);
        values.push(columns.amountsMinor[at] as number, columns.currencies[at] as string);
        values.push(columns.declinedAts[at] as number, columns.expiresAts[at] as number, exportId, batchId);
      }
      // As arguments: of an array, each element costs half as much again.
      lastId = (count === 1 ? insertOne : insertMany).run(...values).lastInsertRowid;
      start += count;
    }
    return Number(lastId) - columns.length + 1;
  }

  /** The n-th attempt of an order is numbered n. */
  #attemptNumbers(orderIds: readonly string[]): number[] {
    const last = new Map(this.#statements.lastNumbers.all(JSON.stringify(orderIds)));
    return orderIds.map((orderId) => {
      const number = (last.get(orderId) ?? 0) + 1;
      last.set(orderId, number);
      return number;
    });
  }
}

function prepare(db: Database) {
  const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  const insert = (count: number) =>
    db.prepare<Value[]>(
      `INSERT OR FAIL INTO attempt (order_id, transaction_id, attempt_number, position, row, line, subscription_id, customer_id,
         decline_code, decline_code_source, amount_minor, currency, declined_at, expires_at, export_id, batch_id)
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
