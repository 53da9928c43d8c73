/**
 * What was sent and what came back, for one merchant. Facts are appended, never changed; states are folded from them.
 * Implementation: sqlite (postgres follows), held by test/contract/ledger-suite.ts.
 *
 * Obligations:
 * - a resolved write is durable (or, inside `transaction`, becomes so when that resolves); writes that are made at the same
 *   time may share a commit, but each stands or falls alone;
 * - every write checks in its own transaction that this process still holds the merchant's lock, and rejects with the
 *   Problem `locked` if not; reads need no lock;
 * - methods that take or give many rows speak in arrays of at most a few thousand;
 * - ids are positive integers that only grow.
 *
 * It is long because it is the whole contract in one place, and half of it is words: who writes the next ledger reads this.
 */
import type { BatchContent, BatchState } from "../domain/batch.ts";
import type { Break, BreakCode } from "../domain/break.ts";
import type { Instant } from "../domain/instant.ts";
import type { Outcome, OutcomeSource, OutcomeStatus } from "../domain/outcome.ts";
import type { Rebill, RebillIdentity, RowPlace } from "../domain/rebill.ts";

/** `at` is the run's now (`--as-of`); `recordedAt` is always the wall clock. */
export interface Stamp {
  readonly at: Instant;
  readonly recordedAt: Instant;
}

export interface Ledger extends LockKeeper, RunBook, ExportBook, BatchBook, ResultBook, BreakBook {
  /**
   * All or nothing. A call inside another joins it. Reads inside see what was written inside; calls from elsewhere in the
   * process wait until it ends, so never await the network in it. Whatever failed inside fails it, even if caught there.
   */
  transaction<T>(work: () => Promise<T>, options?: TransactionOptions<T>): Promise<T>;
  /** The store's own check of itself, for `verify`: what it finds wrong, in its words; empty when it is whole. */
  checkIntegrity(): Promise<string[]>;
  /** Path and schema version, for `doctor` and `status`. */
  readonly about: { readonly path: string; readonly schemaVersion: number; readonly host: string };
  close(): Promise<void>;
}

export interface TransactionOptions<T> {
  /** Says of the result whether it is to stay; else nothing does. Not inside another. */
  readonly keeps?: ((result: T) => boolean) | undefined;
  /**
   * Hundreds of thousands of rows are read or written in it: it may go on in a thread of its own, while this one goes on with other work.
   * Then calls may be made before the answer to an earlier one; they are carried out in their order. Nothing is read in pages
   * (an AsyncIterable) in it, no name is minted, and nobody asks for the lock's holder or the store's check: such calls throw. Inside another it makes no difference.
   */
  readonly isLarge?: boolean | undefined;
}

export interface LockKeeper {
  /** Problem `locked`, naming the holder, if another living process has it. A dead owner is replaced at once. */
  acquireLock(command: string): Promise<void>;
  releaseLock(): Promise<void>;
  /** Who holds it now, as far as known; undefined if nobody. */
  lockHolder(): Promise<LockHolder | undefined>;
}

export interface LockHolder {
  readonly pid: number;
  /** Tells it from a later process with the same number. */
  readonly processStartedAt: Instant;
  readonly host: string;
  readonly command: string;
  readonly since: Instant;
  readonly heartbeatAt: Instant;
}

export interface RunBook {
  startRun(run: Stamp & { readonly command: string }): Promise<number>;
  endRun(runId: number, end: Stamp & { readonly exitStatus: number }): Promise<void>;
  /** Oldest first. */
  runs(): Promise<RunRecord[]>;
}

export interface RunRecord extends Stamp {
  readonly runId: number;
  readonly command: string;
  /** Undefined: it never ended (killed), or is running. */
  readonly exitStatus: number | undefined;
}

