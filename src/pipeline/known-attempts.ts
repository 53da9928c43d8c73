/** What the ledger knows of the orders of a page of result rows, kept up to date while the page is applied. */
import type { Outcome } from "../domain/outcome.ts";
import type { KnownAttempt, ResultRow } from "../domain/reconcile.ts";
import type { Ledger, SentAttempt } from "../ledger/ledger.ts";
import { pagesOf } from "./pages.ts";

/** It changes as rows are applied. */
type Known = { -readonly [Key in keyof KnownAttempt]: KnownAttempt[Key] } & { readonly outcomes: Outcome[] };

export class KnownAttempts {
  readonly #byOrder = new Map<string, Known[]>();
  readonly #bySession = new Map<string, Known[]>();

  /** All attempts of these orders, and those with one of these ids, which are all of theirs. */
  static async load(
    ledger: Ledger,
    attemptIds: readonly number[],
    orderIds: readonly string[],
  ): Promise<KnownAttempts> {
    const byId = Array.from(pagesOf(attemptIds), (page) => ({ attemptIds: page, orderIds: [] }));
    const byOrder = Array.from(pagesOf(orderIds), (page) => ({ attemptIds: [], orderIds: page }));
    const asked = [...byId, ...byOrder].map((keys) => ledger.findSentAttempts({ ...keys, sessionKeys: [] }));
    const known = new KnownAttempts();
    for (const found of await Promise.all(asked)) known.#add(found);
    return known;
  }

  async loadBySession(ledger: Ledger, rows: readonly ResultRow[]): Promise<void> {
    const sessionKeys = new Set(rows.filter((row) => this.#goesBySession(row)).map((row) => row.sessionKey));
    for (const page of pagesOf([...sessionKeys])) {
      const found = await ledger.findSentAttempts({ attemptIds: [], orderIds: [], sessionKeys: page });
      this.#add(found.filter((attempt) => !this.#holds(attempt)));
    }
  }

  candidatesFor(row: ResultRow): readonly KnownAttempt[] {
    if (!this.#goesBySession(row)) return this.#byOrder.get(row.orderId) ?? [];
    return (this.#bySession.get(row.sessionKey) ?? []).toSorted((a, b) => a.attemptId - b.attemptId);
  }

  /** `candidate`: one that was given by `candidatesFor`. */
  learn(candidate: KnownAttempt, outcome: Outcome, sessionKey: string): void {
    const attempt = candidate as Known;
    attempt.outcomes.push(outcome);
    // The first key that was learned is kept.
    if (sessionKey === "" || attempt.sessionKey !== undefined) return;
    attempt.sessionKey = sessionKey;
    append(this.#bySession, sessionKey, attempt);
  }

  setBatchState(batchId: number, batchState: KnownAttempt["batchState"]): void {
    for (const attempts of this.#byOrder.values()) {
      for (const attempt of attempts) if (attempt.batchId === batchId) attempt.batchState = batchState;
    }
  }

  forget(): void {
    this.#byOrder.clear();
    this.#bySession.clear();
  }

  /** A provider may put its own key where ours belongs; an order that somebody else names is not ours. */
  #goesBySession({ orderId, sessionKey }: ResultRow): boolean {
    return sessionKey !== "" && (orderId === "" || orderId === sessionKey) && !this.#byOrder.has(orderId);
  }

  #holds({ orderId, attemptId }: SentAttempt): boolean {
    return this.#byOrder.get(orderId)?.some((known) => known.attemptId === attemptId) ?? false;
  }

  #add(attempts: readonly SentAttempt[]): void {
    for (const attempt of attempts as readonly Known[]) {
      append(this.#byOrder, attempt.orderId, attempt);
      if (attempt.sessionKey !== undefined) append(this.#bySession, attempt.sessionKey, attempt);
    }
  }
}

function append(map: Map<string, Known[]>, key: string, attempt: Known): void {
  const others = map.get(key);
  if (others) others.push(attempt);
  else map.set(key, [attempt]);
}
