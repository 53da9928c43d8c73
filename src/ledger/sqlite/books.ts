/** A merchant's books over one connection: all that a ledger does within a transaction. */
import type { BatchBook, BreakBook, ExportBook, ResultBook, RunBook } from "../ledger.ts";
import { AttemptReader } from "./attempt-reader.ts";
import { SqliteBatchBook } from "./batch-book.ts";
import { SqliteBreakBook } from "./break-book.ts";
import { SqliteExportBook } from "./export-book.ts";
import { type PackedResultBook, unpackResults } from "./packed-results.ts";
import { SqliteResultBook } from "./result-book.ts";
import { SqliteRunBook } from "./run-book.ts";
import type { Session } from "./session.ts";

export type Books = RunBook & ExportBook & BatchBook & PackedResultBook & BreakBook;

export function openBooks(session: Session): Books {
  const reader = new AttemptReader(session);
  const runs = new SqliteRunBook(session);
  const exports = new SqliteExportBook(session, reader);
  const batches = new SqliteBatchBook(session, reader);
  const results = new SqliteResultBook(session, reader);
  const breaks = new SqliteBreakBook(session);
  return {
    startRun: (run) => runs.startRun(run),
    endRun: (runId, end) => runs.endRun(runId, end),
    runs: () => runs.runs(),
    findExport: (sha256) => exports.findExport(sha256),
    findExportById: (exportId) => exports.findExportById(exportId),
    exports: () => exports.exports(),
    beginExport: (begun) => exports.beginExport(begun),
    endExport: (exportId, read) => exports.endExport(exportId, read),
    endClaims: (exportId) => exports.endClaims(exportId),
    planBatch: (batch) => exports.planBatch(batch),
    claim: (batchId, attempts) => exports.claim(batchId, attempts),
    claimRows: (exportId, rows) => exports.claimRows(exportId, rows),
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
    claimedPositions: (batchId) => batches.claimedPositions(batchId),
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
    findPackedIds: (orderIds) => results.findPackedIds(orderIds),
    findPackedAttempts: (keys) => results.findPackedAttempts(keys),
    appendPacked: (outcomes) => results.appendPacked(outcomes),
    recordBreaks: (found) => breaks.recordBreaks(found),
    breaks: (which, code) => breaks.breaks(which, code),
    countOpenBreaks: () => breaks.countOpenBreaks(),
    findBreaks: (code, fingerprints) => breaks.findBreaks(code, fingerprints),
    settleBreak: (breakId, settled) => breaks.settleBreak(breakId, settled),
  };
}

/** The books of a ledger. Within a transaction that goes on in a thread, calls go there. */
export function routeToThread(books: Books, session: Session): Omit<Books, keyof PackedResultBook> & ResultBook {
  const route =
    (method: string, here: (...parameters: unknown[]) => unknown) =>
    async (...parameters: unknown[]) =>
      session.callThread(method, parameters) ?? here(...parameters);
  const entries = Object.entries(books).map(([method, here]) => [
    method,
    NEVER_ROUTED.has(method) ? here : route(method, here),
  ]);
  const routed: Books = Object.fromEntries(entries);
  return { ...routed, ...unpackResults(routed) };
}

/** What is given in pages is read when it is asked for; a name is made by a function. Neither crosses to a thread. */
const NEVER_ROUTED: ReadonlySet<string> = new Set<keyof Books>([
  "batchAttempts",
  "attempts",
  "standings",
  "holds",
  "mintName",
]);
