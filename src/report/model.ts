/**
 * The report as data. Two independent counts meet here: what was submitted, from the control totals of the archived
 * batches, and where it went, from folding the outcomes of every attempt. Nothing is computed by difference, so a report
 * that is not balanced says that something is wrong. One pass over the attempts; only sums are kept.
 */
import { type BatchState, mayBeWithProvider } from "../domain/batch.ts";
import { BREAK_CODES, type BreakCode } from "../domain/break.ts";
import {
  type AttemptFacts,
  BUCKETS,
  type Bucket,
  bucketOf,
  countsAsSubmitted,
  type WindowRule,
} from "../domain/bucket.ts";
import type { Instant } from "../domain/instant.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { FoundBreak } from "../domain/reconcile.ts";
import { type CohortReport, Cohorts, DayOf, type DeclineCode, type Night } from "./cohorts.ts";
import { countByCode, openFindings, type Pages, type RecordedBreak } from "./findings.ts";
import { type ToDo, ToDoList } from "./to-do.ts";
import { percentOf } from "./words.ts";

export interface ReportAttempt extends AttemptFacts {
  readonly attemptId: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly declineCode: string;
  readonly declineCodeSource: string;
  readonly outcomes: readonly Pick<Outcome, "status" | "amountMinor">[];
}

export interface ReportBatch {
  readonly batchId: number;
  readonly state: BatchState;
  /** Undefined until archived. */
  readonly content: { readonly totals: readonly MoneyTotal[] } | undefined;
}

export interface ReportInput {
  readonly merchant: string;
  /** In whose days declines are grouped. */
  readonly timezone: string;
  /** Every attempt, in pages. */
  readonly attempts: Pages<ReportAttempt>;
  readonly batches: readonly ReportBatch[];
  /** All breaks of the ledger, settled ones too: they keep derived findings from coming back. */
  readonly breaks: readonly RecordedBreak[];
  /** From `findSilence`, at the same now. */
  readonly derived: Pages<FoundBreak>;
  readonly now: Instant;
  readonly window: WindowRule;
}

export interface Report {
  readonly merchant: string;
  readonly asOf: Instant;
  readonly currencies: readonly CurrencyReport[];
  readonly breaksByCode: Readonly<Partial<Record<BreakCode, number>>>;
  readonly toDo: readonly ToDo[];
  /** Undefined when nothing is pending. */
  readonly pendingAgeing: PendingAgeing | undefined;
  /** By the merchant's calendar day of the decline, newest first, at most 31 days. */
  readonly nights: readonly CohortReport<Night>[];
  /** By the decline code of the export, the most submitted first. */
  readonly declineCodes: readonly CohortReport<DeclineCode>[];
}

export interface CurrencyReport {
  readonly currency: string;
  readonly submitted: MoneyTotal;
  /** Gross: what was refunded or charged back later is in it. */
  readonly rescued: MoneyTotal;
  readonly pending: MoneyTotal;
  readonly unrescued: MoneyTotal;
  readonly cancelled: MoneyTotal;
  readonly unaccounted: MoneyTotal;
  /** Of the rescued: how many rebills, and how much of their money went back. */
  readonly refunded: MoneyTotal;
  readonly chargedBack: MoneyTotal;
  /** Of the unrescued: by silence, not by the provider's word. */
  readonly presumed: MoneyTotal;
  /** Claimed, but no provider can have seen them yet; not part of submitted. */
  readonly unsent: MoneyTotal;
  /** Proven not delivered and the merchant's again; not part of submitted. */
  readonly released: MoneyTotal;
  /** Submitted equals the sum of its five parts, in count and in amount. */
  readonly balanced: boolean;
}

export interface PendingAgeing {
  readonly oldestDeclinedAt: Instant;
  /** The next window to end; undefined when all that is pending is in its grace. */
  readonly nextWindowEnd: Instant | undefined;
}

const NIGHTS_KEPT = 31;

export async function buildReport(input: ReportInput): Promise<Report> {
  const findings = await openFindings(input.breaks, input.derived);
  const fold = new ReportFold(input, new ToDoList(findings, input.batches));
  for await (const page of input.attempts) for (const attempt of page) fold.add(attempt);
  const currencies = fold.currencies(submittedTotals(input.batches));
  return {
    merchant: input.merchant,
    asOf: input.now,
    currencies,
    breaksByCode: countByCode(findings, BREAK_CODES),
    toDo: fold.toDo.items(currencies),
    pendingAgeing: fold.pendingAgeing,
    nights: newestNights(fold.nights.list()),
    declineCodes: fold.declineCodes.list().sort((a, b) => b.submitted.count - a.submitted.count),
  };
}

/** Design section 6: a person must look (exit status 3). */
export function needsAttention(report: Report): boolean {
  return Object.keys(report.breaksByCode).length > 0 || report.currencies.some((entry) => !entry.balanced);
}

/** Percent with one digit, never rounded up; undefined of nothing. */
export interface RescueRate {
  readonly ofSubmitted: string | undefined;
  /** Of what has a verdict: rescued, unrescued (presumed included) and cancelled. */
  readonly ofDecided: string | undefined;
}

