/**
 * What a result row means for what was sent: an outcome to append, a repetition, or a break. Pure: it sees the attempts
 * that the row may belong to and says what to do; nothing here overwrites anything.
 */
import { type BatchState, isUnproven, mayBeWithProvider } from "./batch.ts";
import type { Break, BreakCode } from "./break.ts";
import { formatInstant, type Instant } from "./instant.ts";
import { formatMoney } from "./money.ts";
import {
  foldState,
  isFinal,
  isLegalMove,
  type Outcome,
  type OutcomeStatus,
  type RebillState,
  wasRescued,
} from "./outcome.ts";
import { CLOCK_SKEW_MS } from "./policy.ts";

/** One data row of a result file, decoded by the profile. */
export interface ResultRow {
  readonly line: number;
  /** The merchant's order id; may be empty where there is a session key. */
  readonly orderId: string;
  readonly sessionKey: string;
  readonly rawStatus: string;
  /** Undefined: a word that the profile does not know. */
  readonly status: OutcomeStatus | undefined;
  /** Undefined: the cell was blank. */
  readonly amountMinor: number | undefined;
  /** Empty: the cell was blank. */
  readonly currency: string;
  readonly processedAt?: Instant | undefined;
  readonly responseCode: string;
  readonly message: string;
}

/** An attempt that a row may belong to, with what is already known of it. */
export interface KnownAttempt {
  readonly attemptId: number;
  readonly orderId: string;
  readonly attemptNumber: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly expiresAt: Instant;
  readonly batchId: number;
  readonly batchState: BatchState;
  /** All bytes of its batch were once on the server, whatever became of the rename. */
  readonly batchWasUploaded: boolean;
  readonly sessionKey: string | undefined;
  readonly outcomes: readonly Outcome[];
}

export interface FoundBreak extends Break {
  readonly attemptId: number | undefined;
  readonly batchId: number | undefined;
}

export type RowVerdict =
  | {
      readonly verdict: "applied";
      readonly attempt: KnownAttempt;
      readonly outcome: Outcome;
      /** Applied and a break too: money that came late. */
      readonly breaks: readonly FoundBreak[];
      /** This row proves that the attempt's batch arrived. */
      readonly provesDelivery: boolean;
    }
  | { readonly verdict: "repeated" }
  | {
      readonly verdict: "break";
      readonly found: FoundBreak;
      /** The batch was never committed, yet the provider knows the order: it must not be committed now. */
      readonly makesUncertain: boolean;
    };

/** @param candidates every attempt of the row's order, or, where the order is unknown, of its session key */
export function reconcileRow(row: ResultRow, candidates: readonly KnownAttempt[], file: string): RowVerdict {
  const attempt = chooseAttempt(row, candidates);
  if (attempt === undefined) return breakOf(row, file, undefined, "unknown_order", unknownOrder(row));
  if (attempt === "earlier") return { verdict: "repeated" };
  if (isBeforeDecline(row, attempt)) return judgeTooEarly(row, attempt, file);
  const delivery = judgeDelivery(row, attempt, candidates, file);
  if (typeof delivery !== "boolean") return delivery;
  if (row.status === undefined) {
    const message = `the provider's word "${row.rawStatus}" is not in the profile`;
    return breakOf(row, file, attempt, "unrecognised_status", message, row.rawStatus);
  }
  return judgeOutcome({ ...row, status: row.status }, attempt, delivery, file);
}

/**
 * The latest attempt, unless the row says otherwise: a session key learned with another one, a time before the latest
 * decline, or the very words (and time) of an earlier attempt's outcome.
 */
