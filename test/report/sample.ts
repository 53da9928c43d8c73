/** A merchant's month in small, for the golden files: every bucket, three currencies, one break of several kinds. */
import type { BreakCode } from "../../src/domain/break.ts";
import { parseInstant } from "../../src/domain/instant.ts";
import { type MoneyTotal, MoneyTotals } from "../../src/domain/money.ts";
import type { Outcome, OutcomeStatus } from "../../src/domain/outcome.ts";
import type { FoundBreak } from "../../src/domain/reconcile.ts";
import type { AttemptRecord, BatchRecord, BreakRecord, OutcomeRecord } from "../../src/ledger/ledger.ts";

export const at = (text: string) => parseInstant(text) ?? Number.NaN;
export const NOW = at("2026-11-20T06:00:00Z");
export const WINDOW = { afterWindow: "presume_unrescued", graceMs: 2 * 86_400_000 } as const;
export const stamp = (text: string) => ({ at: at(text), recordedAt: at(text) + 1_000 });

export function outcome(
  status: OutcomeStatus,
  when: string,
  amountMinor: number,
  changes: Partial<OutcomeRecord> = {},
): OutcomeRecord {
  const said: Outcome = {
    status,
    rawStatus: RAW[status],
    amountMinor,
    currency: "USD",
    processedAt: at(when) - 3_600_000,
  };
  const place = { source: "file", file: "results_20261103.csv", line: 2, responseCode: "", message: "" } as const;
  return { ...said, ...place, ...stamp(when), ...changes };
}
const RAW: Record<OutcomeStatus, string> = {
  pending: "SUBMITTED",
  rescued: "APPROVED",
  unrescued: "EXPIRED",
  cancelled: "CANCELLED",
  refunded: "REFUNDED",
  charged_back: "CHARGEBACK",
};

export function attempt(attemptId: number, changes: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    attemptId,
    orderId: `order-${attemptId}`,
    transactionId: `txn-${attemptId}`,
    attemptNumber: 1,
    exportId: 1,
    position: attemptId - 1,
    row: attemptId,
    line: attemptId + 1,
    subscriptionId: `sub-${attemptId}`,
    customerId: `customer-${attemptId}`,
    declineCode: "51",
    declineCodeSource: "visa",
    amountMinor: 1999,
    currency: "USD",
    declinedAt: at("2026-11-02T07:00:00Z"),
    expiresAt: at("2026-11-23T07:00:00Z"),
    batchId: 1,
    batchState: "delivered",
    sessionKey: undefined,
    outcomes: [],
    mismatchOpen: false,
    ...changes,
  };
}

export function batch(
  batchId: number,
  state: BatchRecord["state"],
  totals: readonly MoneyTotal[],
  rows = 1,
): BatchRecord {
  const name = `evaluate_m1_20261103040000_000${batchId}.csv`;
  return {
    batchId,
    exportId: 1,
    state,
    since: stamp("2026-11-03T04:00:00Z"),
    detail: state === "uncertain" ? "both names are gone: the file was taken or removed" : "",
    name,
    tries: 1,
    temporary: { try: 1, path: `/inbound/${name}.1.part` },
    content: { rows, sizeBytes: 4321, sha256: "ab".repeat(32), totals, archivePath: `archive/batches/${name}` },
  };
}

export function found(breakId: number, code: BreakCode, changes: Partial<BreakRecord> = {}): BreakRecord {
  return {
    breakId,
    code,
    fingerprint: `fingerprint ${breakId}`,
    orderId: "",
    file: "",
    line: 0,
    message: "what was found",
    attemptId: undefined,
    batchId: undefined,
    settled: undefined,
    ...stamp("2026-11-04T06:00:00Z"),
    ...changes,
  };
}

export function silence(code: BreakCode, fingerprint: string): FoundBreak {
  return { code, fingerprint, orderId: "", file: "", line: 0, message: "", attemptId: undefined, batchId: undefined };
}

/** Batches whose totals are those of their attempts, as the archive would have counted them. */
export function batchesOf(attempts: readonly AttemptRecord[]): BatchRecord[] {
  return [...Map.groupBy(attempts, (each) => each.batchId)].map(([batchId, rows]) =>
    batch(batchId, rows[0]?.batchState ?? "planned", MoneyTotals.of(rows).toArray(), rows.length),
  );
}

const HOSTILE = { declineCode: "=1+1", declineCodeSource: "<b>\u001b[31mnmi" };

export const ATTEMPTS: readonly AttemptRecord[] = [
  attempt(1, {
    outcomes: [outcome("pending", "2026-11-03T16:00:00Z", 1999), outcome("rescued", "2026-11-05T16:00:00Z", 1999)],
  }),
  attempt(2, { amountMinor: 1_234_567, outcomes: [outcome("rescued", "2026-11-05T16:00:00Z", 1_234_567)] }),
  attempt(3, {
    outcomes: [
      outcome("rescued", "2026-11-05T16:00:00Z", 1999),
      outcome("refunded", "2026-11-08T16:00:00Z", 500),
      outcome("refunded", "2026-11-09T16:00:00Z", 250),
    ],
  }),
  attempt(4, { outcomes: [outcome("charged_back", "2026-11-15T16:00:00Z", 1999)] }),
  attempt(5),
  attempt(6, { declinedAt: at("2026-11-01T05:30:00Z"), expiresAt: at("2026-11-19T07:00:00Z") }),
  attempt(7, { outcomes: [outcome("unrescued", "2026-11-06T16:00:00Z", 1999)], ...HOSTILE }),
  attempt(8, { expiresAt: at("2026-11-17T07:00:00Z") }),
  attempt(9, { outcomes: [outcome("cancelled", "2026-11-06T16:00:00Z", 1999)] }),
  attempt(10, { mismatchOpen: true }),
  attempt(11, { batchId: 2, batchState: "uncertain", currency: "JPY", amountMinor: 1500 }),
  attempt(12, { batchId: 3, batchState: "archived", currency: "KWD", amountMinor: 12_345 }),
  attempt(13, { batchId: 4, batchState: "failed" }),
  attempt(14, { currency: "JPY", amountMinor: 980, outcomes: [outcome("rescued", "2026-11-05T16:00:00Z", 980)] }),
];

export const BATCHES: readonly BatchRecord[] = batchesOf(ATTEMPTS);

export const BREAKS: readonly BreakRecord[] = [
  found(1, "amount_mismatch", {
    attemptId: 10,
    orderId: "order-10",
    file: "results_20261103.csv",
    line: 7,
    message: "the result says USD 29.99, the rebill was USD 19.99",
  }),
  found(2, "unknown_order", {
    orderId: "somebody-else",
    file: "results_20261103.csv",
    line: 8,
    message: "the result is for an order that was never sent from here",
  }),
  found(3, "late_outcome", {
    attemptId: 1,
    orderId: "order-1",
    settled: { ...stamp("2026-11-07T06:00:00Z"), reason: "checked with the gateway", as: undefined },
  }),
];

/** As `findSilence` would give them; the first was recorded and settled before, so it must not come back. */
export const DERIVED = [
  [
    silence("late_outcome", "fingerprint 3"),
    { ...silence("delivery_uncertain", "batch 2"), batchId: 2, message: "its delivery cannot be proven" },
    { ...silence("night_missed", "night 2026-11-19"), message: "no run began in the night to 2026-11-19" },
  ],
];
