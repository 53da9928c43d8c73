/**
 * What must be true, counted apart from the program: its own state machine for what the provider's words mean, its own
 * buckets, its own sums. It uses nothing of src/domain but types, so that one misreading cannot satisfy both sides.
 */
import type { BatchState } from "../../src/domain/batch.ts";
import type { BreakCode } from "../../src/domain/break.ts";
import type { Instant } from "../../src/domain/instant.ts";
import type { Word } from "./provider.ts";

const MEANING: Readonly<Record<string, string>> = {
  APPROVED: "rescued",
  COMPLETED: "rescued",
  EXPIRED: "unrescued",
  DECLINED: "unrescued",
  CANCELLED: "cancelled",
  REFUNDED: "refunded",
  RETURNED: "refunded",
  SUBMITTED: "pending",
  PROCESSING: "pending",
  PENDING: "pending",
};

export interface ModelOutcome {
  readonly status: string;
  readonly amountMinor: number;
  readonly at: Instant | undefined;
}

/** One sending of one rebill. */
export interface Sending {
  readonly attemptId: number;
  readonly orderId: string;
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly expiresAt: Instant;
  batchId: number;
  batchState: BatchState;
  state: string;
  knowsSession: boolean;
  readonly outcomes: ModelOutcome[];
  /** Contradictions of money, by what makes them the same again. */
  readonly mismatches: Map<string, "open" | "settled">;
  /** Words that met a batch of which it was not known whether it arrived. */
  held: Word[];
}

export type ModelBucket = "rescued" | "pending" | "unrescued" | "cancelled" | "unaccounted" | "unsent" | "released";

export interface SilenceRule {
  readonly presumes: boolean;
  readonly graceMs: number;
}

export class Model {
  readonly sendings = new Map<number, Sending>();
  /** Every finding of reconciliation, once: code and what makes it the same again. */
  readonly findings = new Map<string, BreakCode>();
  readonly violations: string[] = [];
  readonly #byTransaction = new Map<string, Sending[]>();
  readonly #byOrder = new Map<string, Sending[]>();
  readonly #silence: SilenceRule;

  constructor(silence: SilenceRule) {
    this.#silence = silence;
  }

