import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OUTCOME_STATUSES, type Outcome, type OutcomeStatus } from "../../src/domain/outcome.ts";
import { type KnownAttempt, type ResultRow, reconcileRow } from "../../src/domain/reconcile.ts";

const DECLINED = Date.parse("2026-11-01T00:00:00Z");
const EXPIRES = Date.parse("2026-11-22T00:00:00Z");
const LATER = DECLINED + 86_400_000;
const attempt = (over: Partial<KnownAttempt> = {}): KnownAttempt => ({
  attemptId: 1,
  orderId: "o-1",
  attemptNumber: 1,
  amountMinor: 1999,
  currency: "USD",
  declinedAt: DECLINED,
  expiresAt: EXPIRES,
  batchId: 9,
  batchState: "delivered",
  batchWasUploaded: true,
  sessionKey: undefined,
  outcomes: [],
  ...over,
});
const row = (over: Partial<ResultRow> = {}): ResultRow => ({
  line: 2,
  orderId: "o-1",
  sessionKey: "s-1",
  rawStatus: "APPROVED",
  status: "rescued",
  amountMinor: 1999,
  currency: "USD",
  processedAt: Date.parse("2026-11-05T12:00:00Z"),
  responseCode: "",
  message: "",
  ...over,
});
const word = (status: OutcomeStatus, over: Partial<Outcome> = {}): Outcome => ({
  status,
  rawStatus: status,
  amountMinor: 1999,
  currency: "USD",
  processedAt: Date.parse("2026-11-04T12:00:00Z"),
  ...over,
});
const verdictOf = (result: ResultRow, ...attempts: KnownAttempt[]) => {
  const verdict = reconcileRow(result, attempts, "r.csv");
  return verdict.verdict === "break" ? verdict.found.code : verdict.verdict;
};

describe("one attempt", () => {
  test("a rescue of the amount that was sent is applied", () => {
    expect(verdictOf(row(), attempt())).toBe("applied");
  });

  test("a result for an order that was never sent is unknown, and counts once by its order", () => {
    const first = reconcileRow(row({ orderId: "x" }), [], "a.csv");
    const again = reconcileRow(row({ orderId: "x", line: 7, status: "pending" }), [], "b.csv");
    expect(first).toMatchObject({ verdict: "break", found: { code: "unknown_order" } });
    expect(again.verdict === "break" && again.found.fingerprint).toBe(
      first.verdict === "break" && first.found.fingerprint,
    );
  });

  test("the same word again is repeated, whenever the provider dates it", () => {
    expect(verdictOf(row(), attempt({ outcomes: [word("rescued")] }))).toBe("repeated");
  });

  test("a word the profile does not know changes nothing", () => {
    expect(verdictOf(row({ status: undefined, rawStatus: "MAYBE" }), attempt())).toBe("unrecognised_status");
  });

  test("another amount or currency is a mismatch, for every word that is not a refund", () => {
    for (const status of ["pending", "rescued", "unrescued", "cancelled"] as const) {
      expect(verdictOf(row({ status, amountMinor: 1998 }), attempt())).toBe("amount_mismatch");
      expect(verdictOf(row({ status, currency: "EUR" }), attempt())).toBe("currency_mismatch");
    }
  });

  test("a blank amount and currency say nothing against it", () => {
    expect(verdictOf(row({ status: "unrescued", amountMinor: undefined, currency: "" }), attempt())).toBe("applied");
  });

  test("another final word contradicts, and changes nothing", () => {
    expect(verdictOf(row({ status: "unrescued" }), attempt({ outcomes: [word("rescued")] }))).toBe(
      "conflicting_outcome",
    );
    expect(verdictOf(row(), attempt({ outcomes: [word("unrescued")] }))).toBe("conflicting_outcome");
    expect(verdictOf(row({ status: "cancelled" }), attempt({ outcomes: [word("unrescued")] }))).toBe(
      "conflicting_outcome",
    );
  });

  test("a contradiction with another amount is still a contradiction: a rescue is not put in doubt by it", () => {
    const rescued = attempt({ outcomes: [word("rescued")] });
    expect(verdictOf(row({ status: "unrescued", amountMinor: 1 }), rescued)).toBe("conflicting_outcome");
  });

  test("an older pending word after a final one is repeated, a newer one contradicts", () => {
    const rescued = attempt({ outcomes: [word("rescued", { processedAt: LATER + 5000 })] });
    expect(verdictOf(row({ status: "pending", processedAt: LATER + 4000 }), rescued)).toBe("repeated");
    expect(verdictOf(row({ status: "pending", processedAt: undefined }), rescued)).toBe("repeated");
    expect(verdictOf(row({ status: "pending", processedAt: LATER + 6000 }), rescued)).toBe("conflicting_outcome");
  });

  test("a rescue after the window is applied and a break: it is money", () => {
    const verdict = reconcileRow(row({ processedAt: EXPIRES + 1 }), [attempt()], "r.csv");
    expect(verdict).toMatchObject({ verdict: "applied", breaks: [{ code: "late_outcome" }] });
  });

  test("a refund has its own amount, and may come straight from pending", () => {
    expect(verdictOf(row({ status: "refunded", amountMinor: 500 }), attempt())).toBe("applied");
  });

  test("refunds in sum are at most what was rescued", () => {
    const refunded = attempt({
      outcomes: [word("rescued"), word("refunded", { amountMinor: 1500, processedAt: LATER + 1 })],
    });
    expect(verdictOf(row({ status: "refunded", amountMinor: 499, processedAt: LATER + 2 }), refunded)).toBe("applied");
    expect(verdictOf(row({ status: "refunded", amountMinor: 500, processedAt: LATER + 2 }), refunded)).toBe(
      "amount_mismatch",
    );
  });

  test("two equal refunds at two times are two, at the same time one", () => {
    const refunded = attempt({
      outcomes: [word("rescued"), word("refunded", { amountMinor: 500, processedAt: LATER + 1 })],
    });
    expect(verdictOf(row({ status: "refunded", amountMinor: 500, processedAt: LATER + 2 }), refunded)).toBe("applied");
    expect(verdictOf(row({ status: "refunded", amountMinor: 500, processedAt: LATER + 1 }), refunded)).toBe("repeated");
  });

  test("the rescue that a refund already told us of is old news", () => {
    const refunded = attempt({ outcomes: [word("refunded", { amountMinor: 500 })] });
    expect(verdictOf(row(), refunded)).toBe("repeated");
  });
});

