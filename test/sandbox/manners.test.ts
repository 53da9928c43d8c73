import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../../src/domain/instant.ts";
import { ORDERS_PER_MANNER } from "../../src/sandbox/manners.ts";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/sandbox.ts";
import { START, start } from "./raw-client.ts";
import { allResults, END, money, night, PLAIN, readResults, resultNames, submit } from "./results.ts";

describe("bad manners", () => {
  async function live(options: Partial<SandboxOptions>) {
    const sandbox = await start({ ...PLAIN, ...options });
    submit(sandbox, night());
    await sandbox.advanceTo(END + 5 * DAY_MS);
    return sandbox;
  }
  const hitBy = (sandbox: Sandbox, manner: string): string[] =>
    sandbox.events.flatMap((event) => (event.type === "manner" && event.manner === manner ? [event.orderId] : []));
  const honest = { rescued: money(10, 19990), unrescued: money(2, 3998), pending: [] };

  test("without any, nobody is hit", async () => {
    const sandbox = await live({});
    expect(sandbox.events.filter((event) => event.type === "manner")).toEqual([]);
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("cumulative: every file repeats all words since the beginning", async () => {
    const sandbox = await live({ manners: ["cumulative"] });
    const names = resultNames(sandbox);
    expect(readResults(sandbox, names.at(-1) ?? "")).toHaveLength(12);
    const told = new Set<string>();
    for (const name of names) {
      const finals = readResults(sandbox, name).filter((result) => result.status !== "SUBMITTED");
      const here = new Set(finals.map((result) => JSON.stringify(result)));
      expect(told.isSubsetOf(here)).toBe(true);
      for (const word of here) told.add(word);
    }
    expect(told.size).toBe(12);
  });

  test("repeat: every file comes again under another name", async () => {
    const sandbox = await live({ manners: ["repeat"] });
    const names = resultNames(sandbox);
    expect(names.slice(0, 2)).toEqual(["results_M1_20260310150000.csv", "results_M1_20260310150001.csv"]);
    for (let n = 0; n < names.length; n += 2) {
      const [one, two] = names.slice(n, n + 2).map((name) => readFileSync(join(sandbox.outbound, name), "utf8"));
      expect(two).toBe(one);
    }
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("unknownOrder: an order nobody sent is approved", async () => {
    const sandbox = await live({ manners: ["unknownOrder"] });
    const [orderId] = hitBy(sandbox, "unknownOrder");
    const rows = allResults(sandbox).filter((result) => result.orderId === orderId);
    expect(rows.length).toBeGreaterThan(1);
    expect(rows[0]?.status).toBe("APPROVED");
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("wrongAmount: a few orders are approved with a cent too many", async () => {
    const sandbox = await live({ manners: ["wrongAmount"] });
    const approved = allResults(sandbox).filter((result) => result.status === "APPROVED");
    const wrong = approved.filter((result) => result.amount === "2000").map((result) => result.orderId);
    expect(wrong).toHaveLength(ORDERS_PER_MANNER);
    expect(wrong).toEqual(hitBy(sandbox, "wrongAmount"));
    expect(approved.filter((result) => result.amount === "1999")).toHaveLength(10 - ORDERS_PER_MANNER);
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("contradiction: a few approved orders are unrescued in the file after", async () => {
    const sandbox = await live({ manners: ["contradiction"] });
    const hit = hitBy(sandbox, "contradiction");
    expect(hit).toHaveLength(ORDERS_PER_MANNER);
    const names = resultNames(sandbox);
    for (const orderId of hit) {
      const told = (status: string): number[] =>
        names.flatMap((name, index) =>
          readResults(sandbox, name).some((row) => row.orderId === orderId && row.status === status) ? [index] : [],
        );
      const [approvedIn = -1, ...more] = told("APPROVED");
      expect(more).toEqual([]);
      expect(told("EXPIRED")).toEqual([approvedIn + 1]);
    }
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("late: a few orders are approved after their window, and that money counts", async () => {
    const sandbox = await live({ manners: ["late"] });
    const hit = hitBy(sandbox, "late");
    expect(hit).toEqual(["order-11", "order-12"]);
    for (const orderId of hit) {
      const finals = allResults(sandbox).filter((row) => row.orderId === orderId && row.status !== "SUBMITTED");
      expect(finals).toMatchObject([{ status: "APPROVED", processedAtUtc: "2026-03-31T22:10:00Z" }]);
    }
    expect(sandbox.totals()).toMatchObject({ rescued: money(12, 23988), unrescued: [], pending: [] });
  });

  test("unterminated: half a file first, cut in the middle of a line, and the whole one at the next step", async () => {
    const sandbox = await start({ ...PLAIN, manners: ["unterminated"] });
    submit(sandbox, night());
    const events = await sandbox.advanceTo(START + 10 * HOUR_MS);
    expect(events).toMatchObject([{ type: "file_taken" }, { type: "result_written", complete: false }]);
    const [name = ""] = resultNames(sandbox);
    const half = readFileSync(join(sandbox.outbound, name), "utf8");
    expect(half).not.toMatch(/\n$/);
    expect(await sandbox.advanceTo(sandbox.now())).toMatchObject([{ type: "result_written", name, complete: true }]);
    const whole = readFileSync(join(sandbox.outbound, name), "utf8");
    expect(whole.startsWith(half)).toBe(true);
    expect(readResults(sandbox, name)).toHaveLength(12);
  });

  test("silent: every second file is missing, and nothing is lost by it", async () => {
    const sandbox = await live({ manners: ["silent"] });
    const withheld = sandbox.events.filter((event) => event.type === "result_withheld");
    expect(Math.abs(withheld.length - resultNames(sandbox).length)).toBeLessThanOrEqual(1);
    expect(existsSync(join(sandbox.outbound, "results_M1_20260310220000.csv"))).toBe(false);
    const finals = allResults(sandbox).filter((result) => result.status !== "SUBMITTED");
    expect(finals).toHaveLength(12);
    expect(sandbox.totals()).toMatchObject(honest);
  });

  test("together: no order is hit twice", async () => {
    const sandbox = await live({ manners: ["wrongAmount", "contradiction", "late", "cumulative", "repeat"] });
    const hit = sandbox.events.flatMap((event) => (event.type === "manner" ? [event.orderId] : []));
    expect(hit).toHaveLength(8);
    expect(new Set(hit).size).toBe(8);
  });
});
