import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUCKETS, type Bucket } from "../../src/domain/bucket.ts";
import { type EarlierSending, judgeIdentity } from "../../src/domain/identity.ts";

const NOW = 1_000_000;
const sending = (over: Partial<EarlierSending>): EarlierSending => ({
  orderId: "o-1",
  transactionId: "t-1",
  attemptNumber: 1,
  bucket: "pending",
  expiresAt: NOW + 1,
  ...over,
});
const verdictOf = (identity: { orderId: string; transactionId: string }, ...earlier: EarlierSending[]) => {
  const verdict = judgeIdentity(identity, earlier, NOW);
  return verdict.verdict === "new" ? "new" : `${verdict.code}${verdict.retriedWhileHeld ? " retried" : ""}`;
};
const same = { orderId: "o-1", transactionId: "t-1" };

describe("judgeIdentity", () => {
  test("what was never sent is new", () => {
    expect(verdictOf(same)).toBe("new");
  });

  test("the same rebill is skipped while it is pending, unsent or unaccounted", () => {
    for (const bucket of ["pending", "unsent", "unaccounted"] as const) {
      expect(verdictOf(same, sending({ bucket }))).toBe("already_pending");
    }
  });

  test("the same transaction under a new order id is the same money", () => {
    expect(verdictOf({ orderId: "o-2", transactionId: "t-1" }, sending({}))).toBe("already_pending");
  });

  test("a rescued rebill is never sent again, not even with a new transaction", () => {
    expect(verdictOf(same, sending({ bucket: "rescued" }))).toBe("already_rescued");
    expect(verdictOf({ ...same, transactionId: "t-2" }, sending({ bucket: "rescued" }))).toBe("already_rescued");
  });

  test("once unrescued or cancelled, only a new decline may be sent", () => {
    for (const bucket of ["unrescued", "cancelled"] as const) {
      expect(verdictOf(same, sending({ bucket }))).toBe("already_closed");
      expect(verdictOf({ ...same, transactionId: "t-2" }, sending({ bucket }))).toBe("new");
    }
  });

  test("the same order with a new transaction inside a running window was retried while held", () => {
    expect(verdictOf({ ...same, transactionId: "t-2" }, sending({}))).toBe("already_pending retried");
    expect(verdictOf({ ...same, transactionId: "t-2" }, sending({ expiresAt: NOW }))).toBe("already_pending");
  });

  test("a released sending does not count", () => {
    expect(verdictOf(same, sending({ bucket: "released" }))).toBe("new");
  });

  test("a transaction that was sent and not released is never new", () => {
    const bucket = fc.constantFrom<Bucket>(...BUCKETS);
    const earlier = fc.array(
      fc.record({ orderId: fc.constantFrom("o-1", "o-2"), transactionId: fc.constantFrom("t-1", "t-2"), bucket }),
    );
    fc.assert(
      fc.property(earlier, (facts) => {
        const sendings = facts.map((fact, index) => sending({ ...fact, attemptNumber: index + 1 }));
        const wasSent = facts.some((fact) => fact.transactionId === "t-1" && fact.bucket !== "released");
        if (wasSent) expect(judgeIdentity(same, sendings, NOW).verdict).toBe("skip");
      }),
    );
  });
});