export interface ExportBook {
  /** As it was taken last: the same bytes may be taken again, when rows of it were too old the first time. */
  findExport(sha256: string): Promise<ExportRecord | undefined>;
  findExportById(exportId: number): Promise<ExportRecord | undefined>;
  /** Every export taken, oldest first. */
  exports(): Promise<ExportRecord[]>;
  /**
   * Of an export that is being read: batches may be planned for it and rows be claimed. What only its end tells follows by `endExport` in the
   * same transaction, which fails without it. Until then `hasAttempts`, `findAttempts` and `pendingOrdersOfSubscriptions` find nothing
   * of this export. One at a time.
   */
  beginExport(begun: NewExport): Promise<number>;
  endExport(exportId: number, read: ReadExport): Promise<void>;
  /** No more rows of the export that is being read are claimed: what was held back of them is written, while its caller has the end of its archive to prove. */
  endClaims(exportId: number): Promise<void>;
  /** A batch in state `planned`, with no rows yet. */
  planBatch(batch: Stamp & { readonly exportId: number }): Promise<number>;
  /**
   * New attempts, claimed for this planned batch. The n-th attempt of an order is numbered n. A transaction that is in
   * another batch, unless that failed, is a bug of the caller and throws.
   */
  claim(batchId: number, attempts: readonly NewAttempt[]): Promise<void>;
  /**
   * New attempts from accepted rows of the export that is being read, no order twice; for its last batch, or for a new planned one. The
   * memory of the rows must not change before this resolves, with the batch's id.
   */
  claimRows(exportId: number, rows: RowsToClaim): Promise<number>;
  /** Attempts that were released (their batch failed) go into another batch. */
  reclaim(batchId: number, attemptIds: readonly number[]): Promise<void>;
  /** Was anything ever claimed? */
  hasAttempts(): Promise<boolean>;
  /** Every attempt that shares an order id or a transaction id with one of these. */
  findAttempts(identities: readonly RebillIdentity[]): Promise<AttemptRecord[]>;
  /** Which of these subscriptions have an attempt that is pending, and under which order. */
  pendingOrdersOfSubscriptions(
    subscriptionIds: readonly string[],
  ): Promise<{ subscriptionId: string; orderId: string }[]>;
}

export interface NewExport extends Stamp {
  /** Bare file name as it was given. */
  readonly name: string;
  /** How many calendar days old a decline of it may be: the policy's, or what a person allowed with a reason. */
  readonly maxAgeDays: number;
  /** Of the canonical accepted rows, relative to the merchant's data folder. */
  readonly archivePath: string;
  /** Why it was sent although late; empty otherwise. */
  readonly reason: string;
}

export interface ReadExport {
  readonly sha256: string;
  readonly rows: number;
  readonly accepted: number;
  readonly skipped: number;
  readonly rejected: number;
  /** What the archived rows are, to the byte. Undefined: it was taken before this was recorded. */
  readonly archived?: { readonly sizeBytes: number; readonly sha256: string } | undefined;
}

export interface ExportRecord extends NewExport, ReadExport {
  readonly exportId: number;
}

/** What the ledger keeps of a rebill. */
export type ClaimedRebill = Pick<
  Rebill,
  | "orderId"
  | "transactionId"
  | "subscriptionId"
  | "customerId"
  | "declinedAt"
  | "amountMinor"
  | "currency"
  | "declineCode"
  | "declineCodeSource"
  | "expiresAt"
>;

/** Canonical rows one after the other (domain/canonical-rows.ts), as plain memory: another thread may read it. */
export interface RowsToClaim {
  readonly beginBatch: boolean;
  /** Of the first of them, as in NewAttempt; the others follow it. */
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** Where each stood in its export, as in RowPlace. */
  readonly rowNumbers: Uint32Array;
  readonly lines: Uint32Array;
}

export interface NewAttempt extends RowPlace {
  readonly rebill: ClaimedRebill;
  /** 0-based place among the canonical rows of its export's archive. */
  readonly position: number;
}

/** One sending of one rebill, as the ledger knows it. Cards, names and addresses stay in the archive. */
export interface AttemptRecord extends RowPlace {
  readonly attemptId: number;
  readonly orderId: string;
  readonly transactionId: string;
  /** 1 for the first sending of this order, 2 for the next, … */
  readonly attemptNumber: number;
  readonly exportId: number;
  readonly position: number;
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly declineCode: string;
  readonly declineCodeSource: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly expiresAt: Instant;
  /** The latest batch it was claimed for. */
  readonly batchId: number;
  readonly batchState: BatchState;
  /** The provider's key for it, once a result row told us. */
  readonly sessionKey: string | undefined;
  /** In the order they were appended. */
  readonly outcomes: readonly OutcomeRecord[];
  /** Is an amount or currency mismatch of it still open? */
  readonly mismatchOpen: boolean;
}

/** Where an attempt stands: the part of an AttemptRecord that reports and silence fold, of every attempt there ever was. */
export interface AttemptStanding
  extends Pick<
    AttemptRecord,
    | "attemptId"
    | "orderId"
    | "declineCode"
    | "declineCodeSource"
    | "amountMinor"
    | "currency"
    | "declinedAt"
    | "expiresAt"
    | "batchId"
    | "batchState"
    | "mismatchOpen"
  > {
  /** In the order they were appended. */
  readonly outcomes: readonly Pick<OutcomeRecord, "status" | "amountMinor" | "at">[];
}