function chooseAttempt(row: ResultRow, candidates: readonly KnownAttempt[]): KnownAttempt | "earlier" | undefined {
  if (candidates.length < 2) return candidates[0];
  const sent = candidates.filter((candidate) => candidate.batchState !== "failed");
  const attempts = (sent.length > 0 ? sent : [...candidates]).toSorted((a, b) => a.attemptNumber - b.attemptNumber);
  const latest = attempts.at(-1);
  if (attempts.length < 2 || latest === undefined) return latest;
  const bySession = row.sessionKey && attempts.find((attempt) => attempt.sessionKey === row.sessionKey);
  if (bySession) return bySession;
  const { processedAt } = row;
  if (processedAt !== undefined && processedAt < latest.declinedAt) {
    return attempts.findLast((attempt) => attempt.declinedAt <= processedAt) ?? attempts[0];
  }
  const { status } = row;
  const isEarlierWord =
    status !== undefined &&
    attempts
      .slice(0, -1)
      .some((attempt) =>
        attempt.outcomes.some(
          (outcome) => isSameWord(outcome, { ...row, status }, attempt) && outcome.processedAt === processedAt,
        ),
      );
  return isEarlierWord ? "earlier" : latest;
}

/** Clocks differ; what was processed before that is about an earlier decline, of whose sending we know nothing. */
function isBeforeDecline({ processedAt }: ResultRow, attempt: KnownAttempt): boolean {
  return processedAt !== undefined && processedAt < attempt.declinedAt - CLOCK_SKEW_MS;
}

/** Old news, unless it speaks of money: that a person must see, and it is no evidence about this decline. */
function judgeTooEarly(row: ResultRow, attempt: KnownAttempt, file: string): RowVerdict {
  const { status } = row;
  if (status !== "rescued" && status !== "refunded" && status !== "charged_back") return { verdict: "repeated" };
  const isKnown = attempt.outcomes.some((outcome) => isSameWord(outcome, { ...row, status }, attempt));
  if (isKnown) return { verdict: "repeated" };
  const message = `the provider says ${row.rawStatus}, dated before this rebill was declined`;
  return breakOf(row, file, attempt, "conflicting_outcome", message, fingerprintOf(row));
}

/** True: the row proves that the batch arrived. False: that was known. Else the row stops here. */
function judgeDelivery(
  row: ResultRow,
  attempt: KnownAttempt,
  candidates: readonly KnownAttempt[],
  file: string,
): boolean | RowVerdict {
  if (attempt.batchState === "delivered") return false;
  const sentBefore = candidates.some(
    (other) => other.attemptNumber < attempt.attemptNumber && mayBeWithProvider(other.batchState),
  );
  if (isUnproven(attempt.batchState) && attempt.batchWasUploaded && !sentBefore) return true;
  const message =
    attempt.batchState === "failed"
      ? "the provider knows this order, but its batch was settled as not delivered"
      : "the provider knows this order, but the delivery of its batch was never completed";
  const { found } = breakOf(row, file, attempt, "delivery_uncertain", message);
  const makesUncertain = attempt.batchState !== "failed" && attempt.batchState !== "uncertain";
  // One finding for the batch, however many of its orders the provider knows.
  return { verdict: "break", found: { ...found, fingerprint: `batch ${attempt.batchId}` }, makesUncertain };
}

type KnownRow = ResultRow & { readonly status: OutcomeStatus };

function judgeOutcome(row: KnownRow, attempt: KnownAttempt, provesDelivery: boolean, file: string): RowVerdict {
  const amountMinor = row.amountMinor ?? attempt.amountMinor;
  const state = foldState(attempt.outcomes.map((outcome) => outcome.status));
  if (attempt.outcomes.some((outcome) => isSameWord(outcome, row, attempt))) return { verdict: "repeated" };
  if (contradicts(row, state, attempt)) {
    const message = `the provider says ${row.rawStatus}, but this rebill is already ${state}`;
    return breakOf(row, file, attempt, "conflicting_outcome", message, fingerprintOf(row));
  }
  if (row.currency !== "" && row.currency !== attempt.currency) {
    const message = `the result is in ${row.currency}, the rebill in ${attempt.currency}`;
    return breakOf(row, file, attempt, "currency_mismatch", message, fingerprintOf(row));
  }
  const mismatch = amountMismatch(row.status, amountMinor, attempt);
  if (mismatch) return breakOf(row, file, attempt, "amount_mismatch", mismatch, fingerprintOf(row));
  if (isOldNews(row.status, state)) return { verdict: "repeated" };
  const outcome: Outcome = {
    status: row.status,
    rawStatus: row.rawStatus,
    amountMinor,
    currency: attempt.currency,
    ...(row.processedAt === undefined ? {} : { processedAt: row.processedAt }),
  };
  return { verdict: "applied", attempt, outcome, breaks: lateBreaks(row, attempt, file), provesDelivery };
}

