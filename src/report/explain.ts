/**
 * One order's whole story, across its attempts: where it came from, what was done with it when, what came back from
 * where, what was found, what a person decided, where it stands now and what to do.
 */
import type { BatchState } from "../domain/batch.ts";
import { NEXT_ACTION } from "../domain/break.ts";
import { type AttemptFacts, awaitedUntil, bucketOf, type Placement, type WindowRule } from "../domain/bucket.ts";
import { formatInstant, type Instant } from "../domain/instant.ts";
import type { Outcome, OutcomeSource } from "../domain/outcome.ts";
import type { ListedBreak } from "./breaks.ts";
import { settleCommands } from "./settle-commands.ts";
import { formatMoney, formatWhen } from "./words.ts";

export interface ExplainAttempt extends AttemptFacts {
  readonly attemptId: number;
  readonly orderId: string;
  readonly transactionId: string;
  readonly attemptNumber: number;
  readonly exportId: number;
  readonly line: number;
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly declineCode: string;
  readonly declineCodeSource: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly batchId: number;
  readonly sessionKey: string | undefined;
  readonly outcomes: readonly ExplainOutcome[];
}

export interface ExplainOutcome extends Outcome {
  readonly recordedAt: Instant;
  readonly source: OutcomeSource;
  readonly file: string;
  readonly line: number;
  readonly responseCode: string;
  readonly message: string;
}

export interface ExplainBatch {
  readonly batchId: number;
  readonly name: string;
  readonly events: readonly {
    readonly state: BatchState | "name_minted" | "temporary_created";
    readonly name: string;
    readonly recordedAt: Instant;
    readonly detail: string;
  }[];
}

export interface ExplainInput {
  readonly merchant: string;
  readonly orderId: string;
  /** Every attempt of the order. */
  readonly attempts: readonly ExplainAttempt[];
  /** The exports they came from; others do no harm. */
  readonly exports: readonly { readonly exportId: number; readonly name: string; readonly recordedAt: Instant }[];
  /** The batches they were claimed for. */
  readonly batches: readonly ExplainBatch[];
  /** Breaks of the ledger; those of other orders are left out here. */
  readonly breaks: readonly ListedBreak[];
  readonly now: Instant;
  readonly window: WindowRule;
}

/** Wall-clock time; `what` is made of our words and ids, and is safe to print only through `printable`. */
export interface TimelineEvent {
  readonly at: Instant;
  readonly kind: "taken" | "batch" | "outcome" | "break" | "settlement";
  readonly what: string;
}

export interface ExplainedAttempt {
  readonly attempt: ExplainAttempt;
  readonly batchName: string;
  readonly placement: Placement;
  readonly events: readonly TimelineEvent[];
}

export interface WhatToDo {
  /** One sentence. */
  readonly action: string;
  /** What to type then, one for each answer; may be empty. */
  readonly commands: readonly string[];
}

export interface Explanation {
  readonly merchant: string;
  readonly orderId: string;
  readonly asOf: Instant;
  /** Oldest first; empty: the order was never taken. */
  readonly attempts: readonly ExplainedAttempt[];
  /** What belongs to the order, but to none of its attempts. */
  readonly otherEvents: readonly TimelineEvent[];
  readonly whatToDo: readonly WhatToDo[];
}

export function explainOrder(input: ExplainInput): Explanation {
  const breaks = input.breaks.filter((found) => concerns(found, input));
  const attempts = input.attempts
    .toSorted((a, b) => a.attemptNumber - b.attemptNumber)
    .map((attempt) => explainAttempt(attempt, breaks, input));
  const ids = new Set(input.attempts.map((attempt) => attempt.attemptId));
  const others = breaks.filter((found) => found.attemptId === undefined || !ids.has(found.attemptId));
  return {
    merchant: input.merchant,
    orderId: input.orderId,
    asOf: input.now,
    attempts,
    otherEvents: inOrder(others.filter((found) => found.batchId === undefined).flatMap(breakEvents)),
    whatToDo: whatToDo(attempts.at(-1), breaks, input),
  };
}

/** A break of the order, or of a whole batch in which it is. */
function concerns(found: ListedBreak, { orderId, attempts }: ExplainInput): boolean {
  if (found.orderId !== "") return found.orderId === orderId;
  return found.batchId !== undefined && attempts.some((attempt) => attempt.batchId === found.batchId);
}

function explainAttempt(
  attempt: ExplainAttempt,
  breaks: readonly ListedBreak[],
  input: ExplainInput,
): ExplainedAttempt {
  const taken = input.exports.find((each) => each.exportId === attempt.exportId);
  const batch = input.batches.find((each) => each.batchId === attempt.batchId);
  const itsBreaks = breaks.filter(
    (found) => found.attemptId === attempt.attemptId || (found.orderId === "" && found.batchId === attempt.batchId),
  );
  const events = [
    ...(taken ? [event(taken.recordedAt, "taken", `taken from ${taken.name}, line ${attempt.line}`)] : []),
    ...(batch ? batchEvents(batch) : []),
    ...attempt.outcomes.map(outcomeEvent),
    ...itsBreaks.flatMap(breakEvents),
  ];
  return {
    attempt,
    batchName: batch?.name ?? "",
    placement: bucketOf(attempt, input.now, input.window),
    events: inOrder(events),
  };
}

