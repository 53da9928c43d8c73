/** What the ledger knows of the orders on a page of result rows, kept up to date while the page is applied. */
import type { KnownAttempt, ResultRow } from "../domain/reconcile.ts";
import type { AttemptRecord } from "../ledger/ledger.ts";
import type { PipelineContext } from "./context.ts";

export class KnownAttempts {
  readonly #byOrder: Map<string, KnownAttempt[]>;
  readonly #all: Map<number, KnownAttempt>;

  private constructor(attempts: readonly KnownAttempt[]) {
    this.#all = new Map(attempts.map((attempt) => [attempt.attemptId, attempt]));
    this.#byOrder = Map.groupBy(attempts, (attempt) => attempt.orderId);
  }

  static async load(context: PipelineContext, rows: readonly ResultRow[]): Promise<KnownAttempts> {
    const attempts = await context.ledger.findAttemptsForResults(keysOf(rows));
    const uploaded = new Map<number, boolean>();
    for (const { batchId, batchState } of attempts) {
      if (batchState === "delivered" || uploaded.has(batchId)) continue;
      const events = await context.ledger.batchEvents(batchId);
      uploaded.set(
        batchId,
        events.some((event) => event.state === "uploaded"),
      );
    }
    return new KnownAttempts(attempts.map((attempt) => toKnown(attempt, uploaded.get(attempt.batchId) ?? true)));
  }

  candidatesFor(row: ResultRow): KnownAttempt[] {
    const ofOrder = this.#byOrder.get(row.orderId) ?? [];
    // A provider may put its own key where ours belongs; an order that somebody else names is not ours.
    const mayUseSession = row.sessionKey !== "" && (row.orderId === "" || row.orderId === row.sessionKey);
    if (ofOrder.length > 0 || !mayUseSession) return ofOrder.map((attempt) => this.#current(attempt));
    const bySession = [...this.#all.values()].filter((attempt) => attempt.sessionKey === row.sessionKey);
    return bySession;
  }

  learn(attemptId: number, outcome: KnownAttempt["outcomes"][number], sessionKey: string): void {
    const attempt = this.#all.get(attemptId);
    if (!attempt) return;
    const learned = sessionKey === "" ? attempt.sessionKey : (attempt.sessionKey ?? sessionKey);
    this.#all.set(attemptId, { ...attempt, outcomes: [...attempt.outcomes, outcome], sessionKey: learned });
  }

  setBatchState(batchId: number, batchState: KnownAttempt["batchState"]): void {
    for (const [id, attempt] of this.#all)
      if (attempt.batchId === batchId) this.#all.set(id, { ...attempt, batchState });
  }

  #current(attempt: KnownAttempt): KnownAttempt {
    return this.#all.get(attempt.attemptId) ?? attempt;
  }
}

function toKnown(attempt: AttemptRecord, batchWasUploaded: boolean): KnownAttempt {
  return { ...attempt, batchWasUploaded };
}

function keysOf(rows: readonly ResultRow[]) {
  return {
    orderIds: [...new Set(rows.map((row) => row.orderId).filter((id) => id !== ""))],
    sessionKeys: [...new Set(rows.map((row) => row.sessionKey).filter((key) => key !== ""))],
  };
}