export function rescueRates(entry: CurrencyReport): { readonly byCount: RescueRate; readonly byAmount: RescueRate } {
  const { submitted, rescued, unrescued, cancelled } = entry;
  const rate = (size: (total: MoneyTotal) => number | bigint): RescueRate => ({
    ofSubmitted: percentOf(size(rescued), size(submitted)),
    ofDecided: percentOf(size(rescued), BigInt(size(rescued)) + BigInt(size(unrescued)) + BigInt(size(cancelled))),
  });
  return { byCount: rate((total) => total.count), byAmount: rate((total) => total.amountMinor) };
}

function submittedTotals(batches: readonly ReportBatch[]): MoneyTotals {
  const submitted = new MoneyTotals();
  for (const batch of batches) {
    // A batch that counts was archived before; were its totals lost, the report would not balance, and say so.
    if (mayBeWithProvider(batch.state)) submitted.addAll(batch.content?.totals ?? []);
  }
  return submitted;
}

function newestNights(oldestFirst: readonly CohortReport<Night>[]): CohortReport<Night>[] {
  const days = new Set(oldestFirst.map((night) => night.declinedOn));
  const kept = [...days].reverse().slice(0, NIGHTS_KEPT);
  return kept.flatMap((day) => oldestFirst.filter((night) => night.declinedOn === day));
}

class ReportFold {
  readonly toDo: ToDoList;
  readonly nights = new Cohorts<Night>({ declinedOn: "other" });
  readonly declineCodes = new Cohorts<DeclineCode>({ declineCode: "other", declineCodeSource: "other" });
  pendingAgeing: PendingAgeing | undefined;
  readonly #now: Instant;
  readonly #window: WindowRule;
  readonly #day: DayOf;
  readonly #buckets = Object.fromEntries(BUCKETS.map((bucket) => [bucket, new MoneyTotals()])) as Record<
    Bucket,
    MoneyTotals
  >;
  readonly #refunded = new MoneyTotals();
  readonly #chargedBack = new MoneyTotals();
  readonly #presumed = new MoneyTotals();

  constructor(input: Pick<ReportInput, "now" | "window" | "timezone">, toDo: ToDoList) {
    this.#now = input.now;
    this.#window = input.window;
    this.#day = new DayOf(input.timezone);
    this.toDo = toDo;
  }

  add(attempt: ReportAttempt): void {
    const { currency, amountMinor } = attempt;
    const { bucket, presumed } = bucketOf(attempt, this.#now, this.#window);
    this.#buckets[bucket].add(currency, amountMinor);
    this.toDo.add(attempt);
    if (presumed) this.#presumed.add(currency, amountMinor);
    if (bucket === "rescued") {
      addOutcomes(this.#refunded, attempt, "refunded");
      addOutcomes(this.#chargedBack, attempt, "charged_back");
    }
    if (bucket === "pending") this.pendingAgeing = this.#age(attempt);
    if (!countsAsSubmitted(bucket)) return;
    const declinedOn = this.#day.of(attempt.declinedAt);
    this.nights.add([declinedOn, ""], { declinedOn }, attempt, bucket);
    const { declineCode, declineCodeSource } = attempt;
    this.declineCodes.add([declineCode, declineCodeSource], { declineCode, declineCodeSource }, attempt, bucket);
  }

  currencies(submitted: MoneyTotals): CurrencyReport[] {
    const all = [submitted, ...Object.values(this.#buckets)].flatMap((totals) => totals.toArray());
    const names = [...new Set(all.map((total) => total.currency))].sort();
    return names.map((currency) => this.#currency(currency, submitted.get(currency)));
  }

  #currency(currency: string, submitted: MoneyTotal): CurrencyReport {
    const { rescued, pending, unrescued, cancelled, unaccounted, unsent, released } = this.#buckets;
    const parts = {
      rescued: rescued.get(currency),
      pending: pending.get(currency),
      unrescued: unrescued.get(currency),
      cancelled: cancelled.get(currency),
      unaccounted: unaccounted.get(currency),
    };
    const sum = new MoneyTotals();
    sum.addAll(Object.values(parts));
    const { count, amountMinor } = sum.get(currency);
    return {
      currency,
      submitted,
      ...parts,
      refunded: this.#refunded.get(currency),
      chargedBack: this.#chargedBack.get(currency),
      presumed: this.#presumed.get(currency),
      unsent: unsent.get(currency),
      released: released.get(currency),
      balanced: count === submitted.count && amountMinor === submitted.amountMinor,
    };
  }

  #age(attempt: ReportAttempt): PendingAgeing {
    const { oldestDeclinedAt = attempt.declinedAt, nextWindowEnd } = this.pendingAgeing ?? {};
    const isRunning = attempt.expiresAt > this.#now;
    return {
      oldestDeclinedAt: Math.min(oldestDeclinedAt, attempt.declinedAt),
      nextWindowEnd: isRunning ? Math.min(nextWindowEnd ?? attempt.expiresAt, attempt.expiresAt) : nextWindowEnd,
    };
  }
}

/** One rebill counts once, however many parts its refund came in. */
function addOutcomes(totals: MoneyTotals, attempt: ReportAttempt, status: "refunded" | "charged_back"): void {
  const outcomes = attempt.outcomes.filter((outcome) => outcome.status === status);
  if (outcomes.length === 0) return;
  totals.add(
    attempt.currency,
    outcomes.reduce((sum, outcome) => sum + outcome.amountMinor, 0),
  );
}
