import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DAY_MS } from "../../src/domain/instant.ts";
import { batch, batchName, HEADER, row } from "./batches.ts";
import { makeFolder, START, start } from "./raw-client.ts";
import { allResults, END, money, night, PLAIN, submit } from "./results.ts";

describe("a file is refused", () => {
  const longFile = batch(...Array.from({ length: 2001 }, (_, n) => row(n + 1)));
  test.each([
    ["under another name", night(), "declines.csv", "name"],
    ["with another merchant's id in its name", night(), batchName(1, "M9"), "name"],
    ["with a short time in its name", night(), "evaluate_M1_202603100600_0001.csv", "name"],
    ["with more rows than agreed", longFile, batchName(1), "2001 rows, at most 2000"],
    ["without rows", `${HEADER}\n`, batchName(1), "no rows"],
    ["when it is empty", "", batchName(1), "header"],
    ["with columns in another order", night().replace("mid,isDeclined", "isDeclined,mid"), batchName(1), "header"],
    ["with a column missing", night().replaceAll(/,[^,\n]*\n/g, "\n"), batchName(1), "header"],
    ["with a byte order mark", `\ufeff${night()}`, batchName(1), "header"],
    ["with other line ends", night().replaceAll("\n", "\r\n"), batchName(1), "header"],
    ["without its last line end", night().slice(0, -1), batchName(1), "cut off"],
    ["with a short row", `${night()}1,2,3\n`, batchName(1), "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH"],
    ["with a quote that never ends", night().replace('later"', "later"), batchName(1), "well-formed CSV"],
    ["when it does not count from 1", batch(row(2), row(3)), batchName(1), "sequenceNumber"],
    ["when it counts with a gap", batch(row(1), row(3)), batchName(1), "sequenceNumber"],
    ["with another merchant's row", batch(row(1), row(2, { mid: "M2" })), batchName(1), "mid"],
  ])("%s", async (_, text, name, reason) => {
    const sandbox = await start();
    submit(sandbox, text, name);
    const events = await sandbox.advanceTo(START + DAY_MS);
    expect(events).toEqual([{ at: START, type: "file_refused", name, reason: expect.stringContaining(reason) }]);
    expect(readdirSync(sandbox.inbound)).toEqual([]);
    expect(readFileSync(join(sandbox.root, "refused", name), "utf8")).toBe(text);
    expect(readFileSync(join(sandbox.root, "refused", `${name}.reason.txt`), "utf8")).toContain(reason);
    expect(sandbox.totals().submitted).toEqual([]);
  });

  test("that is not UTF-8", async () => {
    const sandbox = await start();
    writeFileSync(join(sandbox.inbound, batchName(1)), Buffer.from(night().replace("tok_5f2a", "tok_\xe9"), "latin1"));
    expect(await sandbox.advanceTo(START)).toMatchObject([{ type: "file_refused", reason: "the file is not UTF-8" }]);
  });

  test.each(["payer.id", "transaction.responseDescription"])(
    "and deleted, with a card number in %s",
    async (column) => {
      const sandbox = await start();
      submit(sandbox, batch(row(1), row(2, { [column]: "4111 1111 1111 1111" })));
      const events = await sandbox.advanceTo(START);
      expect(events).toMatchObject([{ type: "file_refused", reason: "line 3 holds what looks like a card number" }]);
      expect(readdirSync(sandbox.inbound)).toEqual([]);
      expect(readdirSync(join(sandbox.root, "refused"))).toEqual([`${batchName(1)}.reason.txt`]);
      expect(JSON.stringify(sandbox.events)).not.toContain("1111");
    },
  );

  test.each(["good", "bad"])("when a %s file of this name came before, also before a restart", async (kind) => {
    const folder = makeFolder();
    const sandbox = await start({ folder });
    const again = { at: START, type: "file_refused", name: batchName(1), reason: "a file of this name came before" };
    submit(sandbox, kind === "good" ? night() : "bad");
    await sandbox.advanceTo(START);
    submit(sandbox, night());
    expect(await sandbox.advanceTo(START)).toEqual([again]);
    await sandbox.stop();
    const restarted = await start({ folder });
    submit(restarted, night());
    expect(await restarted.advanceTo(START)).toEqual([again]);
    expect(readdirSync(join(folder, "refused")).length).toBe(kind === "good" ? 4 : 6);
  });
});

