/** What came back for one rebill, and which word may follow which. */
import type { Instant } from "./instant.ts";

export const OUTCOME_STATUSES = ["pending", "rescued", "unrescued", "cancelled", "refunded", "charged_back"] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

/** How an outcome reached us; API and webhook follow. */
export type OutcomeSource = "file" | "person" | "api" | "webhook";

/** One word of the provider (or a person) about one rebill. Appended, never changed. */
export interface Outcome {
  readonly status: OutcomeStatus;
  /** The provider's own word, verbatim. */
  readonly rawStatus: string;
  /** In refunds and chargebacks their own amount; elsewhere the rebill's. */
  readonly amountMinor: number;
  readonly currency: string;
  /** When the provider says it happened; absent where it does not say. */
  readonly processedAt?: Instant;
}

/** A rebill's state, folded from its outcomes. */
export type RebillState = OutcomeStatus;

const MOVES: Record<RebillState, readonly OutcomeStatus[]> = {
  // A refund straight from pending means that the file with the rescue was missed.
  pending: ["rescued", "unrescued", "cancelled", "refunded", "charged_back"],
  rescued: ["refunded", "charged_back"],
  // Several partial refunds, and a chargeback after one, are legal while their sum stays within what was rescued.
  refunded: ["refunded", "charged_back"],
  charged_back: ["refunded", "charged_back"],
  unrescued: [],
  cancelled: [],
};

export function isLegalMove(from: RebillState, to: OutcomeStatus): boolean {
  return MOVES[from].includes(to);
}

/** Money was collected at some time, whatever happened to it afterwards. */
export function wasRescued(state: RebillState): boolean {
  return state === "rescued" || state === "refunded" || state === "charged_back";
}

export function isFinal(state: RebillState): boolean {
  return state !== "pending";
}

/** The last legal word wins; a word that may not follow is passed over (it was recorded as a break). */
export function foldState(statuses: Iterable<OutcomeStatus>): RebillState {
  let state: RebillState = "pending";
  for (const status of statuses) if (isLegalMove(state, status)) state = status;
  return state;
}
