/** Exports taken, and the rebills claimed from them. */
import { foldState } from "../../domain/outcome.ts";
import type { RebillIdentity } from "../../domain/rebill.ts";
import type { AttemptRecord, ExportBook, ExportRecord, NewAttempt, NewExport, Stamp } from "../ledger.ts";
import type { AttemptReader } from "./attempt-reader.ts";
import { hashesOf, KeyTable, ofKeys } from "./key-table.ts";
import { lazily } from "./lazily.ts";
import type { Session } from "./session.ts";

/** A call into SQLite costs nearly as much as the row it writes. */
const ROWS_AT_ONCE = 50;

export class SqliteExportBook implements ExportBook {
  readonly #session: Session;
  readonly #attempts: AttemptReader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #transactions: KeyTable;
  readonly #subscriptions: KeyTable;

  constructor(session: Session, attempts: AttemptReader) {
    this.#session = session;
    this.#attempts = attempts;
    this.#statements = prepare(session);
    this.#transactions = new KeyTable(session, "transaction_key", (one, other) => this.#refuseTwins(one, other));
    this.#subscriptions = new KeyTable(session, "subscription_key");
  }

  findExport(sha256: string): Promise<ExportRecord | undefined> {
    return this.#session.read(() => {
      const row = this.#statements.exportBySha256.get(sha256);
      return row && toExport(row);
    });
  }

  findExportById(exportId: number): Promise<ExportRecord | undefined> {
    return this.#session.read(() => {
      const row = this.#statements.exportById.get(exportId);
      return row && toExport(row);
    });
  }

  exports(): Promise<ExportRecord[]> {
    return this.#session.read(() => this.#statements.exports.all().map(toExport));
  }

  recordExport(taken: NewExport): Promise<number> {
    return this.#session.write(() => {
      const exportId = Number(this.#statements.insertExport.run(taken).lastInsertRowid);
      if (taken.archived) this.#statements.insertArchived.run({ ...taken.archived, exportId });
      return exportId;
    });
  }

  planBatch({ exportId, at, recordedAt }: Stamp & { readonly exportId: number }): Promise<number> {
    return this.#session.write(() => {
      const batchId = Number(this.#statements.insertBatch.run(exportId).lastInsertRowid);
      this.#statements.insertPlanned.run(batchId, at, recordedAt);
      return batchId;
    });
  }

  claim(batchId: number, attempts: readonly NewAttempt[]): Promise<void> {
    return this.#session.write(() => {
      this.#mustBePlanned(batchId);
      const exportId = this.#statements.exportOfBatch.get(batchId) ?? 0;
      this.#refuseClaimed(attempts);
      const orderIds = JSON.stringify(attempts.map(({ rebill }) => rebill.orderId));
      const lastNumbers = new Map(this.#statements.lastAttemptNumbers.all(orderIds));
      const values = attempts.map((attempt) => {
        const { orderId } = attempt.rebill;
        const attemptNumber = (lastNumbers.get(orderId) ?? 0) + 1;
        lastNumbers.set(orderId, attemptNumber);
        return valuesOf(batchId, exportId, attemptNumber, attempt);
      });
      const firstId = this.#insert(values);
      for (const [at, { rebill }] of attempts.entries()) {
        this.#transactions.add(rebill.transactionId, firstId + at);
        if (rebill.subscriptionId !== "") this.#subscriptions.add(rebill.subscriptionId, firstId + at);
      }
    });
  }

  reclaim(batchId: number, attemptIds: readonly number[]): Promise<void> {
    return this.#session.write(() => {
      this.#mustBePlanned(batchId);
      for (const attemptId of attemptIds) {
        const claimedBy = this.#attempts.batchOf(attemptId);
        if (claimedBy === undefined || this.#attempts.stateOfBatch(claimedBy) !== "failed") {
          throw new Error(`attempt ${attemptId} was not released: it may not go into batch ${batchId}`);
        }
        this.#statements.insertReclaim.run(attemptId, attemptId, batchId);
      }
    });
  }

  hasAttempts(): Promise<boolean> {
    return this.#session.read(() => this.#statements.anyAttempt.get() !== undefined);
  }

  findAttempts(identities: readonly RebillIdentity[]): Promise<AttemptRecord[]> {
    return this.#session.read(() => {
      const byOrder = this.#statements.idsByOrders.all(JSON.stringify(identities.map(({ orderId }) => orderId)));
      this.#transactions.flush();
      const byTransaction = this.#idsByTransactions(identities.map(({ transactionId }) => transactionId));
      return this.#attempts.byIds([...new Set([...byOrder, ...byTransaction])]);
    });
  }

  pendingOrdersOfSubscriptions(
    subscriptionIds: readonly string[],
  ): Promise<{ subscriptionId: string; orderId: string }[]> {
    return this.#session.read(() => {
      this.#subscriptions.flush();
      const wanted = [...new Set(subscriptionIds)];
      const ids = this.#statements.idsBySubscriptions.all(hashesOf(wanted), JSON.stringify(wanted));
      return this.#attempts
        .byIds(ids)
        .filter((attempt) => attempt.batchState !== "failed" || attempt.outcomes.length > 0)
        .filter((attempt) => foldState(attempt.outcomes.map((outcome) => outcome.status)) === "pending")
        .map(({ subscriptionId, orderId }) => ({ subscriptionId, orderId }));
    });
  }

  #mustBePlanned(batchId: number): void {
    const state = this.#attempts.stateOfBatch(batchId);
    if (state !== "planned") throw new Error(`batch ${batchId} is ${state}: it takes no more rows`);
  }

  /** The last line of "exactly once": a transaction that is in another batch is never claimed, whatever the caller thinks. */
  #refuseClaimed(attempts: readonly NewAttempt[]): void {
    const transactionIds = attempts.map(({ rebill }) => rebill.transactionId);
    for (const earlier of this.#idsByTransactions(transactionIds)) this.#refuseIfClaimed(earlier);
    const seen = new Set<string>();
    for (const id of transactionIds) {
      if (seen.has(id)) throw new Error(`transaction ${id} is claimed twice at once`);
      seen.add(id);
    }
  }

  /** Two that were claimed in one transaction, whose ids may only share a number. */
  #refuseTwins(one: number, other: number): void {
    const { transactionOf } = this.#statements;
    if (transactionOf.get(one) === transactionOf.get(other)) this.#refuseIfClaimed(one);
  }

  #refuseIfClaimed(attemptId: number): void {
    const claimedBy = this.#attempts.batchOf(attemptId);
    if (claimedBy === undefined || this.#attempts.stateOfBatch(claimedBy) === "failed") return;
    throw new Error(`transaction ${this.#statements.transactionOf.get(attemptId)} is already in batch ${claimedBy}`);
  }

  #idsByTransactions(transactionIds: readonly string[]): number[] {
    return this.#statements.idsByTransactions.all(hashesOf(transactionIds), JSON.stringify(transactionIds));
  }

  /** Returns the first one's id; the others follow it. */
  #insert(rows: readonly (readonly (string | number)[])[]): number {
    const { insertOne, insertMany } = this.#statements;
    let lastId: number | bigint = 0;
    for (let start = 0; start < rows.length; ) {
      const some =
        rows.length - start < ROWS_AT_ONCE ? rows.slice(start, start + 1) : rows.slice(start, start + ROWS_AT_ONCE);
      lastId = (some.length === 1 ? insertOne : insertMany).run(some.flat()).lastInsertRowid;
      start += some.length;
    }
    return Number(lastId) - rows.length + 1;
  }
}

