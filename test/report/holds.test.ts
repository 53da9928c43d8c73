import { describe, expect, test } from "vitest";
import { BUCKETS, bucketOf } from "../../src/domain/bucket.ts";
import type { AttemptRecord } from "../../src/ledger/ledger.ts";
import { HOLD_LISTS, type HoldsInput, holdsCsv, holdsJson, listHolds } from "../../src/report/holds.ts";
import { ATTEMPTS, at, attempt, NOW, outcome, WINDOW } from "./sample.ts";

const inputOf = (attempts: readonly AttemptRecord[], changes: Partial<HoldsInput> = {}): HoldsInput => ({
  attempts: attempts.map((each) => [each]),
  sentAgain: new Map(
    attempts.flatMap(({ orderId, attemptNumber }) => (attemptNumber > 1 ? [[orderId, attemptNumber]] : [])),
  ),
  now: NOW,
  window: WINDOW,
  ...changes,
});

async function rowsOf(attempts: readonly AttemptRecord[], changes: Partial<HoldsInput> = {}) {
  const rows = [];
  for await (const page of listHolds(inputOf(attempts, changes))) rows.push(...page);
  return rows;
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

const rescued = [outcome("rescued", "2026-11-05T00:00:00Z", 1999)];
const unrescued = [outcome("unrescued", "2026-11-05T00:00:00Z", 1999)];

describe("which list an order is on", () => {
  test("each order is on exactly one list, and the three lists together are all orders", async () => {
    const all = await rowsOf(ATTEMPTS);
    expect(all.map((row) => row.orderId).sort()).toEqual(ATTEMPTS.map((each) => each.orderId).sort());
    for (const list of HOLD_LISTS) {
      expect(await rowsOf(ATTEMPTS, { list })).toEqual(all.filter((row) => row.list === list));
    }
  });

  test("hold is pending, unaccounted and unsent; release is unrescued, cancelled and released; paid is rescued", async () => {
    expect(new Set(ATTEMPTS.map((each) => bucketOf(each, NOW, WINDOW).bucket))).toEqual(new Set(BUCKETS));
    const states = Object.groupBy(await rowsOf(ATTEMPTS), (row) => row.list);
    const statesOf = (list: "hold" | "release" | "paid") => [...new Set(states[list]?.map((row) => row.state))].sort();
    expect(statesOf("hold")).toEqual(["pending", "unaccounted", "unsent"]);
    expect(statesOf("release")).toEqual(["cancelled", "released", "unrescued"]);
    expect(statesOf("paid")).toEqual(["charged_back", "refunded", "rescued"]);
  });

  test("only the latest attempt of an order has a row", async () => {
    const first = attempt(1, { outcomes: unrescued });
    const second = attempt(2, { orderId: "order-1", attemptNumber: 2, amountMinor: 2500 });
    expect(await rowsOf([first, second, attempt(3)])).toMatchObject([
      { orderId: "order-1", list: "hold", amountMinor: 2500 },
      { orderId: "order-3", list: "hold" },
    ]);
  });

  test("an order that an earlier attempt paid for is never released to be charged again", async () => {
    const first = attempt(1, { outcomes: rescued });
    const second = attempt(2, { orderId: "order-1", attemptNumber: 2, outcomes: unrescued });
    expect(await rowsOf([first, second])).toMatchObject([{ list: "paid", state: "rescued", amountMinor: 1999 }]);
  });

  test("money of an earlier attempt is a paid line, while the latest attempt is still on hold", async () => {
    const first = attempt(1, { outcomes: rescued });
    const second = attempt(2, { orderId: "order-1", attemptNumber: 2, amountMinor: 2500 });
    expect(await rowsOf([first, second])).toMatchObject([
      { list: "paid", amountMinor: 1999 },
      { list: "hold", amountMinor: 2500 },
    ]);
  });

  test("an order with an open mismatch on an earlier attempt stays on hold, with no date", async () => {
    const first = attempt(1, { mismatchOpen: true });
    for (const outcomes of [[], unrescued, rescued]) {
      const second = attempt(2, { orderId: "order-1", attemptNumber: 2, outcomes });
      expect(await rowsOf([first, second])).toMatchObject([
        { list: "hold", reason: "an earlier attempt of this order is still open", holdUntil: undefined },
      ]);
    }
  });
});

describe("until when", () => {
  test("a pending order is held to the end of window and grace, where silence then releases it", async () => {
    const [row] = await rowsOf([attempt(1)]);
    expect(row?.holdUntil).toBe(at("2026-11-25T07:00:00Z"));
    const [later] = await rowsOf([attempt(1)], { now: at("2026-11-25T07:00:00Z") });
    expect(later).toMatchObject({ list: "release", reason: "presumed: the window is over and nothing came" });
  });

  test("without that presumption, and while it is unaccounted or unsent, there is no date to act on", async () => {
    const window = { afterWindow: "overdue", graceMs: 0 } as const;
    expect((await rowsOf([attempt(1)], { window }))[0]).toMatchObject({ list: "hold", holdUntil: undefined });
    const overdue = await rowsOf([attempt(1)], { window, now: at("2026-12-24T00:00:00Z") });
    expect(overdue[0]).toMatchObject({ list: "hold", state: "unaccounted", holdUntil: undefined });
    expect((await rowsOf([attempt(1, { mismatchOpen: true })]))[0]?.holdUntil).toBeUndefined();
    expect((await rowsOf([attempt(1, { batchState: "uploaded" })]))[0]).toMatchObject({
      list: "hold",
      holdUntil: undefined,
    });
  });
});

describe("the formats", () => {
  test("csv, golden", async () => {
    const csv = await textOf(holdsCsv(listHolds(inputOf(ATTEMPTS)), "acme"));
    await expect(csv).toMatchFileSnapshot("../../fixtures/reports/holds.csv");
  });

  test("csv opens in a spreadsheet without running anything, and has its header even when nobody is on the list", async () => {
    const csv = await textOf(holdsCsv(listHolds(inputOf([attempt(1, { customerId: "=cmd()" })])), "acme"));
    expect(csv).toContain(",'=cmd(),");
    expect(await textOf(holdsCsv(listHolds(inputOf([])), "acme"))).toMatch(
      /^merchant,list,subscription_id,.*,reason\n$/,
    );
    expect(await textOf(holdsCsv([], "acme", { header: false }))).toBe("");
  });

  test("json is one line, with the ids as they are", async () => {
    const envelope = { type: "holds", schema: 1, merchant: "acme", exit_status: 0 };
    const input = inputOf(ATTEMPTS);
    const json = await textOf(holdsJson(listHolds(input), envelope, input));
    await expect(json).toMatchFileSnapshot("../../fixtures/reports/holds.jsonl");
    expect(json.trimEnd()).not.toContain("\n");
    expect(JSON.parse(json)).toMatchObject({ ...envelope, as_of: "2026-11-20T06:00:00Z", list: null });
    expect(JSON.parse(json).holds).toHaveLength(ATTEMPTS.length);
    const none = await textOf(holdsJson([[]], envelope, { now: NOW, list: "paid" }));
    expect(JSON.parse(none)).toMatchObject({ list: "paid", holds: [] });
  });
});
