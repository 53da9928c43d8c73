/** Where each attempt stands: four ranges of neighbours a page, as plain columns, because a report reads millions. */
import type { BatchState } from "../../domain/batch.ts";
import { type BreakCode, isMismatch } from "../../domain/break.ts";
import type { OutcomeStatus } from "../../domain/outcome.ts";
import type { AttemptHold, AttemptStanding } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";
import { pagesById } from "./pages-by-id.ts";
import type { Session } from "./session.ts";

/** Small enough to be garbage before the collector has copied it twice: larger pages take twice the memory and longer. */
const PAGE_ROWS = 1_000;

type AttemptColumns = [
  attemptId: number,
  orderId: string,
  declineCode: string,
  declineCodeSource: string,
  amountMinor: number,
  currency: string,
  declinedAt: number,
  expiresAt: number,
  batchId: number,
];

type HoldColumns = [...AttemptColumns, attemptNumber: number, subscriptionId: string, customerId: string];

type Word = AttemptStanding["outcomes"][number];
type Standing = { -readonly [Key in keyof AttemptStanding]: AttemptStanding[Key] };

const NO_WORDS: readonly Word[] = [];

export class StandingReader {
  readonly #session: Session;
  readonly #stateOfBatch: (batchId: number) => BatchState;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session, stateOfBatch: (batchId: number) => BatchState) {
    this.#session = session;
    this.#stateOfBatch = stateOfBatch;
    this.#statements = prepare(session.db);
  }

  all(): AsyncGenerator<AttemptStanding[]> {
    return pagesById((last) => this.#session.read(() => this.#after(last)));
  }

  holds(): AsyncGenerator<AttemptHold[]> {
    return pagesById((last) =>
      this.#session.read(() => {
        const page = this.#statements.holds.all(last, PAGE_ROWS).map((row) => {
          const [attemptNumber, subscriptionId, customerId] = [row[9], row[10], row[11]];
          return Object.assign(toStanding(row), { attemptNumber, subscriptionId, customerId });
        });
        this.#complete(page, last);
        return page;
      }),
    );
  }

  ordersSentAgain(): Promise<Map<string, number>> {
    return this.#session.read(() => new Map(this.#statements.sentAgain.all()));
  }

  #after(attemptId: number): AttemptStanding[] {
    const page = this.#statements.attempts.all(attemptId, PAGE_ROWS).map(toStanding);
    this.#complete(page, attemptId);
    return page;
  }

  #complete(page: readonly Standing[], attemptId: number): void {
    const last = page.at(-1)?.attemptId ?? attemptId;
    this.#addWords(page, attemptId, last);
    this.#correct(page, attemptId, last);
    const states = new Map<number, BatchState>();
    for (const standing of page) {
      let state = states.get(standing.batchId);
      if (state === undefined) {
        state = this.#stateOfBatch(standing.batchId);
        states.set(standing.batchId, state);
      }
      standing.batchState = state;
    }
  }

  /** Both are in the order of the attempts. */
  #addWords(page: readonly Standing[], after: number, last: number): void {
    let at = 0;
    for (const [attemptId, status, amountMinor, recorded] of this.#statements.outcomes.all(after, last)) {
      while ((page[at] as Standing).attemptId < attemptId) at++;
      const standing = page[at] as Standing;
      const word = { status, amountMinor, at: recorded };
      if (standing.outcomes === NO_WORDS) standing.outcomes = [word];
      else (standing.outcomes as Word[]).push(word);
    }
  }

  /** What few attempts have: a later claim, an open mismatch. */
  #correct(page: readonly Standing[], after: number, last: number): void {
    const reclaims = this.#statements.reclaims.all(after, last);
    const mismatches = this.#statements.openBreaks.all(after, last).filter(([, code]) => isMismatch(code));
    if (reclaims.length === 0 && mismatches.length === 0) return;
    const byId = new Map(page.map((standing) => [standing.attemptId, standing]));
    for (const [attemptId, batchId] of reclaims) {
      const standing = byId.get(attemptId);
      if (standing) standing.batchId = batchId;
    }
    for (const [attemptId] of mismatches) {
      const standing = byId.get(attemptId);
      if (standing) standing.mismatchOpen = true;
    }
  }
}

function toStanding(row: AttemptColumns | HoldColumns): Standing {
  const [attemptId, orderId, declineCode, declineCodeSource, amountMinor, currency, declinedAt] = row;
  return {
    attemptId,
    orderId,
    declineCode,
    declineCodeSource,
    amountMinor,
    currency,
    declinedAt,
    expiresAt: row[7],
    batchId: row[8],
    batchState: "planned",
    mismatchOpen: false,
    outcomes: NO_WORDS,
  };
}

function prepare(db: Database) {
  type Range = [after: number, last: number];
  const ofRange = "attempt_id > ? AND attempt_id <= ?";
  const attempts = <Columns extends AttemptColumns | HoldColumns>(more: string) =>
    db
      .prepare<[number, number], Columns>(
        `SELECT attempt_id, order_id, decline_code, decline_code_source, amount_minor, currency, declined_at, expires_at,
           batch_id ${more} FROM attempt WHERE attempt_id > ? ORDER BY attempt_id LIMIT ?`,
      )
      .raw();
  return lazily({
    attempts: () => attempts<AttemptColumns>(""),
    holds: () => attempts<HoldColumns>(", attempt_number, subscription_id, customer_id"),
    sentAgain: () =>
      db
        .prepare<[], [string, number]>(
          "SELECT order_id, max(attempt_number) FROM attempt WHERE attempt_number > 1 GROUP BY order_id",
        )
        .raw(),
    outcomes: () =>
      db
        .prepare<Range, [number, OutcomeStatus, number, number]>(
          `SELECT attempt_id, status, amount_minor, at FROM outcome WHERE ${ofRange} ORDER BY attempt_id, nth`,
        )
        .raw(),
    reclaims: () =>
      db
        .prepare<Range, [number, number]>(
          `SELECT attempt_id, batch_id FROM reclaim WHERE ${ofRange} ORDER BY attempt_id, nth`,
        )
        .raw(),
    openBreaks: () =>
      db
        .prepare<Range, [number, BreakCode]>(
          `SELECT attempt_id, code FROM break
         WHERE ${ofRange} AND NOT EXISTS (SELECT 1 FROM break_settled settled WHERE settled.break_id = break.break_id)`,
        )
        .raw(),
  });
}
