/** Exports taken, and the rebills claimed from them. */
import { foldState } from "../../domain/outcome.ts";
import type { RebillIdentity } from "../../domain/rebill.ts";
import type {
  AttemptRecord,
  ExportBook,
  ExportRecord,
  NewAttempt,
  NewExport,
  ReadExport,
  RowsToClaim,
  Stamp,
} from "../ledger.ts";
import { type AttemptColumns, ClaimReader, columnsOf } from "./attempt-columns.ts";
import type { AttemptReader } from "./attempt-reader.ts";
import { AttemptWriter, type ClaimedFor } from "./attempt-writer.ts";
import { ExportReader } from "./export-reader.ts";
import { hashesOf, KeyTable, ofKeys } from "./key-table.ts";
import { lazily } from "./lazily.ts";
import type { Held, Session } from "./session.ts";

/** Greater than the id of any attempt. */
const ANY_ID = Number.MAX_SAFE_INTEGER;

/** The export that is being read. */
interface BegunExport extends Stamp {
  readonly exportId: number;
  /** That its first attempt gets. */
  readonly firstAttemptId: number;
  /** Of the batch that its rows go into; 0: none yet. */
  batchId: number;
}

export class SqliteExportBook implements ExportBook, Held {
  readonly #session: Session;
  readonly #attempts: AttemptReader;
  readonly #records: ExportReader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #writer: AttemptWriter;
  readonly #transactions: KeyTable;
  readonly #subscriptions: KeyTable;
  #begun: BegunExport | undefined;
  readonly #claims = new ClaimReader();

  constructor(session: Session, attempts: AttemptReader) {
    this.#session = session;
    this.#attempts = attempts;
    this.#records = new ExportReader(session.db);
    this.#statements = prepare(session);
    this.#writer = new AttemptWriter(session.db);
    this.#transactions = new KeyTable(session, "transaction_key", (one, other) => this.#refuseTwins(one, other));
    this.#subscriptions = new KeyTable(session, "subscription_key");
  }

  findExport(sha256: string): Promise<ExportRecord | undefined> {
    return this.#session.read(() => this.#records.bySha256(sha256));
  }

  findExportById(exportId: number): Promise<ExportRecord | undefined> {
    return this.#session.read(() => this.#records.byId(exportId));
  }

  exports(): Promise<ExportRecord[]> {
    return this.#session.read(() => this.#records.all());
  }

  beginExport(begun: NewExport): Promise<number> {
    return this.#session.write(() => {
      if (this.#begun) throw new Error(`export ${this.#begun.exportId} is still being read`);
      // What this transaction claimed before is not of this export.
      this.#transactions.flush();
      this.#subscriptions.flush();
      const firstAttemptId = (this.#statements.lastAttempt.get() ?? 0) + 1;
      const exportId = Number(this.#statements.insertBegun.run(begun).lastInsertRowid);
      this.#begun = { ...begun, exportId, firstAttemptId, batchId: 0 };
      this.#session.hold(this);
      return exportId;
    });
  }

  endExport(exportId: number, { archived, ...read }: ReadExport): Promise<void> {
    return this.#session.write(() => {
      this.#mustBeRead(exportId);
      this.#statements.fillBegun.run({ ...read, exportId });
      if (archived) this.#statements.insertArchived.run({ ...archived, exportId });
      this.#begun = undefined;
    });
  }

  endClaims(exportId: number): Promise<void> {
    return this.#session.write(() => {
      this.#mustBeRead(exportId);
      this.#transactions.flush();
      this.#subscriptions.flush();
    });
  }

  #mustBeRead(exportId: number): BegunExport {
    if (this.#begun?.exportId !== exportId) throw new Error(`export ${exportId} is not being read`);
    return this.#begun;
  }

  flush(): void {
    if (this.#begun) throw new Error(`export ${this.#begun.exportId} was begun and never ended`);
  }

  drop(): void {
    this.#begun = undefined;
  }

  planBatch({ exportId, at, recordedAt }: Stamp & { readonly exportId: number }): Promise<number> {
    return this.#session.write(() => this.#planBatch(exportId, { at, recordedAt }));
  }

  #planBatch(exportId: number, { at, recordedAt }: Stamp): number {
    const batchId = Number(this.#statements.insertBatch.run(exportId).lastInsertRowid);
    this.#statements.insertPlanned.run(batchId, at, recordedAt);
    return batchId;
  }

  claim(batchId: number, attempts: readonly NewAttempt[]): Promise<void> {
    return this.#session.write(() => {
      this.#mustBePlanned(batchId);
      const exportId = this.#statements.exportOfBatch.get(batchId) ?? 0;
      this.#append({ exportId, batchId }, columnsOf(attempts), false);
    });
  }

  claimRows(exportId: number, rows: RowsToClaim): Promise<number> {
    return this.#session.write(() => {
      const begun = this.#mustBeRead(exportId);
      if (rows.beginBatch) begun.batchId = this.#planBatch(exportId, begun);
      this.#mustBePlanned(begun.batchId);
      this.#append(begun, this.#claims.read(rows), begun.firstAttemptId === 1);
      return begun.batchId;
    });
  }

  #append(claimedFor: ClaimedFor, columns: AttemptColumns, areFirst: boolean): void {
    const { transactionIds, subscriptionIds } = columns;
    this.#refuseClaimed(transactionIds);
    const firstId = this.#writer.append(claimedFor, columns, areFirst);
    for (let at = 0; at < columns.length; at++) {
      this.#transactions.add(transactionIds[at] as string, firstId + at);
      const subscriptionId = subscriptionIds[at] as string;
      if (subscriptionId !== "") this.#subscriptions.add(subscriptionId, firstId + at);
    }
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
    return this.#session.read(
      () => this.#statements.anyAttempt.get(this.#begun?.firstAttemptId ?? ANY_ID) !== undefined,
    );
  }

  findAttempts(identities: readonly RebillIdentity[]): Promise<AttemptRecord[]> {
    return this.#session.read(() => {
      const before = this.#flushKeys(this.#transactions);
      const orderIds = JSON.stringify(identities.map(({ orderId }) => orderId));
      const byOrder = this.#statements.idsByOrders.all(orderIds, before);
      const byTransaction = this.#idsByTransactions(
        identities.map(({ transactionId }) => transactionId),
        before,
      );
      return this.#attempts.byIds([...new Set([...byOrder, ...byTransaction])]);
    });
  }

  pendingOrdersOfSubscriptions(
    subscriptionIds: readonly string[],
  ): Promise<{ subscriptionId: string; orderId: string }[]> {
    return this.#session.read(() => {
      const before = this.#flushKeys(this.#subscriptions);
      const wanted = [...new Set(subscriptionIds)];
      const ids = this.#statements.idsBySubscriptions.all(hashesOf(wanted), JSON.stringify(wanted), before);
      return this.#attempts
        .byIds(ids)
        .filter((attempt) => attempt.batchState !== "failed" || attempt.outcomes.length > 0)
        .filter((attempt) => foldState(attempt.outcomes.map((outcome) => outcome.status)) === "pending")
        .map(({ subscriptionId, orderId }) => ({ subscriptionId, orderId }));
    });
  }

  /**
   * For a lookup: below which id it finds attempts. While an export is read all keys that are held are its own, and stay held: put in with
   * each page they would be put in at random places.
   */
  #flushKeys(keys: KeyTable): number {
    if (this.#begun) return this.#begun.firstAttemptId;
    keys.flush();
    return ANY_ID;
  }

  #mustBePlanned(batchId: number): void {
    const state = this.#attempts.stateOfBatch(batchId);
    if (state !== "planned") throw new Error(`batch ${batchId} is ${state}: it takes no more rows`);
  }

  /** The last line of "exactly once": a transaction that is in another batch is never claimed, whatever the caller thinks. */
  #refuseClaimed(transactionIds: readonly string[]): void {
    // None of a first export is: its own are told apart when they are put in.
    if (!this.#transactions.isEmpty()) {
      for (const earlier of this.#idsByTransactions(transactionIds, ANY_ID)) this.#refuseIfClaimed(earlier);
    }
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

  #idsByTransactions(transactionIds: readonly string[], before: number): number[] {
    return this.#statements.idsByTransactions.all(hashesOf(transactionIds), JSON.stringify(transactionIds), before);
  }
}

