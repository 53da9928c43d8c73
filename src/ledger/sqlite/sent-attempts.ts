/** Attempts as a result row must be compared with them: by order, or by the session key that they learned. */
import type { BatchState } from "../../domain/batch.ts";
import type { Database } from "./connection.ts";
import { keyHash } from "./key-hash.ts";
import type { KeyTable } from "./key-table.ts";
import { lazily } from "./lazily.ts";
import type { BatchFacts, PackedAttempts, PackedIds, PackedKeys, PackedPart } from "./packed-results.ts";

/** Columns of packed attempts: where the batch is. */
const BATCH = 7;

export class SentAttemptReader {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #stateOfBatch: (batchId: number) => BatchState;
  readonly #learned: KeyTable;

  constructor(db: Database, learned: KeyTable, stateOfBatch: (batchId: number) => BatchState) {
    this.#statements = prepare(db);
    this.#learned = learned;
    this.#stateOfBatch = stateOfBatch;
  }

  /** Inside the caller's read or write. */
  find({ attemptIds, orderIds, sessionKeys }: PackedKeys): PackedAttempts {
    const { attemptsOfIds, outcomesOfIds, attemptsOfOrders, outcomesOfOrders } = this.#statements;
    const parts: PackedPart[] = [];
    const findByIds = (ids: string) =>
      parts.push({ attempts: attemptsOfIds.get(ids) ?? [], outcomes: outcomesOfIds.get(ids) ?? [] });
    if (attemptIds !== "") findByIds(attemptIds);
    if (orderIds !== "") {
      parts.push({ attempts: attemptsOfOrders.get(orderIds) ?? [], outcomes: outcomesOfOrders.get(orderIds) ?? [] });
    }
    if (sessionKeys.length > 0) findByIds(JSON.stringify(this.idsOfSessionKeys(sessionKeys)));
    return { parts, batches: this.#batchesOf(parts) };
  }

  idsOfOrders(orderIds: string): PackedIds {
    return this.#statements.idsOfOrders.get(orderIds) ?? ["[]", "[]"];
  }

  idsOfSessionKeys(sessionKeys: readonly string[]): number[] {
    this.#learned.flush();
    const ids = sessionKeys.flatMap((key) => this.#statements.idsOfKey.all(keyHash(key), key));
    return [...new Set(ids)];
  }

  #batchesOf(parts: readonly PackedPart[]): Map<number, BatchFacts> {
    const batches = new Map<number, BatchFacts>();
    for (const { attempts } of parts) {
      for (const batchId of JSON.parse(attempts[BATCH] ?? "[]") as number[]) {
        if (!batches.has(batchId)) batches.set(batchId, this.#factsOf(batchId));
      }
    }
    return batches;
  }

  #factsOf(batchId: number): BatchFacts {
    const batchWasUploaded = this.#statements.wasUploaded.get(batchId) === 1;
    return { batchState: this.#stateOfBatch(batchId), batchWasUploaded };
  }
}

const ATTEMPT_COLUMNS = [
  "attempt_id",
  "order_id",
  "attempt_number",
  "amount_minor",
  "currency",
  "declined_at",
  "expires_at",
  `coalesce((SELECT batch_id FROM reclaim WHERE reclaim.attempt_id = attempt.attempt_id ORDER BY nth DESC LIMIT 1),
     batch_id)`,
];

const OUTCOME_COLUMNS = [
  "outcome.attempt_id",
  "nth",
  "status",
  "raw_status",
  "outcome.amount_minor",
  "outcome.currency",
  "processed_at",
  "session_key",
];

function prepare(db: Database) {
  const columns = (names: readonly string[], from: string) =>
    db
      .prepare<[string], string[]>(`SELECT ${names.map((name) => `json_group_array(${name})`).join(", ")} FROM ${from}`)
      .raw();
  // Of one attempt they come in their order: nothing but its own key is walked through.
  const attempts = (column: string) => `json_each(?) AS wanted CROSS JOIN attempt ON attempt.${column} = wanted.value`;
  return lazily({
    attemptsOfIds: () => columns(ATTEMPT_COLUMNS, attempts("attempt_id")),
    attemptsOfOrders: () => columns(ATTEMPT_COLUMNS, attempts("order_id")),
    outcomesOfIds: () =>
      columns(OUTCOME_COLUMNS, "json_each(?) AS wanted CROSS JOIN outcome ON outcome.attempt_id = wanted.value"),
    outcomesOfOrders: () =>
      columns(OUTCOME_COLUMNS, `${attempts("order_id")} CROSS JOIN outcome ON outcome.attempt_id = attempt.attempt_id`),
    // Answered by the index alone.
    idsOfOrders: () =>
      db
        .prepare<[string], [orders: string, attemptIds: string]>(
          `SELECT json_group_array(wanted.key), json_group_array(attempt_id) FROM ${attempts("order_id")}`,
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