/** And whose it is. */
export interface AttemptHold
  extends AttemptStanding,
    Pick<AttemptRecord, "attemptNumber" | "subscriptionId" | "customerId"> {}

/** What a result row is compared with: the part of an AttemptRecord that decides, because a file speaks of a million. */
export interface SentAttempt
  extends Pick<
    AttemptRecord,
    | "attemptId"
    | "orderId"
    | "attemptNumber"
    | "amountMinor"
    | "currency"
    | "declinedAt"
    | "expiresAt"
    | "batchId"
    | "batchState"
    | "sessionKey"
  > {
  /** All bytes of that batch were once on the server, whatever became of the rename. */
  readonly batchWasUploaded: boolean;
  /** In the order they were appended. */
  readonly outcomes: readonly Outcome[];
}

export interface OutcomeRecord extends Outcome, Stamp {
  readonly source: OutcomeSource;
  /** The result file's name; empty when a person said it. */
  readonly file: string;
  readonly line: number;
  readonly responseCode: string;
  readonly message: string;
}

export interface BatchBook {
  /** Oldest first. `unfinished`: not delivered and not failed. */
  batches(which: "all" | "unfinished"): Promise<BatchRecord[]>;
  /** By number or by its current or any earlier name. */
  findBatch(idOrName: string): Promise<BatchRecord | undefined>;
  /**
   * Takes the next number (per merchant, never reset, never given twice), makes the name, records it as the batch's.
   * An earlier name of the batch is burned by that: recorded for ever, never used again. Throws once the batch may be
   * with the provider: its name stays.
   */
  mintName(batchId: number, makeName: (number: number) => string, stamp: Stamp): Promise<string>;
  /** With `archived`, once: the exact bytes now lie in the archive. Without it no upload begins. */
  recordContent(batchId: number, content: BatchContent & { readonly archivePath: string }): Promise<void>;
  /** An arrow that domain/batch.ts allows; anything else is a bug and throws. */
  recordBatchState(batchId: number, state: BatchState, fact: BatchFact): Promise<void>;
  /** The temporary file of this try exists on the server since now. */
  recordTemporary(batchId: number, temporary: Stamp & { readonly try: number; readonly path: string }): Promise<void>;
  batchEvents(batchId: number): Promise<BatchEvent[]>;
  /** The attempts whose latest claim is this batch, by position, in pages. */
  batchAttempts(batchId: number): AsyncIterable<AttemptRecord[]>;
  /** The earliest times among those attempts, perhaps of two of them: is any of them too late? Undefined: it has none. */
  earliestTimes(batchId: number): Promise<{ readonly declinedAt: Instant; readonly expiresAt: Instant } | undefined>;
  /** What was ever claimed for this batch, by position, whatever became of it afterwards. */
  claims(batchId: number): Promise<BatchClaim[]>;
  /** Of the same only the positions, at a fifth of the cost. */
  claimedPositions(batchId: number): Promise<number[]>;
  /** Every attempt in the order of its id, in pages. */
  attempts(): AsyncIterable<AttemptRecord[]>;
  /** The same, of each only where it stands, at a third of the cost. */
  standings(): AsyncIterable<AttemptStanding[]>;
  /** The same with its owner: what a biller must know. */
  holds(): AsyncIterable<AttemptHold[]>;
  /** Orders with more than one attempt, and the number of the last. */
  ordersSentAgain(): Promise<Map<string, number>>;
}

export interface BatchFact extends Stamp {
  /** The upload's try, from 1; 0 where none is meant. */
  readonly try: number;
  /** Why, in words for a person; may be empty. */
  readonly detail: string;
}

export interface BatchRecord {
  readonly batchId: number;
  readonly exportId: number;
  readonly state: BatchState;
  /** When that state was recorded. */
  readonly since: Stamp;
  /** Why, in words; from the last event. */
  readonly detail: string;
  /** Empty until minted. */
  readonly name: string;
  /** Tries begun so far. */
  readonly tries: number;
  /** Where the server acknowledged our temporary file of the last try; undefined if it never did. */
  readonly temporary: { readonly try: number; readonly path: string } | undefined;
  readonly content: (BatchContent & { readonly archivePath: string }) | undefined;
}

export interface BatchClaim {
  readonly attemptId: number;
  readonly position: number;
  /** It had been released by an earlier batch; false: this batch was its first. */
  readonly again: boolean;
}

