import { describe, expect, test } from "vitest";
import type { BatchEvent } from "../../src/ledger/ledger.ts";
import { type ExplainInput, explainOrder, explanationDocument } from "../../src/report/explain.ts";
import { renderExplanationText } from "../../src/report/explain-text.ts";
import { attempt, found, NOW, outcome, stamp, WINDOW } from "./sample.ts";

const NAME = "evaluate_m1_20261103040000_0001.csv";
const happened = (state: BatchEvent["state"], when: string, name = NAME, detail = ""): BatchEvent => ({
  state,
  name,
  detail,
  try: 1,
  eventId: 1,
  ...stamp(when),
});

const FIRST = attempt(1, { sessionKey: "session-1", outcomes: [outcome("unrescued", "2026-11-06T16:00:00Z", 1999)] });
const SECOND = attempt(2, {
  orderId: "order-1",
  attemptNumber: 2,
  batchId: 2,
  exportId: 2,
  mismatchOpen: true,
  outcomes: [
    outcome("pending", "2026-11-09T16:00:00Z", 1999, {
      file: "results_20261109.csv",
      responseCode: "05",
      message: "in retry",
    }),
  ],
});
const INPUT: ExplainInput = {
  merchant: "acme",
  orderId: "order-1",
  attempts: [SECOND, FIRST],
  exports: [
    { exportId: 1, name: "declines-2026-11-02.csv", ...stamp("2026-11-03T04:00:00Z") },
    { exportId: 2, name: "declines-2026-11-07.csv", ...stamp("2026-11-08T04:00:00Z") },
  ],
  batches: [
    {
      batchId: 1,
      name: NAME,
      events: [
        happened("planned", "2026-11-03T04:00:01Z", ""),
        happened("name_minted", "2026-11-03T04:00:02Z"),
        happened("archived", "2026-11-03T04:00:03Z"),
        happened("uploading", "2026-11-03T04:00:04Z"),
        happened("temporary_created", "2026-11-03T04:00:05Z", `/inbound/${NAME}.1.part`),
        happened("uploaded", "2026-11-03T04:00:06Z"),
        happened("committing", "2026-11-03T04:00:07Z"),
        happened("delivered", "2026-11-03T04:00:08Z"),
      ],
    },
    {
      batchId: 2,
      name: "evaluate_m1_20261108040000_0002.csv",
      events: [
        happened("uncertain", "2026-11-08T04:01:00Z", "", "the answer was lost"),
        happened("delivered", "2026-11-09T16:00:00Z", ""),
      ],
    },
  ],
  breaks: [
    found(11, "delivery_uncertain", {
      batchId: 2,
      message: "the delivery cannot be proven",
      settled: { ...stamp("2026-11-09T16:00:00Z"), reason: "a result row proves it", as: undefined },
      ...stamp("2026-11-08T04:02:00Z"),
    }),
    found(12, "amount_mismatch", {
      attemptId: 2,
      orderId: "order-1",
      file: "results_20261110.csv",
      line: 4,
      message: "the result says USD 29.99, the rebill was USD 19.99",
      ...stamp("2026-11-10T16:00:00Z"),
    }),
    found(13, "retried_while_held", { orderId: "order-1", message: "declined again while it was pending" }),
    found(14, "amount_mismatch", { orderId: "another-order", attemptId: 99 }),
  ],
  now: NOW,
  window: WINDOW,
};

describe("explain", () => {
  test("text, golden", async () => {
    await expect(renderExplanationText(explainOrder(INPUT))).toMatchFileSnapshot("../../fixtures/reports/explain.txt");
  });

  test("json, golden", async () => {
    const envelope = { type: "explanation", schema: 1, merchant: "acme", exit_status: 0 };
    const json = `${JSON.stringify({ ...envelope, ...explanationDocument(explainOrder(INPUT)) })}\n`;
    await expect(json).toMatchFileSnapshot("../../fixtures/reports/explain.jsonl");
  });

  test("tells the story of every attempt in the order of the clock, and of nobody else's", () => {
    const { attempts, otherEvents } = explainOrder(INPUT);
    expect(attempts.map((each) => each.attempt.attemptNumber)).toEqual([1, 2]);
    for (const { events } of attempts) {
      expect(events.map((each) => each.at)).toEqual(events.map((each) => each.at).sort((a, b) => a - b));
    }
    expect(attempts[0]?.events[0]?.what).toBe("taken from declines-2026-11-02.csv, line 2");
    expect(attempts[1]?.events.map((each) => each.kind)).toEqual([
      "taken",
      "batch",
      "break",
      "batch",
      "outcome",
      "settlement",
      "break",
    ]);
    expect(otherEvents.map((each) => each.what)).toEqual([
      "break 13, retried_while_held: declined again while it was pending",
    ]);
  });

  test("an outcome names the provider's raw word and the line it stood on; a person's word says so", () => {
    const byPerson = outcome("rescued", "2026-11-12T00:00:00Z", 1999, {
      source: "person",
      file: "",
      rawStatus: "settled",
    });
    const { attempts } = explainOrder({
      ...INPUT,
      attempts: [attempt(1, { outcomes: [...FIRST.outcomes, byPerson] })],
    });
    const said = attempts[0]?.events.filter((each) => each.kind === "outcome").map((each) => each.what);
    expect(said?.[0]).toContain("the word was EXPIRED");
    expect(said?.[0]).toContain("from results_20261103.csv:2");
    expect(said?.[1]).toContain("from a person");
  });

  test("says where it stands and what may be done, first", () => {
    const answer = (changes: Parameters<typeof attempt>[1]) =>
      renderExplanationText(explainOrder({ ...INPUT, breaks: [], attempts: [attempt(1, changes)] }))
        .split("\n")
        .slice(0, 2);
    expect(answer({})).toEqual([
      "acme: order order-1 is pending",
      "  Hold it: do not retry it yourself before 2026-11-25 07:00 UTC, unless a",
    ]);
    expect(answer({ outcomes: [outcome("charged_back", "2026-11-05T00:00:00Z", 1999)] })).toEqual([
      "acme: order order-1 is rescued, then charged back",
      "  Paid, and money went back since: book both.",
    ]);
    expect(answer({ expiresAt: NOW - 3 * 86_400_000 })[0]).toBe(
      "acme: order order-1 is unrescued, presumed from silence",
    );
    expect(answer({ batchState: "committing" })[0]).toBe("acme: order order-1 is unaccounted (delivery unproven)");
    expect(answer({ batchState: "failed" })[1]).toBe("  It is yours again: it was never sent.");
  });

  test("an order that was never taken is said to be that, with what was found for it", () => {
    const unknown = found(20, "unknown_order", { orderId: "ghost", message: "the result is for an order never sent" });
    const text = renderExplanationText(explainOrder({ ...INPUT, orderId: "ghost", attempts: [], breaks: [unknown] }));
    expect(text.split("\n")[0]).toBe("acme: order ghost was never taken from any export");
    expect(text).toContain("break 20, unknown_order");
  });

  test("text of others cannot steer the terminal", () => {
    const hostile = attempt(1, {
      customerId: "\u001b[31mred",
      outcomes: [
        outcome("pending", "2026-11-06T16:00:00Z", 1999, { rawStatus: "\u009b2J", message: "a\nb", file: "\u202ex" }),
      ],
    });
    const text = renderExplanationText(explainOrder({ ...INPUT, attempts: [hostile] }));
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(text).not.toContain("a\nb");
  });
});