const event = (at: Instant, kind: TimelineEvent["kind"], what: string): TimelineEvent => ({ at, kind, what });

/** Stable: what was recorded in the same millisecond stays in the order of the story. */
function inOrder(events: readonly TimelineEvent[]): TimelineEvent[] {
  return events.toSorted((a, b) => a.at - b.at);
}

function batchEvents(batch: ExplainBatch): TimelineEvent[] {
  return batch.events.map(({ state, name, recordedAt, detail }) => {
    const what =
      state === "name_minted" ? `named ${name}` : state === "temporary_created" ? `temporary file ${name}` : state;
    return event(recordedAt, "batch", `batch ${batch.batchId}: ${what}${detail === "" ? "" : `, ${detail}`}`);
  });
}

function outcomeEvent(outcome: ExplainOutcome): TimelineEvent {
  const { status, rawStatus, amountMinor, currency, processedAt, source, file, line, responseCode, message } = outcome;
  const from = source === "person" ? "a person" : file === "" ? source : `${file}:${line}`;
  const details = [
    `${status}, ${formatMoney(amountMinor, currency)}`,
    `the word was ${rawStatus}`,
    ...(responseCode === "" ? [] : [`response ${responseCode}`]),
    ...(message === "" ? [] : [`"${message}"`]),
    ...(processedAt === undefined ? [] : [`processed ${formatWhen(processedAt)}`]),
    `from ${from}`,
  ];
  return event(outcome.recordedAt, "outcome", details.join("; "));
}

function breakEvents(found: ListedBreak): TimelineEvent[] {
  const place = found.file === "" ? "" : ` (${found.file}:${found.line})`;
  const what = event(found.recordedAt, "break", `break ${found.breakId}, ${found.code}: ${found.message}${place}`);
  if (!found.settled) return [what];
  const as = found.settled.as === undefined ? "" : ` as ${found.settled.as}`;
  return [
    what,
    event(found.settled.recordedAt, "settlement", `break ${found.breakId} settled${as}: ${found.settled.reason}`),
  ];
}

function whatToDo(
  latest: ExplainedAttempt | undefined,
  breaks: readonly ListedBreak[],
  { merchant, batches, window }: ExplainInput,
): WhatToDo[] {
  const names = new Map(batches.map((batch) => [batch.batchId, batch.name]));
  const open = breaks.filter((found) => found.settled === undefined);
  const actions = open.map((found) => ({
    action: NEXT_ACTION[found.code],
    commands: settleCommands(found, merchant, names),
  }));
  return [...actions, ...(latest ? [{ action: stance(latest, window), commands: [] }] : [])];
}

/** What the merchant's own biller may do with it now. */
function stance({ attempt, placement }: ExplainedAttempt, window: WindowRule): string {
  switch (placement.bucket) {
    case "rescued":
      return placement.state === "rescued" ? "Paid: book it." : "Paid, and money went back since: book both.";
    case "pending":
      return `Hold it: do not retry it yourself before ${formatWhen(awaitedUntil(attempt, window))}, unless a verdict comes.`;
    case "unaccounted":
      return "Hold it until this is settled: the provider may have charged the card, or may do it yet.";
    case "unsent":
      return "Hold it: the next `rescue run` sends it, or releases it if it has become too late.";
    case "unrescued":
    case "cancelled":
      return "It is yours again: the provider is done with it.";
    case "released":
      return "It is yours again: it was never sent.";
  }
}

/** Everything but the envelope. */
export function explanationDocument(explanation: Explanation) {
  return {
    as_of: formatInstant(explanation.asOf),
    order_id: explanation.orderId,
    attempts: explanation.attempts.map(({ attempt, batchName, placement, events }) => ({
      attempt: attempt.attemptNumber,
      transaction_id: attempt.transactionId,
      subscription_id: attempt.subscriptionId,
      customer_id: attempt.customerId,
      currency: attempt.currency,
      amount_minor: attempt.amountMinor.toString(),
      decline_code: attempt.declineCode,
      decline_code_source: attempt.declineCodeSource,
      declined_at: formatInstant(attempt.declinedAt),
      expires_at: formatInstant(attempt.expiresAt),
      session_key: attempt.sessionKey ?? null,
      batch_id: attempt.batchId,
      batch_name: batchName,
      bucket: placement.bucket,
      state: placement.state,
      presumed: placement.presumed,
      unaccounted_because: placement.reason ?? null,
      events: events.map(eventDocument),
    })),
    other_events: explanation.otherEvents.map(eventDocument),
    what_to_do: explanation.whatToDo,
  };
}

function eventDocument({ at, kind, what }: TimelineEvent) {
  return { at: formatInstant(at), kind, what };
}
