/** What the provider's words do to each rebill: applied, repeated or a break; and the money adds up after every file. */
import { describe, expect, test } from "vitest";
import { exportOf, type ResultRow, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import type { Json } from "../support/rescue.ts";
import { apply, expectBalanced, nextRun, partsOf, sentFive } from "../support/results.ts";

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("results", () => {
  const shared = shareServer();

  test("every word of the provider lands where it belongs, and money of several currencies stays apart", async () => {
    const merchant = await shared.make();
    const rows = [
      { order: "usd-1" },
      { order: "usd-2", amount: "1000000000.00" },
      { order: "jpy-1", amount: "1980", currency: "JPY" },
      { order: "jpy-2", amount: "20", currency: "JPY" },
      { order: "kwd-1", amount: "1.005", currency: "KWD" },
      { order: "kwd-2", amount: "0.001", currency: "KWD" },
      { order: "usd-3", amount: "5" },
    ];
    await merchant.writeExport("a.csv", exportOf(rows));
    const sent = await nextRun(merchant);
    await merchant.writeResults(
      "results_1.csv",
      resultsOf([
        { order: "usd-1", status: "APPROVED" },
        { order: "usd-2", status: "COMPLETED", amount: "100000000000" },
        { order: "jpy-1", status: "DECLINED", amount: "1980", currency: "JPY" },
        { order: "jpy-2", status: "PROCESSING", amount: "20", currency: "JPY" },
        { order: "kwd-1", status: "CANCELLED", amount: "1005", currency: "KWD" },
        { order: "kwd-2", status: "EXPIRED", amount: "1", currency: "KWD" },
        { order: "usd-3", status: "SUBMITTED", amount: "500" },
      ]),
    );

    const ran = await nextRun(merchant);

    expect(partsOf(sent.report)).toEqual({ pending: "3/100000002499" });
    expect(ran.status).toBe(0);
    expect(ran.reconciliation).toEqual({
      files: ["results_1.csv"],
      rows: 7,
      applied: 7,
      repeated: 0,
      breaks: [],
      breaks_by_code: {},
    });
    expect(ran.document["collection"].files).toEqual([
      expect.objectContaining({
        name: "results_1.csv",
        state: "collected",
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      }),
    ]);
    expect(ran.report.currencies.map((entry: Json) => entry["currency"])).toEqual(["JPY", "KWD", "USD"]);
    expect(partsOf(ran.report, "USD")).toEqual({ rescued: "2/100000001999", pending: "1/500" });
    expect(partsOf(ran.report, "JPY")).toEqual({ unrescued: "1/1980", pending: "1/20" });
    expect(partsOf(ran.report, "KWD")).toEqual({ cancelled: "1/1005", unrescued: "1/1" });
  });

  test("cumulative files, the same file again, and rows in another order are repeated and change nothing", async () => {
    const merchant = await sentFive(shared);
    const day1: ResultRow[] = [
      { order: "o-1", status: "APPROVED" },
      { order: "o-2", status: "PENDING" },
    ];
    const day2: ResultRow[] = [{ order: "o-3", status: "DECLINED" }, { order: "o-2", status: "APPROVED" }, ...day1];

    const first = await apply(merchant, "day1.csv", day1);
    const again = await apply(merchant, "day1-again.csv", day1);
    const second = await apply(merchant, "day2.csv", day2);

    expect(first.document).toMatchObject({ rows: 2, applied: 2, repeated: 0 });
    expect(again.document).toMatchObject({ rows: 2, applied: 0, repeated: 2 });
    expect(second.status).toBe(0);
    expect(second.document).toMatchObject({ rows: 4, applied: 2, repeated: 2, breaks: [] });
    expect(partsOf(second.report)).toEqual({ rescued: "2/3998", unrescued: "1/1999", pending: "2/3998" });
  });

  test("what contradicts, what is unknown, and what does not match are breaks, each once, and nothing is overwritten", async () => {
    const merchant = await sentFive(shared);
    const rows: ResultRow[] = [
      { order: "o-1", status: "APPROVED" },
      { order: "o-1", status: "DECLINED" },
      { order: "stranger", status: "APPROVED" },
      { order: "o-2", status: "APPROVED", amount: "2000" },
      { order: "o-3", status: "APPROVED", currency: "EUR" },
      { order: "o-4", status: "WIBBLE" },
    ];

    const found = await apply(merchant, "r1.csv", rows);
    const again = await apply(merchant, "r2.csv", [...rows, { order: "o-5", status: "PENDING" }]);

    expect(found.status).toBe(3);
    expect(found.document).toMatchObject({
      exit_status: 3,
      rows: 6,
      applied: 1,
      breaks_by_code: {
        conflicting_outcome: 1,
        unknown_order: 1,
        amount_mismatch: 1,
        currency_mismatch: 1,
        unrecognised_status: 1,
      },
    });
    expect(
      found.document["breaks"].map(({ code, order_id, file, line }: Json) => [code, order_id, file, line]),
    ).toEqual([
      ["conflicting_outcome", "o-1", "r1.csv", 3],
      ["unknown_order", "stranger", "r1.csv", 4],
      ["amount_mismatch", "o-2", "r1.csv", 5],
      ["currency_mismatch", "o-3", "r1.csv", 6],
      ["unrecognised_status", "o-4", "r1.csv", 7],
    ]);
    expect(partsOf(found.report)).toEqual({ rescued: "1/1999", pending: "2/3998", unaccounted: "2/3998" });
    expect(again.status).toBe(3);
    expect(again.document).toMatchObject({ rows: 7, applied: 1, repeated: 6, breaks: [], breaks_by_code: {} });
    expect(again.report["breaks_by_code"]).toEqual(found.document["breaks_by_code"]);
    const hold = await merchant.rescue(["holds", "--list", "release", "--json"]);
    expect(hold.documents[0]?.["holds"]).toEqual([]);
  });

  test("breaks are settled by a person with a reason: as what really happened, or left as they are", async () => {
    const merchant = await sentFive(shared);
    await apply(merchant, "r.csv", [
      { order: "o-1", status: "APPROVED", amount: "2000" },
      { order: "stranger", status: "APPROVED" },
    ]);
    const breaks = (await merchant.rescue(["breaks", "--json"])).documents[0] ?? {};
    expect(breaks).toMatchObject({
      type: "breaks",
      exit_status: 3,
      breaks_by_code: { amount_mismatch: 1, unknown_order: 1 },
    });
    const id = (code: string) => String(breaks["open"].find((found: Json) => found["code"] === code)["break_id"]);

    const settled = await merchant.rescue([
      "settle",
      id("amount_mismatch"),
      "--as",
      "rescued",
      "--reason",
      "gateway",
      "--json",
    ]);
    const closed = await merchant.rescue(["settle", id("unknown_order"), "--reason", "their test order"]);
    const report = await merchant.rescue(["report", "--json"]);

    expect(settled.documents[0]).toMatchObject({
      type: "settlement",
      exit_status: 0,
      code: "amount_mismatch",
      as: "rescued",
    });
    expect(closed).toMatchObject({ status: 0 });
    expect(report.status).toBe(0);
    expectBalanced(report.documents[0] ?? {});
    expect(partsOf(report.documents[0] ?? {})).toEqual({ rescued: "1/1999", pending: "4/7996" });
    const after = await merchant.rescue(["breaks", "--json"]);
    expect(after).toMatchObject({ status: 0 });
    expect(after.documents[0]).toMatchObject({
      open: [],
      settled: [{ reason: "their test order" }, { reason: "gateway" }],
    });
    expect((await merchant.rescue(["settle", "99", "--reason", "x"])).status).toBe(2);
  });

  test("refunds carry their own amount, in parts, also before their rescue was heard of; more than was rescued is a break", async () => {
    const merchant = await sentFive(shared);

    const applied = await apply(merchant, "r.csv", [
      { order: "o-1", status: "APPROVED" },
      { order: "o-1", status: "REFUNDED", amount: "500", at: "2026-11-22T10:00:00Z" },
      { order: "o-1", status: "REFUNDED", amount: "500", at: "2026-11-23T10:00:00Z" },
      { order: "o-2", status: "RETURNED" },
      { order: "o-2", status: "APPROVED" },
      { order: "o-3", status: "APPROVED" },
      { order: "o-3", status: "REFUNDED", amount: "2000" },
    ]);

    expect(applied.document).toMatchObject({ applied: 5, repeated: 1, breaks_by_code: { amount_mismatch: 1 } });
    expect(partsOf(applied.report)).toEqual({
      rescued: "2/3998",
      refunded: "2/2999",
      pending: "2/3998",
      unaccounted: "1/1999",
    });
  });

  test("late money is applied and a break", async () => {
    const merchant = await sentFive(shared);
    const late = await apply(merchant, "r.csv", [{ order: "o-1", status: "APPROVED", at: "2026-12-11T05:00:01Z" }]);

    expect(late.status).toBe(3);
    expect(late.document).toMatchObject({ applied: 1, breaks_by_code: { late_outcome: 1 } });
    expect(partsOf(late.report)).toEqual({ rescued: "1/1999", pending: "4/7996" });
  });

  test("silence to the end of the window and its grace of two days is presumed unrescued, whenever the report is made", async () => {
    const merchant = await sentFive(shared);
    await apply(merchant, "r.csv", [{ order: "o-1", status: "APPROVED" }]);
    const reportAt = async (asOf: string) =>
      (await merchant.rescue(["report", "--json", "--as-of", asOf])).documents[0] ?? {};

    // Declined 2026-11-20T05:00Z, so the window of 21 days and the grace end 2026-12-13T05:00Z.
    const before = await reportAt("2026-12-13T04:59:59Z");
    const after = await reportAt("2026-12-13T05:00:00Z");

    expect(before["as_of"]).toBe("2026-12-13T04:59:59Z");
    expect(partsOf(before)).toEqual({ rescued: "1/1999", pending: "4/7996" });
    expect(partsOf(after)).toEqual({ rescued: "1/1999", unrescued: "4/7996" });
    expect(after["currencies"][0].presumed_unrescued).toEqual({ count: 4, amount_minor: "7996" });
    const released = await merchant.rescue(["holds", "--list", "release", "--json", "--as-of", "2026-12-13T05:00:00Z"]);
    expect(released.documents[0]?.["holds"]).toHaveLength(4);
    const verdict = await apply(merchant, "late.csv", [
      { order: "o-2", status: "DECLINED", at: "2026-12-14T00:00:00Z" },
    ]);
    expect(verdict.status).toBe(0);
  });

  test("a new decline after an unrescued one is a new attempt, and old words do not touch it", async () => {
    const merchant = await sentFive(shared);
    await apply(merchant, "r1.csv", [{ order: "o-1", status: "DECLINED" }]);
    const again = [{ order: "o-1", transaction: "t-new", declinedAt: "2026-12-20T05:00:00Z" }];
    const night = ["--as-of", "2026-12-20T06:00:00Z"];
    const sent = await merchant.rescue([
      "submit",
      await merchant.writeExport("b.csv", exportOf(again)),
      "--json",
      ...night,
    ]);

    const repeated = await apply(merchant, "r2.csv", [{ order: "o-1", status: "DECLINED" }]);
    const rescued = await apply(merchant, "r3.csv", [
      { order: "o-1", session: "sk-2", status: "APPROVED", at: "2026-12-21T00:00:00Z" },
    ]);

    expect(sent.documents[0]).toMatchObject({ accepted: 1, skipped: 0 });
    expect(repeated.document).toMatchObject({ applied: 0, repeated: 1 });
    expect(partsOf(rescued.report)).toMatchObject({ rescued: "1/1999", unrescued: "1/1999" });
    expect(rescued.report["currencies"][0].submitted).toEqual({ count: 6, amount_minor: "11994" });
  });

  test("declined again while it is held: skipped, and a break that says so", async () => {
    const merchant = await sentFive(shared);
    const retried = exportOf([
      { order: "o-1", transaction: "t-retry" },
      { order: "o-new", transaction: "t-o-2" },
    ]);

    const sent = await merchant.rescue(["submit", await merchant.writeExport("b.csv", retried), "--json"]);

    expect(sent.status).toBe(3);
    expect(sent.documents[0]).toMatchObject({ accepted: 0, skipped: 2, skipped_by_code: { already_pending: 2 } });
    const breaks = await merchant.rescue(["breaks", "--json"]);
    expect(breaks.documents[0]).toMatchObject({
      breaks_by_code: { retried_while_held: 1 },
      open: [{ order_id: "o-1" }],
    });
  });
});
