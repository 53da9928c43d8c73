/**
 * A server that takes each file at once, while the answer to its rename is lost: nobody can tell whether it arrived. What
 * settles it is evidence or a person, and never sending it again.
 */
import { afterEach, describe, expect, test } from "vitest";
import { collect } from "../../src/pipeline/collect.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { recordSilence } from "../../src/pipeline/record-silence.ts";
import { settleBatch } from "../../src/pipeline/settle.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { buildReport } from "../../src/report/model.ts";
import { buildStatus, renderStatusText } from "../../src/report/status.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const DAY = 86_400_000;
const NAME = "evaluate_mid-1_20261120060000_0001.csv";
const send = (context: PipelineContext, files: string[] = []) =>
  submit(context, files, { dryRun: false, reason: "" }, createInboxMover(context));

/** Three rebills, the first declined a day before the others, in a batch that vanished at its rename. */
async function vanished() {
  const server = { losesAnswers: true };
  const merchant = await makeMerchant({
    isTaken: (path) => path.endsWith(".csv"),
    fault: ({ operation }) =>
      server.losesAnswers && operation === "rename" ? { code: "remote_unreachable", when: "after" } : undefined,
  });
  merchants.push(merchant);
  const context = await merchant.open();
  const csv = exportCsv(3).replace("o-1,t-1,s-1,c-1,2026-11-20", "o-1,t-1,s-1,c-1,2026-11-19");
  const sent = await send(context, [await merchant.writeExport("a.csv", csv)]);
  expect(sent.batches.map((batch) => batch.state)).toEqual(["uncertain"]);
  expect([...merchant.drop.taken.keys()]).toEqual([`/inbound/${NAME}`]);
  server.losesAnswers = false;
  return { merchant, context };
}

async function reportOf(context: PipelineContext) {
  const { ledger } = context;
  const report = await buildReport({
    merchant: "acme",
    timezone: "UTC",
    attempts: ledger.attempts(),
    batches: await ledger.batches("all"),
    breaks: await ledger.breaks("all"),
    derived: [],
    now: context.clock.now(),
    window: context.profile.window,
  });
  return report.currencies[0];
}

const ordersOf = (bytes: Buffer | undefined) =>
  (bytes?.toString().trimEnd().split("\n").slice(1) ?? []).map((line) => line.split(",")[5]);

