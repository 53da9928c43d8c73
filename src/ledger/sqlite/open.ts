/** Opens one merchant's ledger and puts its books together. */
import { join } from "node:path";
import type { Instant } from "../../domain/instant.ts";
import type { Ledger } from "../ledger.ts";
import { AttemptReader } from "./attempt-reader.ts";
import { SqliteBatchBook } from "./batch-book.ts";
import { SqliteBreakBook } from "./break-book.ts";
import {
  connect,
  type Database,
  findDamage,
  loadSqlite,
  preparePrivateFile,
  preparePrivateFolder,
  refuseLostLedger,
} from "./connection.ts";
import { SqliteExportBook } from "./export-book.ts";
import { findMissingKeys } from "./key-table.ts";
import { heldByOther, LockRow, MerchantLock } from "./lock.ts";
import { LockFile } from "./lock-file.ts";
import { isOlder, migrate } from "./migrations/migrate.ts";
import { isOwnedBy, type Owner, recordOwner, refuseOtherHost } from "./owner.ts";
import { SqliteResultBook } from "./result-book.ts";
import { SqliteRunBook } from "./run-book.ts";
import { Session } from "./session.ts";
import { problemFrom } from "./sqlite-problem.ts";

export interface LedgerOptions {
  /** The merchant's data folder; ledger.db and lock.db lie in it. Made if it is missing. */
  readonly folder: string;
  readonly merchant: string;
  /** This machine, by a name that stays. */
  readonly host: string;
  /** The wall clock. */
  readonly clock: () => Instant;
  readonly pid?: number;
  /** A person moved the folder here on purpose: this host becomes its owner. */
  readonly adopt?: boolean;
}

/**
 * Opens the ledger, making it if there is none. Takes no lock. Problems: `ledger_newer`, `ledger_damaged`,
 * `ledger_other_host`, `config_invalid` (another merchant's), `disk_failed`, `locked` (adopting, or bringing it to a newer schema, while
 * a run holds it).
 */
export async function openSqliteLedger(options: LedgerOptions): Promise<Ledger> {
  const path = join(options.folder, "ledger.db");
  const sqlite = await loadSqlite();
  let db: Database | undefined;
  try {
    preparePrivateFolder(options.folder);
    refuseLostLedger(options.folder);
    preparePrivateFile(path);
    db = await connect(sqlite, path);
    const lockFile = new LockFile(sqlite, join(options.folder, "lock.db"));
    // A program of before, in the middle of its run, would go on writing by the old schema.
    if (isOlder(db) && lockFile.isHeld()) throw heldByOther(options.merchant, lockRow(db, options).read());
    const schemaVersion = migrate(db, options.clock());
    own(db, lockFile, options);
    return assemble(db, lockFile, options, schemaVersion);
  } catch (error) {
    db?.close();
    throw problemFrom(error, path);
  }
}

function own(db: Database, lockFile: LockFile, options: LedgerOptions): void {
  const owner: Owner = options;
  if (isOwnedBy(db, owner)) return;
  db.transaction(() => {
    if (isOwnedBy(db, owner)) return;
    if (!options.adopt) refuseOtherHost(db, owner);
    else if (lockFile.isHeld()) throw heldByOther(options.merchant, lockRow(db, options).read());
    recordOwner(db, owner, options.clock());
  }).immediate();
}

function lockRow(db: Database, { merchant, host, pid = process.pid, clock }: LedgerOptions): LockRow {
  return new LockRow(db, { merchant, host, pid, clock });
}

function assemble(db: Database, lockFile: LockFile, options: LedgerOptions, schemaVersion: number): Ledger {
  const row = lockRow(db, options);
  const session = new Session(db, row, options.clock);
  const lock = new MerchantLock(lockFile, row, session, options.merchant);
  const reader = new AttemptReader(session);
  const runs = new SqliteRunBook(session);
  const exports = new SqliteExportBook(session, reader);
  const batches = new SqliteBatchBook(session, reader);
  const results = new SqliteResultBook(session, reader);
  const breaks = new SqliteBreakBook(session);
  return {
    about: { path: db.name, schemaVersion, host: options.host },
    checkIntegrity: () => session.read(() => [...findDamage(db), ...findMissingKeys(db)]),
    transaction: (work, keeps) => session.transaction(work, keeps),
    close: async () => {
      await lock.releaseLock();
      await session.close();
    },
    acquireLock: (command) => lock.acquireLock(command),
    releaseLock: () => lock.releaseLock(),
    lockHolder: () => lock.lockHolder(),
    startRun: (run) => runs.startRun(run),
    endRun: (runId, end) => runs.endRun(runId, end),
    runs: () => runs.runs(),
    findExport: (sha256) => exports.findExport(sha256),
    findExportById: (exportId) => exports.findExportById(exportId),
    exports: () => exports.exports(),
    beginExport: (begun) => exports.beginExport(begun),
    endExport: (exportId, read) => exports.endExport(exportId, read),
    planBatch: (batch) => exports.planBatch(batch),
    claim: (batchId, attempts) => exports.claim(batchId, attempts),
    reclaim: (batchId, attemptIds) => exports.reclaim(batchId, attemptIds),
    hasAttempts: () => exports.hasAttempts(),
    findAttempts: (identities) => exports.findAttempts(identities),
    pendingOrdersOfSubscriptions: (ids) => exports.pendingOrdersOfSubscriptions(ids),
    batches: (which) => batches.batches(which),
    findBatch: (idOrName) => batches.findBatch(idOrName),
    mintName: (batchId, makeName, stamp) => batches.mintName(batchId, makeName, stamp),
    recordContent: (batchId, content) => batches.recordContent(batchId, content),
    recordBatchState: (batchId, state, fact) => batches.recordBatchState(batchId, state, fact),
    recordTemporary: (batchId, temporary) => batches.recordTemporary(batchId, temporary),
    batchEvents: (batchId) => batches.batchEvents(batchId),
    batchAttempts: (batchId) => batches.batchAttempts(batchId),
    earliestTimes: (batchId) => batches.earliestTimes(batchId),
    claims: (batchId) => batches.claims(batchId),
    attempts: () => batches.attempts(),
    standings: () => batches.standings(),
    holds: () => batches.holds(),
    ordersSentAgain: () => batches.ordersSentAgain(),
    recordLook: (look) => results.recordLook(look),
    looks: () => results.looks(),
    recordCollection: (collection) => results.recordCollection(collection),
    collections: () => results.collections(),
    recordResultFile: (file) => results.recordResultFile(file),
    resultFiles: (which) => results.resultFiles(which),
    findResultFile: (sha256) => results.findResultFile(sha256),
    markApplied: (resultFileId, applied) => results.markApplied(resultFileId, applied),
    findAttemptsForResults: (keys) => results.findAttemptsForResults(keys),
    findAttemptIds: (orderIds) => results.findAttemptIds(orderIds),
    findSentAttempts: (keys) => results.findSentAttempts(keys),
    appendOutcomes: (outcomes) => results.appendOutcomes(outcomes),
    recordBreaks: (found) => breaks.recordBreaks(found),
    breaks: (which, code) => breaks.breaks(which, code),
    countOpenBreaks: () => breaks.countOpenBreaks(),
    findBreaks: (code, fingerprints) => breaks.findBreaks(code, fingerprints),
    settleBreak: (breakId, settled) => breaks.settleBreak(breakId, settled),
  };
}
