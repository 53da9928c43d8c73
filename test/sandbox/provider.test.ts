import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../../src/domain/instant.ts";
import { flex } from "../../src/profiles/flex.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { batch, batchName, row } from "./batches.ts";
import { connect, makeFolder, onCleanup, START, start, USER_KEY } from "./raw-client.ts";
import { allResults, END, money, night, PLAIN, readResults, resultNames, submit } from "./results.ts";

describe("a whole life", () => {
  test("of three orders: sent over SFTP, taken, pending, rescued, expired and cancelled", async () => {
    // With this seed the third is cancelled and the first two are not; a stolen card is never rescued.
    const sandbox = await start({ shareRescued: 1, shareCancelled: 0.4, shareRefunded: 0, seed: "life-38" });
    const client = await connect(sandbox);
    const rows = [row(1), row(2, { "transaction.responseCode": "43", "transaction.currency": "EUR" }), row(3)];
    await client.put(`/inbound/${batchName(1)}.1.part`, batch(...rows));
    expect(await sandbox.advanceTo(START + HOUR_MS)).toEqual([]);

    await client.rename(`/inbound/${batchName(1)}.1.part`, `/inbound/${batchName(1)}`);
    const [taken] = await sandbox.advanceTo(START + 2 * HOUR_MS);
    expect(taken).toEqual({
      at: START + HOUR_MS,
      type: "file_taken",
      name: batchName(1),
      rows: 3,
      refusedRows: 0,
      totals: [...money(1, 1999, "EUR"), ...money(2, 3998)],
    });
    expect(await client.list("inbound")).toEqual([]);
    expect(readFileSync(join(sandbox.root, "taken", batchName(1)), "utf8")).toBe(batch(...rows));
    expect(sandbox.totals()).toMatchObject({ pending: [...money(1, 1999, "EUR"), ...money(2, 3998)] });

    await sandbox.advanceTo(END + DAY_MS);
    const names = await client.list("outbound");
    expect(names.slice(0, 3)).toEqual([
      "results_M1_20260310150000.csv",
      "results_M1_20260310220000.csv",
      "results_M1_20260311150000.csv",
    ]);
    const words = (orderId: string): string[] =>
      allResults(sandbox)
        .filter((result) => result.orderId === orderId)
        .map((result) => result.status);
    for (const [orderId, last] of [
      ["order-1", "APPROVED"],
      ["order-2", "EXPIRED"],
      ["order-3", "CANCELLED"],
    ] as const) {
      const said = words(orderId);
      expect(said.pop()).toBe(last);
      expect(new Set(said)).toEqual(new Set(["SUBMITTED"]));
    }
    expect(sandbox.totals()).toEqual({
      submitted: [...money(1, 1999, "EUR"), ...money(2, 3998)],
      rescued: money(1, 1999),
      pending: [],
      unrescued: money(1, 1999, "EUR"),
      cancelled: money(1, 1999),
      refunded: [],
    });
  });

  test("result files have the agreed header, one session key per order, and no temporary file beside them", async () => {
    const sandbox = await start(PLAIN);
    submit(sandbox, batch(row(1, { "transaction.responseCode": "43" })));
    await sandbox.advanceTo(START + DAY_MS);
    expect(resultNames(sandbox)).toEqual(["results_M1_20260310150000.csv", "results_M1_20260310220000.csv"]);
    const text = readFileSync(join(sandbox.outbound, "results_M1_20260310150000.csv"), "utf8");
    const [key] = allResults(sandbox).map((result) => result.orderSessionKey);
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(text).toBe(
      "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message\n" +
        `order-1,${key},SUBMITTED,1999,USD,2026-03-10T15:00:00Z,43,still trying\n`,
    );
    expect(new Set(allResults(sandbox).map((result) => result.orderSessionKey))).toEqual(new Set([key]));
    expect(readdirSync(sandbox.root).sort()).toEqual(["host_ed25519", "inbound", "outbound", "refused", "taken"]);
  });

  test("each final word is said once, never before it happened, and refunds after rescues", async () => {
    const sandbox = await start({
      shareRescued: 1,
      shareCancelled: 0.2,
      shareRefunded: 0.5,
      timezone: "America/New_York",
    });
    submit(sandbox, batch(...Array.from({ length: 60 }, (_, n) => row(n + 1))));
    await sandbox.advanceTo(END + 15 * DAY_MS);
    for (const name of resultNames(sandbox)) {
      const at = name.slice(11, 25);
      for (const result of readResults(sandbox, name)) {
        expect(result.processedAtUtc.replace(/\D/g, "").slice(0, 14) <= at).toBe(true);
      }
    }
    const finals = allResults(sandbox).filter((result) => result.status !== "SUBMITTED");
    const keys = finals.map((result) => `${result.orderId} ${result.status}`);
    expect(new Set(keys).size).toBe(keys.length);
    const refunds = finals.filter((result) => result.status === "REFUNDED");
    expect(refunds.length).toBeGreaterThan(10);
    for (const refund of refunds) {
      expect(keys.indexOf(`${refund.orderId} APPROVED`)).toBeLessThan(keys.indexOf(`${refund.orderId} REFUNDED`));
      expect([1999, 1000]).toContain(Number(refund.amount));
    }
    // What the files say in sum is what the provider believes.
    const totals = sandbox.totals();
    const said = (status: string) => {
      const rows = finals.filter((result) => result.status === status);
      return money(
        rows.length,
        rows.reduce((sum, result) => sum + Number(result.amount), 0),
      );
    };
    expect(totals.rescued).toEqual(said("APPROVED"));
    expect(totals.refunded).toEqual(said("REFUNDED"));
    expect(totals.cancelled).toEqual(said("CANCELLED"));
    expect(totals.pending).toEqual([]);
    expect(totals.submitted).toEqual(money(60, 60 * 1999));
  });

  test("silence at the end: pending to the last day, then never another word", async () => {
    const sandbox = await start({ ...PLAIN, atEnd: "silence" });
    submit(sandbox, batch(row(1, { "transaction.responseCode": "43" })));
    await sandbox.advanceTo(END + 5 * DAY_MS);
    expect(new Set(allResults(sandbox).map((result) => result.status))).toEqual(new Set(["SUBMITTED"]));
    expect(allResults(sandbox)).toHaveLength(42);
    expect(sandbox.totals().unrescued).toEqual(money(1, 1999));
  });

  test("nothing is written before the first order", async () => {
    const sandbox = await start();
    expect(await sandbox.advanceTo(START + 3 * DAY_MS)).toEqual([]);
    expect(resultNames(sandbox)).toEqual([]);
  });

  test("the clock does not go back", async () => {
    const sandbox = await start();
    await expect(sandbox.advanceTo(START - 1)).rejects.toThrow(RangeError);
    await expect(sandbox.advanceTo(Number.NaN)).rejects.toThrow(RangeError);
    expect(sandbox.now()).toBe(START);
  });

  test("result times are the given ones, and a time that is none is an error", async () => {
    const sandbox = await start({ ...PLAIN, resultTimes: ["09:30Z"] });
    submit(sandbox, night());
    await sandbox.advanceTo(START + 2 * DAY_MS);
    expect(resultNames(sandbox)).toEqual(["results_M1_20260310093000.csv", "results_M1_20260311093000.csv"]);
    await expect(start({ resultTimes: ["25:00Z"] })).rejects.toThrow("25:00Z");
  });
});