describe("a row dated before the decline", () => {
  const early = { processedAt: DECLINED - 3_600_000 };

  test("is old news when it speaks of no money", () => {
    for (const status of ["pending", "unrescued", "cancelled"] as const) {
      expect(verdictOf(row({ ...early, status }), attempt())).toBe("repeated");
    }
  });

  test("is no evidence of money for this decline, and is not swallowed either", () => {
    expect(verdictOf(row(early), attempt())).toBe("conflicting_outcome");
    expect(verdictOf(row({ ...early, status: "refunded", amountMinor: 5 }), attempt())).toBe("conflicting_outcome");
  });

  test("by no more than clocks differ is applied", () => {
    expect(verdictOf(row({ processedAt: DECLINED - 60_000 }), attempt())).toBe("applied");
  });
});

describe("several attempts of one order", () => {
  const first = attempt({ outcomes: [word("unrescued")], sessionKey: "s-old" });
  const second = attempt({ attemptId: 2, attemptNumber: 2, declinedAt: DECLINED + 10 * 86_400_000, batchId: 10 });

  test("a row from before the latest decline belongs to the earlier attempt", () => {
    expect(verdictOf(row({ status: "unrescued", sessionKey: "" }), first, second)).toBe("repeated");
  });

  test("a later row belongs to the latest attempt", () => {
    const verdict = reconcileRow(
      row({ status: "unrescued", processedAt: second.declinedAt + 1, sessionKey: "s-new" }),
      [first, second],
      "r.csv",
    );
    expect(verdict).toMatchObject({ verdict: "applied", attempt: { attemptId: 2 } });
  });

  test("a session key names its attempt, whatever the time says", () => {
    const late = row({ status: "unrescued", processedAt: second.declinedAt + 1, sessionKey: "s-old" });
    expect(verdictOf(late, first, second)).toBe("repeated");
  });

  test("the very words and time of an earlier outcome are not a word about the latest attempt", () => {
    const undated = attempt({
      outcomes: [{ status: "unrescued", rawStatus: "EXPIRED", amountMinor: 1999, currency: "USD" }],
    });
    expect(verdictOf(row({ status: "unrescued", processedAt: undefined, sessionKey: "" }), undated, second)).toBe(
      "repeated",
    );
  });
});

describe("a batch that is not proven", () => {
  test("a result row of an order first sent in it is evidence of its delivery", () => {
    for (const batchState of ["committing", "uncertain"] as const) {
      expect(reconcileRow(row(), [attempt({ batchState })], "r.csv")).toMatchObject({
        verdict: "applied",
        provesDelivery: true,
      });
    }
  });

  test("a half-uploaded batch is not proven whole by one of its rows", () => {
    const half = attempt({ batchState: "uncertain", batchWasUploaded: false });
    expect(reconcileRow(row(), [half], "r.csv")).toMatchObject({ found: { code: "delivery_uncertain" } });
  });

  test("a result for a batch that was never committed makes it uncertain, once for the batch", () => {
    for (const batchState of ["planned", "archived", "uploading", "uploaded"] as const) {
      expect(reconcileRow(row(), [attempt({ batchState })], "r.csv")).toMatchObject({
        verdict: "break",
        makesUncertain: true,
        found: { code: "delivery_uncertain", fingerprint: "batch 9" },
      });
    }
  });

  test("a row that may be of an earlier sending proves nothing about the later batch", () => {
    const first = attempt({ outcomes: [word("unrescued")] });
    const second = attempt({ attemptId: 2, attemptNumber: 2, declinedAt: DECLINED + 1, batchState: "uncertain" });
    expect(verdictOf(row(), first, second)).toBe("delivery_uncertain");
  });
});

test("whatever rows come in whatever order, applying them all again changes nothing", () => {
  const anyRow = fc.record({
    status: fc.constantFrom(...OUTCOME_STATUSES),
    amountMinor: fc.constantFrom(1999, 500, 1, 2500),
    processedAt: fc.option(fc.constantFrom(DECLINED - LATER, EXPIRES - 5, EXPIRES - 4, EXPIRES + 1), {
      nil: undefined,
    }),
  });
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 12 }), (rows) => {
      let known = attempt();
      const breaks = new Set<string>();
      const apply = () => {
        let applied = 0;
        for (const one of rows) {
          const verdict = reconcileRow(row(one), [known], "r.csv");
          if (verdict.verdict === "break") breaks.add(`${verdict.found.code} ${verdict.found.fingerprint}`);
          if (verdict.verdict !== "applied") continue;
          applied += 1;
          known = { ...known, outcomes: [...known.outcomes, verdict.outcome] };
        }
        return applied;
      };
      apply();
      const after = known.outcomes.length;
      expect(apply()).toBe(0);
      expect(known.outcomes).toHaveLength(after);
    }),
  );
});