function prepare({ db }: Session) {
  return lazily({
    insertBegun: () =>
      db.prepare<[NewExport]>(
        `INSERT INTO export (sha256, name, rows, accepted, skipped, rejected, archive_path, max_age_days, reason, at,
         recorded_at)
       VALUES ('', @name, 0, 0, 0, 0, @archivePath, @maxAgeDays, @reason, @at, @recordedAt)`,
      ),
    fillBegun: () =>
      db.prepare<[Omit<ReadExport, "archived"> & { exportId: number }]>(
        `UPDATE export SET sha256 = @sha256, rows = @rows, accepted = @accepted, skipped = @skipped, rejected = @rejected
         WHERE export_id = @exportId`,
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
    lastAttempt: () => db.prepare<[], number>("SELECT max(attempt_id) FROM attempt").pluck(),
    anyAttempt: () =>
      db.prepare<[before: number], number>("SELECT 1 FROM attempt WHERE attempt_id < ? LIMIT 1").pluck(),
    transactionOf: () =>
      db.prepare<[number], string>("SELECT transaction_id FROM attempt WHERE attempt_id = ?").pluck(),
    insertReclaim: () =>
      db.prepare<[number, number, number]>(
        `INSERT INTO reclaim (attempt_id, nth, batch_id)
       VALUES (?, (SELECT coalesce(max(nth), 0) + 1 FROM reclaim WHERE attempt_id = ?), ?)`,
      ),
    // One statement for a page of ids: a call for each would cost more than its look.
    idsByOrders: () =>
      db
        .prepare<[orderIds: string, before: number], number>(
          "SELECT attempt_id FROM attempt WHERE order_id IN (SELECT value FROM json_each(?)) AND attempt_id < ?",
        )
        .pluck(),
    idsByTransactions: () =>
      db
        .prepare<[hashes: string, ids: string, before: number], number>(
          `SELECT attempt_id FROM ${ofKeys("transaction_key")} CROSS JOIN attempt USING (attempt_id)
           WHERE transaction_id IN (SELECT value FROM json_each(?)) AND attempt_id < ?`,
        )
        .pluck(),
    // Only those without a final word: the rest of a long history is not loaded. `foldState` decides.
    idsBySubscriptions: () =>
      db
        .prepare<[hashes: string, ids: string, before: number], number>(
          `SELECT attempt_id FROM ${ofKeys("subscription_key")} CROSS JOIN attempt USING (attempt_id)
           WHERE subscription_id IN (SELECT value FROM json_each(?)) AND attempt_id < ?
             AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.attempt_id = attempt.attempt_id AND status <> 'pending')`,
        )
        .pluck(),
  });
}