describe("taking", () => {
  test("at once: the file is gone when its rename is answered", async () => {
    const sandbox = await start({ takes: "at once" });
    const client = await connect(sandbox);
    await client.put(`inbound/${batchName(1)}.1.part`, night());
    expect(await client.list("inbound")).toEqual([`${batchName(1)}.1.part`]);
    await client.rename(`inbound/${batchName(1)}.1.part`, `inbound/${batchName(1)}`);
    expect(await client.list("inbound")).toEqual([]);
    expect(sandbox.events).toMatchObject([{ type: "file_taken", rows: 12 }]);
  });

  test("a file that is still open for writing waits, under whatever name", async () => {
    const sandbox = await start();
    const client = await connect(sandbox);
    const handle = await client.open("inbound/x.1.part", "wx");
    await client.write(handle, night().slice(0, 500), 0);
    await client.rename("inbound/x.1.part", `inbound/${batchName(1)}`);
    expect(await sandbox.advanceTo(START + 1)).toEqual([]);
    await client.write(handle, night().slice(500), 500);
    await client.close(handle);
    expect(await sandbox.advanceTo(START + 2)).toMatchObject([{ type: "file_taken", rows: 12 }]);
  });

  test("a file whose connection died is free again, and judged as it stands", async () => {
    const sandbox = await start();
    const client = await connect(sandbox);
    const handle = await client.open(`inbound/${batchName(1)}`, "wx");
    await client.write(handle, night().slice(0, -10), 0);
    client.sftp.end();
    await expect
      .poll(async () => (await sandbox.advanceTo(START + 1)).map((event) => event.type), { timeout: 5_000 })
      .toEqual(["file_refused"]);
    expect(sandbox.events).toMatchObject([{ reason: expect.stringContaining("cut off") }]);
  });

  test("where the profile has a trigger file, only with its trigger", async () => {
    const profile = { ...flex, delivery: { ...flex.delivery, trigger: "{name}.done" } };
    const sandbox = await start({ profile });
    const client = await connect(sandbox);
    await client.put(`inbound/${batchName(1)}`, night());
    expect(await sandbox.advanceTo(START)).toEqual([]);
    await client.put(`inbound/${batchName(1)}.done`, "");
    expect(await sandbox.advanceTo(START)).toMatchObject([{ type: "file_taken" }]);
    expect(await client.list("inbound")).toEqual([]);
  });

  test("without a merchant's id the first file tells it", async () => {
    const sandbox = await startSandbox({ folder: makeFolder(), userPublicKey: USER_KEY.public, startAt: START });
    onCleanup(() => sandbox.stop());
    submit(sandbox, batch(row(1, { mid: "M2" })), batchName(1, "M2"));
    await sandbox.advanceTo(START);
    submit(sandbox, batch(row(1)), batchName(1, "M1"));
    await sandbox.advanceTo(START + 10 * HOUR_MS);
    expect(sandbox.events.map((event) => event.type)).toEqual(["file_taken", "file_refused", "result_written"]);
    expect(resultNames(sandbox)).toEqual(["results_M2_20260310150000.csv"]);
  });
});

describe("stand-alone", () => {
  test("the clock runs by itself, and each order's window begins when it comes", async () => {
    // A simulated day takes 10 ms: half a second is far past the window of a first order.
    const sandbox = await start({ ...PLAIN, dayLengthMs: 10 });
    await expect.poll(() => sandbox.now(), { timeout: 10_000 }).toBeGreaterThan(END + 10 * DAY_MS);
    submit(sandbox, night());
    await expect.poll(() => sandbox.totals().rescued, { timeout: 10_000 }).toEqual(money(10, 19990));
    await expect.poll(() => sandbox.totals().unrescued, { timeout: 10_000 }).toEqual(money(2, 3998));
    // Told in the merchant's own time: within the window of each order.
    for (const { status, processedAtUtc } of allResults(sandbox)) {
      if (status !== "SUBMITTED") expect(Date.parse(processedAtUtc)).toBeLessThanOrEqual(END);
    }
    await sandbox.stop();
    const stoppedAt = sandbox.now();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(sandbox.now()).toBe(stoppedAt);
  });
});