export interface BatchEvent extends BatchFact {
  /** In the order in which the events of all batches were recorded. */
  readonly eventId: number;
  readonly state: BatchState | "name_minted" | "temporary_created";
  /** The batch's name at that time; with `temporary_created` the path of the temporary file. */
  readonly name: string;
}

export interface ResultBook {
  /** A look at a file in the outbound folder that was not taken (yet). One is kept per name: the newest size and time. */
  recordLook(look: RemoteLook): Promise<void>;
  /** Newest look of each name. A look with the same size and time keeps its first `firstSeenAt`. */
  looks(): Promise<(RemoteLook & { readonly firstSeenAt: Instant })[]>;
  /** A listing of the outbound folder was completed; needed to tell "not there" from "not looked". */
  recordCollection(collection: Stamp & { readonly found: number; readonly collected: number }): Promise<void>;
  collections(): Promise<(Stamp & { readonly found: number; readonly collected: number })[]>;
  recordResultFile(file: NewResultFile): Promise<number>;
  /** Oldest first. `waiting`: collected and not applied yet. */
  resultFiles(which?: "all" | "waiting"): Promise<ResultFileRecord[]>;
  /** The first that had these bytes. */
  findResultFile(sha256: string): Promise<ResultFileRecord | undefined>;
  markApplied(
    resultFileId: number,
    applied: Stamp & { readonly rows: number; readonly applied: number; readonly repeated: number },
  ): Promise<void>;
  /** Attempts of these orders, and attempts that learned one of these session keys. */
  findAttemptsForResults(keys: {
    readonly orderIds: readonly string[];
    readonly sessionKeys: readonly string[];
  }): Promise<AttemptRecord[]>;
  /** The attempts of these orders by their ids alone, at a fraction of the cost. In no order. */
  findAttemptIds(orderIds: readonly string[]): Promise<AttemptIds>;
  /**
   * The same attempts, and those with one of these ids, each once, in no order, with what decides about a result row only. The
   * objects are the caller's.
   */
  findSentAttempts(keys: {
    readonly attemptIds: readonly number[];
    readonly orderIds: readonly string[];
    readonly sessionKeys: readonly string[];
  }): Promise<SentAttempt[]>;
  /** Fastest in the order of the attempts. */
  appendOutcomes(outcomes: readonly NewOutcome[]): Promise<void>;
}

/** By column: of a million orders each has an array otherwise. */
export interface AttemptIds {
  readonly attemptIds: readonly number[];
  /** Of each of them the place of its order among those that were asked for. */
  readonly orders: readonly number[];
}

export interface RemoteLook {
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Instant;
  /** Wall clock. */
  readonly seenAt: Instant;
}

export interface NewResultFile extends Stamp {
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Instant;
  readonly sha256: string;
  readonly archivePath: string;
  /** Quarantined: it is kept, but it is not a result file we can read. */
  readonly state: "collected" | "quarantined";
  readonly source: OutcomeSource;
}

export interface ResultFileRecord extends NewResultFile {
  readonly resultFileId: number;
  readonly applied:
    | (Stamp & { readonly rows: number; readonly applied: number; readonly repeated: number })
    | undefined;
}

export interface NewOutcome extends Outcome, Stamp {
  readonly attemptId: number;
  readonly source: OutcomeSource;
  /** Undefined when a person said it. */
  readonly resultFileId: number | undefined;
  readonly line: number;
  readonly responseCode: string;
  readonly message: string;
  /** Learned with it; empty if none. */
  readonly sessionKey: string;
}

export interface BreakBook {
  /** Records those whose (code, fingerprint) is new, and returns only them. */
  recordBreaks(breaks: readonly NewBreak[]): Promise<BreakRecord[]>;
  /** Oldest first; with `code` only those. */
  breaks(which: "all" | "open", code?: BreakCode): Promise<BreakRecord[]>;
  countOpenBreaks(): Promise<number>;
  /** Open or settled. */
  findBreaks(code: BreakCode, fingerprints: readonly string[]): Promise<BreakRecord[]>;
  settleBreak(breakId: number, settled: Settlement): Promise<void>;
}

export interface NewBreak extends Break, Stamp {
  readonly attemptId: number | undefined;
  readonly batchId: number | undefined;
}

export interface Settlement extends Stamp {
  readonly reason: string;
  /** What a person says really happened to the rebill; undefined: the finding is only acknowledged. */
  readonly as: OutcomeStatus | undefined;
}

export interface BreakRecord extends NewBreak {
  readonly breakId: number;
  readonly code: BreakCode;
  readonly settled: Settlement | undefined;
}
