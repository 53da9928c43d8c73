/**
 * Where the money of one attempt stands at a given now. Every attempt is in exactly one bucket, so that what was
 * submitted can be added up from its parts. Derived at each look, never stored: a report is right even if no run came.
 */
import { type BatchState, mayBeWithProvider } from "./batch.ts";
import type { DurationMs, Instant } from "./instant.ts";
import { foldState, type OutcomeStatus, type RebillState, wasRescued } from "./outcome.ts";

/** The parts of what was submitted; a report is balanced when they add up to it, per currency. */
const SUBMITTED_BUCKETS = ["rescued", "pending", "unrescued", "cancelled", "unaccounted"] as const;

export const BUCKETS = [
  ...SUBMITTED_BUCKETS,
  /** claimed for a batch that no provider can have seen yet */
  "unsent",
  /** its batch was proven not delivered: the rebill is the merchant's again, or goes into another batch */
  "released",
] as const;
export type SubmittedBucket = (typeof SUBMITTED_BUCKETS)[number];
export type Bucket = (typeof BUCKETS)[number];

/** What the profile says of silence at the end of the window. */
export interface WindowRule {
  readonly afterWindow: "presume_unrescued" | "overdue";
  /** Results are awaited this long past the window's end, under either rule, before silence means anything. */
  readonly graceMs: DurationMs;
}

/** What of an attempt decides its bucket. */
export interface AttemptFacts {
  readonly batchState: BatchState;
  readonly expiresAt: Instant;
  /** In the order they were appended. */
  readonly outcomes: readonly { readonly status: OutcomeStatus }[];
  /** Is an amount or currency mismatch of it still open? */
  readonly mismatchOpen: boolean;
}

export type UnaccountedReason = "delivery_unproven" | "mismatch_open" | "overdue";

export interface Placement {
  readonly bucket: Bucket;
  /** Folded from the outcomes; tells refunded and charged back apart within `rescued`. */
  readonly state: RebillState;
  /** Unrescued by silence, not by the provider's word. */
  readonly presumed: boolean;
  /** Only with `unaccounted`. */
  readonly reason: UnaccountedReason | undefined;
}

/**
 * Outcomes outweigh the state of the batch: what the provider (or a person) has a word on was with the provider, even
 * if its batch was settled as not delivered. Such a word must keep the rebill from being sent, or retried, again.
 */
export function bucketOf(attempt: AttemptFacts, now: Instant, window: WindowRule): Placement {
  const state = foldState(attempt.outcomes.map((outcome) => outcome.status));
  const inBucket = (bucket: Bucket, presumed = false): Placement => ({ bucket, state, presumed, reason: undefined });
  const unaccounted = (reason: UnaccountedReason): Placement => ({ ...inBucket("unaccounted"), reason });

  if (attempt.mismatchOpen) return unaccounted("mismatch_open");
  if (attempt.outcomes.length === 0 && attempt.batchState !== "delivered") {
    if (mayBeWithProvider(attempt.batchState)) return unaccounted("delivery_unproven");
    return inBucket(attempt.batchState === "failed" ? "released" : "unsent");
  }
  if (wasRescued(state)) return inBucket("rescued");
  if (state === "unrescued" || state === "cancelled") return inBucket(state);
  if (now < awaitedUntil(attempt, window)) return inBucket("pending");
  return window.afterWindow === "presume_unrescued" ? inBucket("unrescued", true) : unaccounted("overdue");
}

/** From this instant on silence means what the window rule says. */
export function awaitedUntil(attempt: { readonly expiresAt: Instant }, window: WindowRule): Instant {
  return attempt.expiresAt + window.graceMs;
}

export function countsAsSubmitted(bucket: Bucket): bucket is SubmittedBucket {
  return bucket !== "unsent" && bucket !== "released";
}