describe("a batch that vanished at its rename", () => {
  test("is not sent again, however often the program runs and whatever export comes, and its money is unaccounted", async () => {
    const { merchant, context } = await vanished();
    for (const name of ["b.csv", "c.csv"]) {
      const again = await send(context, [await merchant.writeExport(name, exportCsv(3))]);
      expect(again.exports[0]).toMatchObject({ accepted: 0, skippedByCode: { already_pending: 3 } });
      expect(again.batches.map((batch) => batch.state)).toEqual(["uncertain"]);
    }
    expect(merchant.drop.taken.size).toBe(1);
    expect(await reportOf(context)).toMatchObject({
      submitted: { count: 3, amountMinor: 5997n },
      unaccounted: { count: 3, amountMinor: 5997n },
      balanced: true,
    });
  });

  test("status says where to look, what lies there if it arrived, and what to type then", async () => {
    const { context } = await vanished();
    const { ledger } = context;
    const [batch] = await ledger.batches("unfinished");
    const status = await buildStatus({
      merchant: "acme",
      attempts: ledger.attempts(),
      batches: await ledger.batches("unfinished"),
      runs: [],
      collections: [],
      lockHolder: undefined,
      inbound: "/inbound",
      places: [],
      now: context.clock.now(),
      window: context.profile.window,
    });
    const text = renderStatusText(status);
    for (const words of [
      `look at    /inbound/${NAME}`,
      `and at     /inbound/${NAME}.1.part`,
      "both names are gone",
      `${batch?.content?.sizeBytes} bytes`,
      "3 rows, USD 59.97",
      batch?.content?.sha256 ?? "?",
      `rescue settle ${NAME} --delivered --reason "…" --merchant acme`,
      `rescue settle ${NAME} --not-delivered --reason "…" --merchant acme`,
    ]) {
      expect(text.replaceAll(/(\d),(\d)/g, "$1$2")).toContain(words);
    }
  });

  test("a later result row settles it by itself: delivered, applied, and nothing left to do", async () => {
    const { merchant, context } = await vanished();
    expect(await recordSilence(context)).toMatchObject([{ code: "delivery_uncertain", batchId: 1 }]);
    merchant.drop.put("/outbound/r.csv", resultCsv("o-2,k2,APPROVED,1999,USD,2026-11-21T07:00:00Z,,"));
    await collect(context);
    expect(await reconcile(context)).toMatchObject({ rows: 1, applied: 1, breaks: [] });
    expect(await context.ledger.findBatch("1")).toMatchObject({ state: "delivered" });
    expect(await context.ledger.breaks("open")).toEqual([]);
    expect(await reportOf(context)).toMatchObject({ rescued: { count: 1 }, pending: { count: 2 }, balanced: true });
    await send(context);
    expect(merchant.drop.taken.size).toBe(1);
  });

  test("a row of an order that was never ours settles nothing", async () => {
    const { merchant, context } = await vanished();
    merchant.drop.put("/outbound/r.csv", resultCsv("o-99,k9,APPROVED,1999,USD,2026-11-21T07:00:00Z,,"));
    await collect(context);
    expect(await reconcile(context)).toMatchObject({ applied: 0, breaks: [{ code: "unknown_order" }] });
    expect(await context.ledger.findBatch("1")).toMatchObject({ state: "uncertain" });
  });

  test("settled as delivered: its rows are pending, with the reason on record", async () => {
    const { merchant, context } = await vanished();
    await recordSilence(context);
    await settleBatch(context, NAME, "delivered", "their ticket 4711");
    expect(await context.ledger.findBatch("1")).toMatchObject({
      state: "delivered",
      detail: "settled as delivered: their ticket 4711",
    });
    expect(await context.ledger.breaks("open")).toEqual([]);
    expect(await reportOf(context)).toMatchObject({ pending: { count: 3, amountMinor: 5997n }, balanced: true });
    await send(context);
    expect(merchant.drop.taken.size).toBe(1);
  });

  test("settled as not delivered: the fresh rows go again under a new name, the late one is named with its money", async () => {
    const { merchant, context } = await vanished();
    await recordSilence(context);
    merchant.now += DAY;
    const settled = await settleBatch(context, "1", "not_delivered", "never seen, says their ticket 4711");
    expect(settled).toMatchObject({
      batch: { state: "failed", detail: "settled as not delivered: never seen, says their ticket 4711" },
      replanned: 2,
      released: [{ orderId: "o-1", amountMinor: 1999, currency: "USD" }],
    });
    expect(await context.ledger.breaks("open")).toEqual([]);
    merchant.drop.taken.clear();

    await send(context);
    const [[path, file] = ["", undefined]] = [...merchant.drop.taken];
    expect(path).toMatch(/_0002\.csv$/);
    expect(ordersOf(file?.bytes)).toEqual(["o-2", "o-3"]);
    expect(await reportOf(context)).toMatchObject({
      submitted: { count: 2 },
      pending: { count: 2, amountMinor: 3998n },
      released: { count: 1, amountMinor: 1999n },
      balanced: true,
    });
    await send(context);
    expect(merchant.drop.taken.size).toBe(1);
  });

  test("settled as not delivered when every row is late: all are named, and nothing goes again", async () => {
    const { merchant, context } = await vanished();
    merchant.now += 5 * DAY;
    const { replanned, released } = await settleBatch(context, "1", "not_delivered", "found out too late");
    expect(replanned).toBe(0);
    expect(released.map(({ orderId, amountMinor }) => `${orderId} ${amountMinor}`)).toEqual([
      "o-1 1999",
      "o-2 1999",
      "o-3 1999",
    ]);
    await send(context);
    expect(merchant.drop.taken.size).toBe(1);
  });

  test("a released row that the provider collects all the same is a finding, and is not sent again", async () => {
    const { merchant, context } = await vanished();
    merchant.now += 5 * DAY;
    await settleBatch(context, "1", "not_delivered", "they were wrong");
    merchant.drop.put("/outbound/r.csv", resultCsv("o-1,k1,APPROVED,1999,USD,2026-11-25T07:00:00Z,,"));
    await collect(context);
    expect((await reconcile(context)).breaks).toMatchObject([{ code: "delivery_uncertain", orderId: "o-1" }]);
  });
});