describe("a row is refused", () => {
  test.each<[string, Record<string, string> & { readonly orderId?: string }, string]>([
    ["without the declined flag", { isDeclined: "false" }, "isDeclined must be true"],
    ["without the MIT flag", { isMIT: "" }, "isMIT must be true"],
    ["without the recurring flag", { isRecurring: "TRUE" }, "isRecurring must be true"],
    ["whose card is not a token", { "paymentMethod.Token": "false" }, "paymentMethod.Token must be true"],
    ["without an order id", { orderId: "" }, "orderId is empty"],
    ["without a token", { "paymentMethod.cardNumber": "" }, "paymentMethod.cardNumber is empty"],
    ["of nothing", { "transaction.amount": "0" }, "amount"],
    ["of less than nothing", { "transaction.amount": "-5" }, "amount"],
    ["in major units", { "transaction.amount": "19.99" }, "amount"],
    ["in an unknown currency", { "transaction.currency": "USX" }, "currency"],
    ["with a short window", { expiryDateUtc: "2026-03-23T22:09:59Z" }, "window is shorter than 14d"],
    ["with a time without a zone", { "transaction.timestampUtc": "2026-03-09T22:10:00" }, "UTC in the agreed form"],
    ["with a day that is none", { expiryDateUtc: "2026-04-31T22:10:00Z" }, "UTC in the agreed form"],
    [
      "declined the day before yesterday",
      { "transaction.timestampUtc": "2026-03-08T23:59:59Z" },
      "declined 2 days ago",
    ],
    ["declined tomorrow", { "transaction.timestampUtc": "2026-03-11T00:00:00Z" }, "future"],
    ["whose order is in this file already", { orderId: "order-1" }, "this order is still in its window"],
    ["whose transaction is in this file already", { "transaction.id": "tx-1" }, "this transaction is still"],
  ])("%s, and the others of its file are taken", async (_, cells, reason) => {
    const sandbox = await start();
    submit(sandbox, batch(row(1), row(2, cells), row(3)));
    const events = await sandbox.advanceTo(START);
    expect(events).toMatchObject([
      { type: "file_taken", rows: 2, refusedRows: 1, totals: money(2, 3998) },
      { type: "row_refused", name: batchName(1), row: 2, orderId: cells.orderId ?? "order-2" },
    ]);
    const [, refused] = events;
    expect(refused?.type === "row_refused" && refused.reasons.join("; ")).toContain(reason);
    expect(sandbox.totals().submitted).toEqual(money(2, 3998));
  });

  test("for a decline's age in the provider's zone, and no further than it allows", async () => {
    const cells = { "transaction.timestampUtc": "2026-03-09T03:30:00Z" };
    for (const [options, rows] of [
      // In New York that is the 8th, and now is the 10th.
      [{ timezone: "America/New_York" }, 0],
      [{ timezone: "UTC" }, 1],
      [{ timezone: "America/New_York", maxAgeDays: 2 }, 1],
    ] as const) {
      const sandbox = await start(options);
      submit(sandbox, batch(row(1, cells)));
      expect(await sandbox.advanceTo(START)).toMatchObject([{ type: "file_taken", rows }, {}].slice(0, 2 - rows));
    }
  });

  test("when it was rescued before; after an unrescued end it is taken as a new attempt", async () => {
    const sandbox = await start(PLAIN);
    submit(sandbox, batch(row(1), row(2, { "transaction.responseCode": "43" })));
    await sandbox.advanceTo(END + DAY_MS);
    const again = {
      "transaction.timestampUtc": "2026-03-31T12:00:00Z",
      expiryDateUtc: "2026-04-21T12:00:00Z",
    };
    const rows = [1, 2].map((n) => row(n, { ...again, "transaction.id": `tx-${n}b` }));
    submit(sandbox, batch(...rows), batchName(2));
    const events = await sandbox.advanceTo(END + 24 * DAY_MS);
    expect(events.filter((event) => event.type !== "result_written")).toMatchObject([
      { type: "file_taken", rows: 1 },
      { type: "row_refused", orderId: "order-1", reasons: ["this order has been rescued already"] },
    ]);
    const keys = allResults(sandbox).filter((result) => result.orderId === "order-2");
    expect(new Set(keys.map((result) => result.orderSessionKey)).size).toBe(2);
    expect(sandbox.totals()).toMatchObject({ submitted: money(3, 5997), rescued: money(2, 3998) });
  });
});