/** Another final word than the one we have; or a pending word that the provider dates after the final one. */
function contradicts(row: KnownRow, state: RebillState, attempt: KnownAttempt): boolean {
  if (row.status === "pending") return isFinal(state) && !isOlderThanLast(row, attempt);
  if (row.status === "rescued" && wasRescued(state)) return false;
  return row.status !== state && !isLegalMove(state, row.status);
}

/** A pending word after a final one, or the rescue that a refund already told us of. */
function isOldNews(status: OutcomeStatus, state: RebillState): boolean {
  return isFinal(state) && !isLegalMove(state, status);
}

/**
 * Same status, amount and currency. A refund or chargeback may come in equal parts, so there the provider's time
 * counts as well, where both name one.
 */
function isSameWord(outcome: Outcome, row: KnownRow, attempt: KnownAttempt): boolean {
  if (outcome.status !== row.status) return false;
  if (outcome.amountMinor !== (row.amountMinor ?? attempt.amountMinor)) return false;
  if (row.currency !== "" && outcome.currency !== row.currency) return false;
  const comesInParts = row.status === "refunded" || row.status === "charged_back";
  if (!comesInParts || row.processedAt === undefined || outcome.processedAt === undefined) return true;
  return outcome.processedAt === row.processedAt;
}

function amountMismatch(status: OutcomeStatus, amountMinor: number, attempt: KnownAttempt): string | undefined {
  const sent = () => formatMoney(attempt.amountMinor, attempt.currency);
  if (status !== "refunded" && status !== "charged_back") {
    if (amountMinor === attempt.amountMinor) return undefined;
    return `the result says ${formatMoney(amountMinor, attempt.currency)}, the rebill was ${sent()}`;
  }
  const already = attempt.outcomes
    .filter((outcome) => outcome.status === status)
    .reduce((sum, outcome) => sum + outcome.amountMinor, 0);
  if (already + amountMinor <= attempt.amountMinor) return undefined;
  const words = status === "refunded" ? "refunds" : "chargebacks";
  return `${words} of ${formatMoney(already + amountMinor, attempt.currency)} in sum are more than the ${sent()} rescued`;
}

function isOlderThanLast(row: KnownRow, attempt: KnownAttempt): boolean {
  const final = attempt.outcomes.findLast((outcome) => outcome.status !== "pending");
  if (final?.processedAt === undefined || row.processedAt === undefined) return true;
  return row.processedAt <= final.processedAt;
}

function lateBreaks(row: KnownRow, attempt: KnownAttempt, file: string): FoundBreak[] {
  const isMoney = row.status === "rescued";
  if (!isMoney || row.processedAt === undefined || row.processedAt <= attempt.expiresAt) return [];
  const message = `rescued ${formatInstant(row.processedAt)}, after the window ended ${formatInstant(attempt.expiresAt)}`;
  return [breakOf(row, file, attempt, "late_outcome", message, fingerprintOf(row)).found];
}

function unknownOrder(row: ResultRow): string {
  const key = row.orderId === "" ? "a session key that no order of ours has" : "an order that was never sent from here";
  return `the result is for ${key}`;
}

/** The same contradiction in every cumulative file of a month is one break. */
function fingerprintOf(row: ResultRow): string {
  return [row.status ?? "", row.amountMinor ?? "", row.currency].join(" ");
}

function breakOf(
  row: ResultRow,
  file: string,
  attempt: KnownAttempt | undefined,
  code: BreakCode,
  message: string,
  detail = "",
): Extract<RowVerdict, { verdict: "break" }> {
  const subject = attempt ? `attempt ${attempt.attemptId}` : `order ${row.orderId || row.sessionKey}`;
  const found: FoundBreak = {
    code,
    fingerprint: detail === "" ? subject : `${subject}: ${detail}`,
    orderId: attempt?.orderId ?? row.orderId,
    file,
    line: row.line,
    message,
    attemptId: attempt?.attemptId,
    batchId: attempt?.batchId,
  };
  return { verdict: "break", found, makesUncertain: false };
}
