/** What is read afterwards: report in every format, holds, explain, status. None of it needs a server or takes the lock. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exportOf, type MerchantFolder, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

const missing = openSshMissing();

const LATER = ["--as-of", "2026-11-22T06:00:00Z"];
/** Sent and not heard of: declined_at + 21 d + 2 d of grace. */
const HELD_UNTIL = "2026-12-13T05:00:00Z";

describe.skipIf(missing !== undefined)("after a night with results", () => {
  const shared = shareServer();
  let merchant: MerchantFolder;

  beforeAll(async () => {
    merchant = await shared.make();
    await merchant.writeExport(
      "night.csv",
      exportOf([
        { order: "usd-paid", amount: "100.00" },
        { order: "usd-back", amount: "50.00" },
        { order: "usd-gone", amount: "10.50" },
        { order: "usd-wait", amount: "0.99" },
        { order: "jpy-paid", amount: "1980", currency: "JPY", code: "05" },
        { order: "kwd-stop", amount: "1.234", currency: "KWD" },
        { order: "kwd-odd", amount: "2.000", currency: "KWD" },
      ]),
    );
    expect((await merchant.rescue(["run"])).status).toBe(0);
    await merchant.writeResults(
      "results.csv",
      resultsOf([
        { order: "usd-paid", status: "APPROVED", amount: "10000" },
        { order: "usd-back", status: "APPROVED", amount: "5000" },
        { order: "usd-back", status: "REFUNDED", amount: "1250", at: "2026-11-21T12:00:00Z" },
        { order: "usd-gone", status: "DECLINED", amount: "1050" },
        { order: "jpy-paid", status: "COMPLETED", amount: "1980", currency: "JPY" },
        { order: "kwd-stop", status: "CANCELLED", amount: "1234", currency: "KWD" },
        { order: "kwd-odd", status: "APPROVED", amount: "2001", currency: "KWD" },
      ]),
    );
    expect((await merchant.rescue(["run", ...LATER])).status).toBe(3);
  });

  test("the report's document has every figure, as strings of minor units", async () => {
    const report = await merchant.rescue(["report", "--json", ...LATER]);

    const part = (count: number, amount_minor: string) => ({ count, amount_minor });
    const none = part(0, "0");
    expect(report.status).toBe(3);
    expect(report.documents).toHaveLength(1);
    expect(report.documents[0]).toMatchObject({
      type: "report",
      schema: 1,
      merchant: "acme",
      exit_status: 3,
      as_of: "2026-11-22T06:00:00Z",
      breaks_by_code: { amount_mismatch: 1 },
      currencies: [
        {
          currency: "JPY",
          submitted: part(1, "1980"),
          rescued: part(1, "1980"),
          pending: none,
          unrescued: none,
          cancelled: none,
          unaccounted: none,
          refunded: none,
          charged_back: none,
          balanced: true,
        },
        {
          currency: "KWD",
          submitted: part(2, "3234"),
          rescued: none,
          pending: none,
          unrescued: none,
          cancelled: part(1, "1234"),
          unaccounted: part(1, "2000"),
          refunded: none,
          charged_back: none,
          balanced: true,
        },
        {
          currency: "USD",
          submitted: part(4, "16149"),
          rescued: part(2, "15000"),
          pending: part(1, "99"),
          unrescued: part(1, "1050"),
          cancelled: none,
          unaccounted: none,
          refunded: part(1, "1250"),
          charged_back: none,
          balanced: true,
        },
      ],
    });
    const asFormat = await merchant.rescue(["report", "--format", "json", ...LATER]);
    expect(JSON.parse(asFormat.stdout)).toEqual(report.documents[0]);
  });

  test("text answers first, csv has a row for each part, html is one page without a script", async () => {
    const text = await merchant.rescue(["report", ...LATER]);
    const csv = await merchant.rescue(["report", "--format", "csv", ...LATER]);
    const file = join(merchant.folder, "report.html");
    const html = await merchant.rescue(["report", "--format", "html", "--output", file, ...LATER]);

    expect(text.status).toBe(3);
    expect(text.stdout).toContain("USD 150.00 rescued of 161.49 submitted (92.8 %); balanced: yes");
    expect(text.stdout).toContain("JPY 1,980 rescued of 1,980 submitted (100.0 %); balanced: yes");
    expect(text.stdout).toContain("KWD 0.000 rescued of 3.234 submitted (0.0 %); balanced: yes");
    const rows = csv.stdout.trimEnd().split(/\r?\n/);
    expect(rows[0]).toBe("merchant,as_of,currency,part,count,amount,amount_minor,balanced");
    for (const row of [
      "KWD,cancelled,1,1.234,1234,yes",
      "KWD,unaccounted,1,2.000,2000,yes",
      "JPY,rescued,1,1980,1980,yes",
      "USD,refunded,1,12.50,1250,yes",
    ]) {
      expect(rows).toContain(`acme,2026-11-22T06:00:00Z,${row}`);
    }
    expect(html).toMatchObject({ status: 3, stdout: "" });
    const page = await readFile(file, "utf8");
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).not.toMatch(/<script|https?:\/\//i);
    expect(page).toContain("150.00");
  });

  test("the day's report lies in the data folder for who reads it in the morning", async () => {
    const folder = join(merchant.data, "reports", "2026-11-22");
    expect((await readdir(folder)).toSorted()).toEqual([
      "holds.csv",
      "report.csv",
      "report.html",
      "report.json",
      "report.txt",
    ]);
    expect(await readFile(join(folder, "report.txt"), "utf8")).toContain("USD 150.00 rescued of 161.49");
  });

  test("holds: what waits or is not understood is held, what came to nothing is released, what was collected is paid", async () => {
    const all = await merchant.rescue(["holds", ...LATER]);
    const release = await merchant.rescue(["holds", "--list", "release", ...LATER]);
    const json = await merchant.rescue(["holds", "--list", "hold", "--json", ...LATER]);

    expect(all.status).toBe(0);
    const [header, ...rows] = all.stdout.trimEnd().split(/\r?\n/);
    expect(header).toBe("merchant,list,subscription_id,customer_id,order_id,currency,amount,hold_until,state,reason");
    expect(rows.map((row) => row.split(",").slice(0, 9).join(",")).toSorted()).toEqual([
      "acme,hold,s-kwd-odd,c-kwd-odd,kwd-odd,KWD,2.000,,unaccounted",
      `acme,hold,s-usd-wait,c-usd-wait,usd-wait,USD,0.99,${HELD_UNTIL},pending`,
      "acme,paid,s-jpy-paid,c-jpy-paid,jpy-paid,JPY,1980,,rescued",
      "acme,paid,s-usd-back,c-usd-back,usd-back,USD,50.00,,refunded",
      "acme,paid,s-usd-paid,c-usd-paid,usd-paid,USD,100.00,,rescued",
      "acme,release,s-kwd-stop,c-kwd-stop,kwd-stop,KWD,1.234,,cancelled",
      "acme,release,s-usd-gone,c-usd-gone,usd-gone,USD,10.50,,unrescued",
    ]);
    expect(release.stdout.trimEnd().split(/\r?\n/)).toHaveLength(3);
    expect(json.documents).toMatchObject([
      {
        type: "holds",
        schema: 1,
        merchant: "acme",
        exit_status: 0,
        list: "hold",
        holds: [
          { order_id: "usd-wait", amount_minor: "99", hold_until: HELD_UNTIL },
          { order_id: "kwd-odd", amount_minor: "2000", hold_until: null },
        ],
      },
    ]);
  });

  test("explain tells an order's story from its line in the export to its last word; an unknown one is 2", async () => {
    const told = await merchant.rescue(["explain", "usd-back", ...LATER]);
    const json = await merchant.rescue(["explain", "usd-back", "--json", ...LATER]);
    const [batch] = await merchant.delivered();

    expect(told.status).toBe(0);
    const flat = told.stdout.replace(/\s+/g, " ");
    for (const words of [
      "night.csv, line 3",
      batch?.name ?? "",
      "USD 50.00",
      "results.csv:3",
      "results.csv:4",
      "USD 12.50",
    ]) {
      expect(flat).toContain(words);
    }
    expect(json.documents[0]).toMatchObject({
      type: "explanation",
      order_id: "usd-back",
      attempts: [
        {
          attempt: 1,
          currency: "USD",
          amount_minor: "5000",
          batch_name: batch?.name,
          bucket: "rescued",
          state: "refunded",
        },
      ],
    });
    const unknown = await merchant.rescue(["explain", "usd-nobody", "--json"]);
    expect(unknown).toMatchObject({ status: 2, stdout: "" });
    expect(unknown.errors[0]).toMatchObject({ code: "not_found", merchant: "acme" });
  });

  test("status says what is pending, what ran and what is open; breaks say what to type", async () => {
    const status = await merchant.rescue(["status", "--json", ...LATER]);
    const breaks = await merchant.rescue(["breaks", ...LATER]);

    expect(status.status).toBe(3);
    expect(status.documents[0]).toMatchObject({
      type: "status",
      schema: 1,
      merchant: "acme",
      exit_status: 3,
      open_breaks: 1,
      uncertain: [],
      unfinished: [],
      lock: null,
      pending: [{ currency: "USD", count: 1, amount_minor: "99" }],
      unaccounted: [{ currency: "KWD", count: 1, amount_minor: "2000" }],
      last_runs: [
        { command: "run", exit_status: 3 },
        { command: "run", exit_status: 0 },
      ],
    });
    expect(breaks.status).toBe(3);
    expect(breaks.stdout).toMatch(/rescue settle \d+ --as rescued --reason "…" --merchant acme/);
  });

  test("looking changes nothing and asks no server", async () => {
    const logged = shared.server.log();
    const before = await merchant.rescue(["status", "--json", ...LATER]);
    for (const args of [["report"], ["holds"], ["breaks"], ["explain", "usd-paid"]])
      await merchant.rescue([...args, ...LATER]);

    expect((await merchant.rescue(["status", "--json", ...LATER])).documents).toEqual(before.documents);
    expect(shared.server.log()).toBe(logged);
  });
});