function valuesOf(
  batchId: number,
  exportId: number,
  attemptNumber: number,
  { rebill, position, row, line }: NewAttempt,
): (string | number)[] {
  return [
    rebill.orderId,
    rebill.transactionId,
    attemptNumber,
    exportId,
    position,
    row,
    line,
    rebill.subscriptionId,
    rebill.customerId,
    rebill.declineCode,
    rebill.declineCodeSource ?? "",
    rebill.amountMinor,
    rebill.currency,
    rebill.declinedAt,
    rebill.expiresAt,
    batchId,
  ];
}

interface ExportRow extends Omit<ExportRecord, "archived"> {
  readonly archivedBytes: number | null;
  readonly archivedSha256: string | null;
}

function toExport({ archivedBytes, archivedSha256, ...taken }: ExportRow): ExportRecord {
  if (archivedBytes === null || archivedSha256 === null) return taken;
  return { ...taken, archived: { sizeBytes: archivedBytes, sha256: archivedSha256 } };
}

function prepare({ db }: Session) {
  const exports = `SELECT export_id AS exportId, export.sha256, name, rows, accepted, skipped, rejected,
    archive_path AS archivePath, max_age_days AS maxAgeDays, reason, at, recorded_at AS recordedAt,
    archived.size_bytes AS archivedBytes, archived.sha256 AS archivedSha256
    FROM export LEFT JOIN export_archived AS archived USING (export_id)`;
  const insert = (count: number) =>
    db.prepare<[(string | number)[]]>(
      `INSERT INTO attempt (order_id, transaction_id, attempt_number, export_id, position, row, line, subscription_id,
         customer_id, decline_code, decline_code_source, amount_minor, currency, declined_at, expires_at, batch_id)
       VALUES ${Array.from({ length: count }, () => "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").join(", ")}`,
    );
  return lazily({
    // The same bytes may be taken again (with --max-age, after rows were stale): the last time counts.
    exportBySha256: () =>
      db.prepare<[string], ExportRow>(`${exports} WHERE export.sha256 = ? ORDER BY export_id DESC LIMIT 1`),
    exportById: () => db.prepare<[number], ExportRow>(`${exports} WHERE export_id = ?`),
    exports: () => db.prepare<[], ExportRow>(`${exports} ORDER BY export_id`),
    insertExport: () =>
      db.prepare<[NewExport]>(
        `INSERT INTO export (sha256, name, rows, accepted, skipped, rejected, archive_path, max_age_days, reason, at,
         recorded_at)
       VALUES (@sha256, @name, @rows, @accepted, @skipped, @rejected, @archivePath, @maxAgeDays, @reason, @at,
         @recordedAt)`,
      ),
    insertArchived: () =>
      db.prepare<[{ exportId: number; sizeBytes: number; sha256: string }]>(
        "INSERT INTO export_archived (export_id, size_bytes, sha256) VALUES (@exportId, @sizeBytes, @sha256)",
      ),
    insertBatch: () => db.prepare<[number]>("INSERT INTO batch (export_id) VALUES (?)"),
    insertPlanned: () =>
      db.prepare<[number, number, number]>(
        `INSERT INTO batch_event (batch_id, kind, name, try, detail, at, recorded_at)
       VALUES (?, 'planned', '', 0, '', ?, ?)`,
      ),
    exportOfBatch: () => db.prepare<[number], number>("SELECT export_id FROM batch WHERE batch_id = ?").pluck(),
    lastAttemptNumbers: () =>
      db
        .prepare<[string], [orderId: string, attemptNumber: number]>(
          `SELECT order_id, max(attempt_number) FROM attempt WHERE order_id IN (SELECT value FROM json_each(?))
         GROUP BY order_id`,
        )
        .raw(),
    anyAttempt: () => db.prepare<[], number>("SELECT 1 FROM attempt LIMIT 1").pluck(),
    transactionOf: () =>
      db.prepare<[number], string>("SELECT transaction_id FROM attempt WHERE attempt_id = ?").pluck(),
    insertOne: () => insert(1),
    insertMany: () => insert(ROWS_AT_ONCE),
    insertReclaim: () =>
      db.prepare<[number, number, number]>(
        `INSERT INTO reclaim (attempt_id, nth, batch_id)
       VALUES (?, (SELECT coalesce(max(nth), 0) + 1 FROM reclaim WHERE attempt_id = ?), ?)`,
      ),
    // One statement for a page of ids: a call for each would cost more than its look.
    idsByOrders: () =>
      db
        .prepare<[string], number>("SELECT attempt_id FROM attempt WHERE order_id IN (SELECT value FROM json_each(?))")
        .pluck(),
    idsByTransactions: () =>
      db
        .prepare<[hashes: string, ids: string], number>(
          `SELECT attempt_id FROM ${ofKeys("transaction_key")} CROSS JOIN attempt USING (attempt_id)
           WHERE transaction_id IN (SELECT value FROM json_each(?))`,
        )
        .pluck(),
    // Only those without a final word: the rest of a long history is not loaded. `foldState` decides.
    idsBySubscriptions: () =>
      db
        .prepare<[hashes: string, ids: string], number>(
          `SELECT attempt_id FROM ${ofKeys("subscription_key")} CROSS JOIN attempt USING (attempt_id)
           WHERE subscription_id IN (SELECT value FROM json_each(?))
             AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.attempt_id = attempt.attempt_id AND status <> 'pending')`,
        )
        .pluck(),
  });
}
