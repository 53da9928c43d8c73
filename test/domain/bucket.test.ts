import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_STATES, mayBeWithProvider } from "../../src/domain/batch.ts";
import {
  type AttemptFacts,
  awaitedUntil,
  BUCKETS,
  bucketOf,
  countsAsSubmitted,
  type WindowRule,
} from "../../src/domain/bucket.ts";
import { DAY_MS, parseInstant } from "../../src/domain/instant.ts";
import { foldState, OUTCOME_STATUSES, type OutcomeStatus } from "../../src/domain/outcome.ts";

const EXPIRES_AT = parseInstant("2026-11-24T00:00:00Z") ?? 0;
const PRESUME: WindowRule = { afterWindow: "presume_unrescued", graceMs: 2 * DAY_MS };
const OVERDUE: WindowRule = { afterWindow: "overdue", graceMs: 2 * DAY_MS };
const WITHIN = EXPIRES_AT - DAY_MS;

function attempt(statuses: OutcomeStatus[], changes: Partial<AttemptFacts> = {}): AttemptFacts {
  const outcomes = statuses.map((status) => ({ status }));
  return { batchState: "delivered", expiresAt: EXPIRES_AT, outcomes, mismatchOpen: false, ...changes };
}

describe("a delivered rebill", () => {
  test.each([
    [[], "pending"],
    [["pending"], "pending"],
    [["rescued"], "rescued"],
    [["rescued", "refunded"], "rescued"],
    [["charged_back"], "rescued"],
    [["unrescued"], "unrescued"],
    [["cancelled"], "cancelled"],
    [["unrescued", "rescued"], "unrescued"],
  ] as const)("with the words %j is %s", (statuses, bucket) => {
    expect(bucketOf(attempt([...statuses]), WITHIN, PRESUME).bucket).toBe(bucket);
  });

  test("tells refunded and charged back apart by its state", () => {
    expect(bucketOf(attempt(["rescued", "refunded"]), WITHIN, PRESUME).state).toBe("refunded");
    expect(bucketOf(attempt(["charged_back"]), WITHIN, PRESUME).state).toBe("charged_back");
  });

  test("without a word stays pending up to the last millisecond of the grace", () => {
    const end = EXPIRES_AT + 2 * DAY_MS;
    for (const rule of [PRESUME, OVERDUE]) {
      expect(awaitedUntil(attempt([]), rule)).toBe(end);
      expect(bucketOf(attempt(["pending"]), end - 1, rule).bucket).toBe("pending");
      expect(bucketOf(attempt(["pending"]), end, rule).bucket).not.toBe("pending");
    }
  });

  test("without a word after window and grace is presumed unrescued where the profile says so", () => {
    expect(bucketOf(attempt([]), EXPIRES_AT + 3 * DAY_MS, PRESUME)).toEqual({
      bucket: "unrescued",
      state: "pending",
      presumed: true,
      reason: undefined,
    });
  });

  test("without a word after window and grace is unaccounted, overdue, where the profile says that", () => {
    const placement = bucketOf(attempt(["pending"]), EXPIRES_AT + 3 * DAY_MS, OVERDUE);
    expect(placement).toMatchObject({ bucket: "unaccounted", presumed: false, reason: "overdue" });
  });

  test("told to be unrescued is not presumed, and a late rescue is still a rescue", () => {
    const late = EXPIRES_AT + 9 * DAY_MS;
    expect(bucketOf(attempt(["unrescued"]), late, PRESUME).presumed).toBe(false);
    expect(bucketOf(attempt(["rescued"]), late, PRESUME).bucket).toBe("rescued");
  });

  test("with an open mismatch is unaccounted whatever else was said", () => {
    const placement = bucketOf(attempt(["rescued"], { mismatchOpen: true }), WITHIN, PRESUME);
    expect(placement).toMatchObject({ bucket: "unaccounted", reason: "mismatch_open" });
  });
});

describe("a rebill whose batch is not delivered", () => {
  test.each([
    ["planned", "unsent"],
    ["archived", "unsent"],
    ["uploading", "unsent"],
    ["uploaded", "unsent"],
    ["committing", "unaccounted"],
    ["uncertain", "unaccounted"],
    ["failed", "released"],
  ] as const)("(%s) is %s, even long after its window", (batchState, bucket) => {
    expect(bucketOf(attempt([], { batchState }), WITHIN, PRESUME).bucket).toBe(bucket);
    expect(bucketOf(attempt([], { batchState }), EXPIRES_AT + 90 * DAY_MS, PRESUME).bucket).toBe(bucket);
  });

  test("is where the word on it puts it: a rescue is never given back to the merchant's own retries", () => {
    for (const batchState of BATCH_STATES) {
      expect(bucketOf(attempt(["rescued"], { batchState }), WITHIN, PRESUME).bucket).toBe("rescued");
    }
  });
});

const anyAttempt = fc.record({
  batchState: fc.constantFrom(...BATCH_STATES),
  expiresAt: fc.integer({ min: EXPIRES_AT - 40 * DAY_MS, max: EXPIRES_AT + 40 * DAY_MS }),
  outcomes: fc.array(fc.record({ status: fc.constantFrom(...OUTCOME_STATUSES) }), { maxLength: 4 }),
  mismatchOpen: fc.boolean(),
});
const anyRule = fc.record({
  afterWindow: fc.constantFrom("presume_unrescued" as const, "overdue" as const),
  graceMs: fc.integer({ min: 0, max: 5 * DAY_MS }),
});

describe("whatever happened", () => {
  test("each attempt is in exactly one bucket, and the buckets add up to all of them", () => {
    fc.assert(
      fc.property(fc.array(anyAttempt), anyRule, (attempts, rule) => {
        const counts = BUCKETS.map(
          (bucket) => attempts.filter((each) => bucketOf(each, EXPIRES_AT, rule).bucket === bucket).length,
        );
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(attempts.length);
      }),
    );
  });

  test("a batch counts as submitted exactly if its silent rebills do, so totals and parts meet", () => {
    fc.assert(
      fc.property(anyAttempt, anyRule, (any, rule) => {
        const silent = { ...any, outcomes: [], mismatchOpen: false };
        expect(countsAsSubmitted(bucketOf(silent, EXPIRES_AT, rule).bucket)).toBe(mayBeWithProvider(any.batchState));
      }),
    );
  });

  test("time alone moves nothing but pending, and never back", () => {
    fc.assert(
      fc.property(anyAttempt, anyRule, fc.nat(90 * DAY_MS), (any, rule, later) => {
        const before = bucketOf(any, EXPIRES_AT, rule).bucket;
        const after = bucketOf(any, EXPIRES_AT + later, rule).bucket;
        if (before !== "pending") expect(after).toBe(before);
      }),
    );
  });

  test("presumed is said only of silence, a reason only of unaccounted", () => {
    fc.assert(
      fc.property(anyAttempt, anyRule, (any, rule) => {
        const placement = bucketOf(any, EXPIRES_AT, rule);
        if (placement.presumed) expect(placement).toMatchObject({ bucket: "unrescued", state: "pending" });
        expect(placement.reason !== undefined).toBe(placement.bucket === "unaccounted");
        expect(placement.state).toBe(foldState(any.outcomes.map((outcome) => outcome.status)));
      }),
    );
  });
});
