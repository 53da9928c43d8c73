import { afterEach, describe, expect, test } from "vitest";
import { bucketOf } from "../../src/domain/bucket.ts";
import { collect } from "../../src/pipeline/collect.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { settleBatch, settleBreak } from "../../src/pipeline/settle.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { buildReport } from "../../src/report/model.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const SEND = { dryRun: false, reason: "" };
async function send(context: PipelineContext, files: string[] = []) {
  return submit(context, files, SEND, createInboxMover(context));
}

/** A batch whose file is gone without a word: the answer to the rename was lost, and the provider took the file. */
async function makeUncertain(rows: number) {
  const merchant = await makeMerchant({
    isTaken: (path) => path.endsWith(".csv"),
    fault: ({ operation, number }) =>
      operation === "rename" && number < 20 ? { code: "remote_unreachable", when: "after" } : undefined,
  });
  merchants.push(merchant);
  const context = await merchant.open();
  await send(context, [await merchant.writeExport("a.csv", exportCsv(rows))]);
  expect((await context.ledger.batches("all"))[0]?.state).toBe("uncertain");
  return { merchant, context };
}

async function report(context: PipelineContext) {
  return buildReport({
    merchant: "acme",
    timezone: "UTC",
    attempts: context.ledger.attempts(),
    batches: await context.ledger.batches("all"),
    breaks: await context.ledger.breaks("all"),
    derived: [],
    now: context.clock.now(),
    window: context.profile.window,
  });
}

const APPROVED = (order: string, amount = 1999, currency = "USD") =>
  `${order},k-${order},APPROVED,${amount},${currency},2026-11-21T07:00:00Z,,`;

describe("a batch that a person settles", () => {
  test("as not delivered: its fresh rows go again under a new name, once", async () => {
    const { merchant, context } = await makeUncertain(2);
    const settled = await settleBatch(context, "1", "not_delivered", "the provider never saw it");
    expect(settled).toMatchObject({ replanned: 2, released: [], batch: { state: "failed" } });
    merchant.drop.taken.clear();
    await send(context);
    expect([...merchant.drop.taken.keys()]).toEqual(["/inbound/evaluate_mid-1_20261120060001_0002.csv"]);
    expect((await report(context)).currencies).toMatchObject([{ balanced: true, submitted: { count: 2 } }]);
  });

  test("as not delivered is refused once the provider has shown a result of it: it could charge twice", async () => {
    const { merchant, context } = await makeUncertain(2);
    merchant.drop.put("/outbound/r.csv", resultCsv(APPROVED("o-1")));
    await collect(context);
    await expect(settleBatch(context, "1", "not_delivered", "nobody saw it")).rejects.toMatchObject({ code: "usage" });
    expect((await context.ledger.batches("all"))[0]?.state).toBe("uncertain");
  });

  test("as delivered: the result rows that waited for it are applied", async () => {
    const { merchant, context } = await makeUncertain(2);
    await settleBatch(context, "1", "not_delivered", "the provider says so");
    // They were wrong: a result comes for what is planned to go again.
    merchant.drop.put("/outbound/r.csv", resultCsv(APPROVED("o-1")));
    await collect(context);
    expect((await reconcile(context)).breaks).toMatchObject([{ code: "delivery_uncertain", batchId: 2 }]);
    merchant.drop.taken.clear();
    await send(context);
    expect([...merchant.drop.taken.keys()]).toEqual([]);
    expect((await report(context)).currencies).toMatchObject([
      { balanced: true, submitted: { count: 2 }, unaccounted: { count: 2 } },
    ]);
    const settled = await settleBatch(context, "2", "delivered", "they have the first file after all");
    expect(settled.reconciliation).toMatchObject({ applied: 1 });
    expect((await report(context)).currencies).toMatchObject([
      { balanced: true, rescued: { count: 1 }, pending: { count: 1 } },
    ]);
  });

  test("a delivered batch cannot be settled", async () => {
    const merchant = await makeMerchant();
    merchants.push(merchant);
    const context = await merchant.open();
    await send(context, [await merchant.writeExport("a.csv", exportCsv(1))]);
    await expect(settleBatch(context, "1", "not_delivered", "x")).rejects.toMatchObject({ code: "usage" });
    await expect(settleBatch(context, "77", "delivered", "x")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a break that a person settles", () => {
  async function withResults(...rows: string[]) {
    const merchant = await makeMerchant();
    merchants.push(merchant);
    const context = await merchant.open();
    await send(context, [await merchant.writeExport("a.csv", exportCsv(1))]);
    const take = async (name: string, ...more: string[]) => {
      merchant.drop.put(`/outbound/${name}`, resultCsv(...more));
      await collect(context);
      return reconcile(context);
    };
    const { breaks } = await take("r1.csv", ...rows);
    const bucket = async () => {
      const [attempt] = await context.ledger.findAttempts([{ orderId: "o-1", transactionId: "t-1" }]);
      return attempt && bucketOf(attempt, context.clock.now(), context.profile.window).bucket;
    };
    return { context, breaks, take, bucket };
  }

  test("a mismatch is unaccounted until it is settled as what really happened", async () => {
    const { context, breaks, bucket } = await withResults(APPROVED("o-1", 1900));
    expect(breaks).toMatchObject([{ code: "amount_mismatch" }]);
    expect(await bucket()).toBe("unaccounted");
    await settleBreak(context, breaks[0]?.breakId ?? 0, "rescued", "the gateway shows 19.99");
    expect(await bucket()).toBe("rescued");
    expect((await report(context)).currencies).toMatchObject([{ balanced: true, rescued: { count: 1 } }]);
  });

  test("the same row again after the settlement is repeated, not a conflict with what the person said", async () => {
    const { context, breaks, take, bucket } = await withResults(APPROVED("o-1", 1999, "EUR"));
    await settleBreak(context, breaks[0]?.breakId ?? 0, "unrescued", "a test of theirs");
    expect(await take("r2.csv", APPROVED("o-1", 1999, "EUR"))).toMatchObject({ repeated: 1, breaks: [] });
    expect(await bucket()).toBe("unrescued");
  });

  test("refunds of more than was rescued: the money stays rescued when a person says so", async () => {
    const refund = "o-1,k-o-1,REFUNDED,2500,USD,2026-11-22T07:00:00Z,,";
    const { context, breaks, bucket } = await withResults(APPROVED("o-1"), refund);
    expect(breaks).toMatchObject([{ code: "amount_mismatch" }]);
    await settleBreak(context, breaks[0]?.breakId ?? 0, "rescued", "their refund was a typing error");
    expect(await bucket()).toBe("rescued");
  });

  test("a word that may not follow is refused, and nothing is changed", async () => {
    const { context, breaks } = await withResults(APPROVED("o-1"), "o-1,k-o-1,EXPIRED,1999,USD,2026-11-22T07:00:00Z,,");
    expect(breaks).toMatchObject([{ code: "conflicting_outcome" }]);
    const breakId = breaks[0]?.breakId ?? 0;
    await expect(settleBreak(context, breakId, "unrescued", "x")).rejects.toMatchObject({ code: "usage" });
    expect(await context.ledger.breaks("open")).toHaveLength(1);
    await settleBreak(context, breakId, undefined, "their EXPIRED was wrong");
    expect(await context.ledger.breaks("open")).toEqual([]);
  });
});
