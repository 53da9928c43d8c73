/** Attempts as a result row must be compared with them: by order, or by the session key that they learned. */
import type { BatchState } from "../../domain/batch.ts";
import type { Outcome, OutcomeStatus } from "../../domain/outcome.ts";
import type { ResultBook, SentAttempt } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { keyHash } from "./key-hash.ts";
import type { KeyTable } from "./key-table.ts";
import { lazily } from "./lazily.ts";

type AttemptColumns = [
  attemptId: number,
  orderId: string,
  attemptNumber: number,
  amountMinor: number,
  currency: string,
  declinedAt: number,
  expiresAt: number,
  batchId: number,
  hasOutcomes: 0 | 1,
];

type OutcomeColumns = [
  attemptId: number,
  status: OutcomeStatus,
  rawStatus: string,
  amountMinor: number,
  currency: string,
  processedAt: number | null,
  sessionKey: string,
];

export type SentKeys = Parameters<ResultBook["findSentAttempts"]>[0];

type BatchFacts = Pick<SentAttempt, "batchState" | "batchWasUploaded">;

type Found = { -readonly [Key in keyof Omit<SentAttempt, "outcomes">]: SentAttempt[Key] } & { outcomes: Outcome[] };

export class SentAttemptReader {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #stateOfBatch: (batchId: number) => BatchState;
  readonly #learned: KeyTable;

  constructor(db: Database, learned: KeyTable, stateOfBatch: (batchId: number) => BatchState) {
    this.#statements = prepare(db);
    this.#learned = learned;
    this.#stateOfBatch = stateOfBatch;
  }

  /** Each attempt once. Inside the caller's read or write. */
  find({ attemptIds, orderIds, sessionKeys }: SentKeys): SentAttempt[] {
    const rows = orderIds.length === 0 ? [] : this.#statements.ofOrders.all(JSON.stringify(orderIds));
    const ids = sessionKeys.length === 0 ? attemptIds : [...attemptIds, ...this.idsOfSessionKeys(sessionKeys)];
    if (ids.length === 0) return this.#complete(rows);
    const known = new Set(rows.map(([attemptId]) => attemptId));
    const others = [...new Set(ids)].filter((id) => !known.has(id));
    for (const row of this.#statements.ofIds.all(JSON.stringify(others))) rows.push(row);
    return this.#complete(rows);
  }

  idsOfOrders(orderIds: readonly string[]): number[][] {
    const ids: number[][] = orderIds.map(() => []);
    for (const [index, attemptId] of this.#statements.idsOfOrders.all(JSON.stringify(orderIds))) {
      ids[index]?.push(attemptId);
    }
    for (const several of ids) if (several.length > 1) several.sort((a, b) => a - b);
    return ids;
  }

  idsOfSessionKeys(sessionKeys: readonly string[]): number[] {
    this.#learned.flush();
    const ids = sessionKeys.flatMap((key) => this.#statements.idsOfKey.all(keyHash(key), key));
    return [...new Set(ids)];
  }

  #complete(rows: readonly AttemptColumns[]): SentAttempt[] {
    const batches = new Map<number, BatchFacts>();
    const spokenOf = new Map<number, Found>();
    const attempts = rows.map((row) => {
      const batchId = row[7];
      const batch = batches.get(batchId) ?? this.#factsOf(batchId);
      batches.set(batchId, batch);
      const attempt = toAttempt(row, batch);
      if (row[8] === 1) spokenOf.set(row[0], attempt);
      return attempt;
    });
    if (spokenOf.size > 0) this.#addOutcomes(spokenOf);
    return attempts;
  }

  #factsOf(batchId: number): BatchFacts {
    const batchWasUploaded = this.#statements.wasUploaded.get(batchId) === 1;
    return { batchState: this.#stateOfBatch(batchId), batchWasUploaded };
  }

  #addOutcomes(attempts: ReadonlyMap<number, Found>): void {
    const ids = JSON.stringify([...attempts.keys()]);
    for (const [attemptId, status, rawStatus, amountMinor, currency, processedAt, key] of this.#statements.outcomes.all(
      ids,
    )) {
      const attempt = attempts.get(attemptId);
      if (!attempt) continue;
      const word = { status, rawStatus, amountMinor, currency };
      attempt.outcomes.push(processedAt === null ? word : { ...word, processedAt });
      // The first key that was learned is kept.
      if (attempt.sessionKey === undefined && key !== "") attempt.sessionKey = key;
    }
  }
}

function toAttempt(row: AttemptColumns, { batchState, batchWasUploaded }: BatchFacts): Found {
  const [attemptId, orderId, attemptNumber, amountMinor, currency, declinedAt, expiresAt, batchId] = row;
  return {
    attemptId,
    orderId,
    attemptNumber,
    amountMinor,
    currency,
    declinedAt,
    expiresAt,
    batchId,
    batchState,
    batchWasUploaded,
    sessionKey: undefined,
    outcomes: [],
  };
}

function prepare(db: Database) {
  const attempts = (column: string) =>
    db
      .prepare<[string], AttemptColumns>(
        `SELECT attempt_id, order_id, attempt_number, amount_minor, currency, declined_at, expires_at,
           coalesce((SELECT batch_id FROM reclaim WHERE reclaim.attempt_id = attempt.attempt_id ORDER BY nth DESC LIMIT 1),
             batch_id),
           EXISTS (SELECT 1 FROM outcome WHERE outcome.attempt_id = attempt.attempt_id)
         FROM json_each(?) AS wanted CROSS JOIN attempt ON ${column} = wanted.value`,
      )
      .raw();
  return lazily({
    ofOrders: () => attempts("order_id"),
    ofIds: () => attempts("attempt_id"),
    // Answered by the index alone.
    idsOfOrders: () =>
      db
        .prepare<[string], [index: number, attemptId: number]>(
          `SELECT wanted.key, attempt_id FROM json_each(?) AS wanted CROSS JOIN attempt ON order_id = wanted.value`,
        )
        .raw(),
    outcomes: () =>
      db
        .prepare<[string], OutcomeColumns>(
          `SELECT attempt_id, status, raw_status, amount_minor, currency, processed_at, session_key
         FROM json_each(?) AS wanted CROSS JOIN outcome ON attempt_id = wanted.value ORDER BY attempt_id, nth`,
        )
        .raw(),
    wasUploaded: () =>
      db
        .prepare<[number], 0 | 1>("SELECT EXISTS (SELECT 1 FROM batch_event WHERE batch_id = ? AND kind = 'uploaded')")
        .pluck(),
    idsOfKey: () =>
      db
        .prepare<[number, string], number>(
          `SELECT DISTINCT attempt_id FROM learned_key JOIN outcome USING (attempt_id)
         WHERE key_hash = ? AND session_key = ? AND session_key <> ''`,
        )
        .pluck(),
  });
}