  add(sending: Sending): void {
    this.sendings.set(sending.attemptId, sending);
    push(this.#byTransaction, sending.transactionId, sending);
    push(this.#byOrder, sending.orderId, sending);
  }

  ofTransaction(transactionId: string): readonly Sending[] {
    return this.#byTransaction.get(transactionId) ?? [];
  }

  ofOrder(orderId: string): readonly Sending[] {
    return this.#byOrder.get(orderId) ?? [];
  }

  bucketOf(sending: Sending, now: Instant): ModelBucket {
    const { batchState, state } = sending;
    if ([...sending.mismatches.values()].includes("open")) return "unaccounted";
    if (sending.outcomes.length === 0 && batchState !== "delivered") {
      if (batchState === "committing" || batchState === "uncertain") return "unaccounted";
      return batchState === "failed" ? "released" : "unsent";
    }
    if (state === "rescued" || state === "refunded") return "rescued";
    if (state === "unrescued" || state === "cancelled") return state;
    if (now < sending.expiresAt + this.#silence.graceMs) return "pending";
    return this.#silence.presumes ? "unrescued" : "unaccounted";
  }

  /** A row of a result file that was applied, in its turn. */
  hear(word: Word): void {
    const sending = this.ofTransaction(word.transactionId).findLast((entry) => entry.batchState !== "failed");
    if (word.transactionId === "") {
      this.#find("unknown_order", word.orderId);
      return;
    }
    if (!sending) {
      this.violations.push(`the provider has ${word.transactionId}, which is in no batch that was sent`);
      return;
    }
    if (sending.batchState === "delivered") {
      this.hearHeld(sending);
      this.#weigh(sending, word);
      return;
    }
    const isFirst = !this.ofOrder(sending.orderId).some(
      (other) => other.attemptId < sending.attemptId && mayBeSent(other.batchState),
    );
    if (!isFirst) {
      this.#find("delivery_uncertain", `batch ${sending.batchId}`);
      sending.held.push(word);
    } else if (this.#weighs(sending, word) === "applies") {
      this.violations.push(
        `${word.transactionId}: its result proves its delivery, yet its batch is ${sending.batchState}`,
      );
    } else this.#weigh(sending, word);
  }

  /** Its batch is known to have arrived now. */
  hearHeld(sending: Sending): void {
    const words = sending.held;
    sending.held = [];
    for (const word of words) this.#weigh(sending, word);
  }

  settleMismatch(sending: Sending, key: string, as: string | undefined): void {
    sending.mismatches.set(key, "settled");
    if (as === undefined || as === sending.state || (as === "rescued" && sending.state === "refunded")) return;
    sending.state = as;
    sending.outcomes.push({ status: as, amountMinor: sending.amountMinor, at: undefined });
  }

  #weigh(sending: Sending, word: Word): void {
    const status = MEANING[word.raw] ?? "";
    const detail = `${sending.attemptId}: ${status} ${word.amountMinor} ${word.currency}`;
    const verdict = this.#weighs(sending, word);
    switch (verdict) {
      case "repeats":
        break;
      case "unrecognised_status":
        this.#find(verdict, `${sending.attemptId}: ${word.raw}`);
        break;
      case "amount_mismatch":
      case "currency_mismatch": {
        const key = `${status} ${word.amountMinor} ${word.currency}`;
        if (!sending.mismatches.has(key)) sending.mismatches.set(key, "open");
        this.#find(verdict, detail);
        break;
      }
      case "conflicting_outcome":
        this.#find(verdict, detail);
        break;
      case "applies":
        if (status === "rescued" && word.at > sending.expiresAt) this.#find("late_outcome", detail);
        if (word.session !== "") sending.knowsSession = true;
        sending.state = status === "pending" ? sending.state : status;
        sending.outcomes.push({ status, amountMinor: word.amountMinor, at: word.at });
    }
  }

  #weighs(sending: Sending, word: Word) {
    const status = MEANING[word.raw];
    const { state, outcomes } = sending;
    if (status === undefined) return "unrecognised_status";
    const isKnown = outcomes.some(
      (outcome) =>
        outcome.status === status &&
        outcome.amountMinor === word.amountMinor &&
        word.currency === sending.currency &&
        (status !== "refunded" || outcome.at === undefined || outcome.at === word.at),
    );
    if (isKnown) return "repeats";
    const detail = `${sending.attemptId}: ${status} ${word.amountMinor} ${word.currency}`;
    for (const code of ["conflicting_outcome", "amount_mismatch", "currency_mismatch"]) {
      // Met before: the same contradiction is the same, whatever a person made of it since.
      if (this.findings.has(`${code} ${detail}`)) return "repeats";
    }
    const wasMoney = state === "rescued" || state === "refunded";
    const wasFinal = state !== "pending";
    const finalAt = outcomes.findLast((outcome) => outcome.status !== "pending")?.at;
    const isMoney = status === "rescued" || status === "refunded";
    if (status === "pending") {
      if (wasFinal && finalAt !== undefined && word.at > finalAt) return "conflicting_outcome";
    } else if (wasFinal && (isMoney ? !wasMoney : status !== state)) return "conflicting_outcome";
    if (word.currency !== sending.currency) return "currency_mismatch";
    if (status === "refunded") {
      const before = outcomes.filter((outcome) => outcome.status === "refunded");
      const sum = before.reduce((total, outcome) => total + outcome.amountMinor, word.amountMinor);
      if (sum > sending.amountMinor) return "amount_mismatch";
      return "applies";
    }
    if (word.amountMinor !== sending.amountMinor) return "amount_mismatch";
    return wasFinal ? "repeats" : "applies";
  }

  #find(code: BreakCode, detail: string): void {
    this.findings.set(`${code} ${detail}`, code);
  }
}

export function mayBeSent(state: BatchState): boolean {
  return state === "committing" || state === "uncertain" || state === "delivered";
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
