/** Small facts to record; each test names only what it is about. */
import type { Rebill } from "../../../src/domain/rebill.ts";
import type {
  AttemptRecord,
  Ledger,
  NewAttempt,
  NewBreak,
  NewExport,
  NewOutcome,
  ReadExport,
} from "../../../src/ledger/ledger.ts";

export const DAY = 24 * 3_600_000;
export const STAMP = { at: Date.UTC(2026, 10, 2), recordedAt: Date.UTC(2026, 10, 3) };
export const FACT = { ...STAMP, try: 0, detail: "" };

export function sampleExport(changes: Partial<NewExport & ReadExport> = {}): NewExport & ReadExport {
  const counts = { rows: 3, accepted: 2, skipped: 1, rejected: 0, maxAgeDays: 1 };
  return { ...STAMP, ...counts, sha256: "a1", name: "night.csv", archivePath: "archive/1.csv", reason: "", ...changes };
}

export function sampleAttempt(n: number, changes: Partial<Rebill> = {}): NewAttempt {
  const rebill: Rebill = {
    orderId: `order-${n}`,
    transactionId: `transaction-${n}`,
    subscriptionId: `subscription-${n}`,
    customerId: `customer-${n}`,
    declinedAt: STAMP.at,
    amountMinor: 1999,
    currency: "USD",
    declineCode: "51",
    paymentToken: "token",
    expiresAt: STAMP.at + 21 * DAY,
    attempt: 1,
    ...changes,
  };
  return { rebill, position: n, row: n + 1, line: n + 2 };
}

export function sampleOutcome(attemptId: number, changes: Partial<NewOutcome> = {}): NewOutcome {
  return {
    ...STAMP,
    attemptId,
    status: "rescued",
    rawStatus: "APPROVED",
    amountMinor: 1999,
    currency: "USD",
    source: "person",
    resultFileId: undefined,
    line: 0,
    responseCode: "00",
    message: "",
    sessionKey: "",
    ...changes,
  };
}

export function sampleBreak(changes: Partial<NewBreak> = {}): NewBreak {
  return {
    ...STAMP,
    code: "unknown_order",
    fingerprint: "order x",
    orderId: "x",
    file: "results.csv",
    line: 2,
    message: "the result is for an order that was never sent from here",
    attemptId: undefined,
    batchId: undefined,
    ...changes,
  };
}

/** An export that was read to its end. */
export async function recordExport(ledger: Ledger, taken: NewExport & ReadExport): Promise<number> {
  const take = async () => {
    const exportId = await ledger.beginExport(taken);
    await ledger.endExport(exportId, taken);
    return exportId;
  };
  // In no suite a thread: it stands before nearly every test, and a hundred times before some.
  return ledger.transaction(take, { isLarge: false });
}

/** A planned batch of its own export, with these attempts. */
export async function planBatch(ledger: Ledger, ...attempts: NewAttempt[]): Promise<number> {
  const exportId = await recordExport(ledger, sampleExport());
  const batchId = await ledger.planBatch({ ...STAMP, exportId });
  await ledger.claim(batchId, attempts);
  return batchId;
}

export const CONTENT = {
  rows: 2,
  sizeBytes: 512,
  sha256: "b2",
  totals: [{ currency: "USD", count: 2, amountMinor: 2n ** 60n + 1n }],
  archivePath: "archive/batches/1.csv",
};

export async function failBatch(ledger: Ledger, batchId: number): Promise<void> {
  await ledger.recordBatchState(batchId, "failed", { ...FACT, detail: "never left" });
}

export async function archiveBatch(ledger: Ledger, batchId: number): Promise<void> {
  await ledger.recordContent(batchId, CONTENT);
  await ledger.recordBatchState(batchId, "archived", FACT);
}

/** Along the arrows to `delivered`, in one try. */
export async function deliverBatch(ledger: Ledger, batchId: number): Promise<void> {
  await archiveBatch(ledger, batchId);
  for (const state of ["uploading", "uploaded", "committing", "delivered"] as const) {
    await ledger.recordBatchState(batchId, state, { ...FACT, try: 1 });
  }
}

export async function pagesOf(pages: AsyncIterable<AttemptRecord[]>): Promise<AttemptRecord[]> {
  const all: AttemptRecord[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/** The only attempt of an order. */
export async function attemptOf(ledger: Ledger, orderId: string): Promise<AttemptRecord> {
  const found = await ledger.findAttempts([{ orderId, transactionId: "" }]);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} attempts of ${orderId}`);
  return found[0];
}
