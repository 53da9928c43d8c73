/** Result rows that ran into an unproven delivery are applied once it is proven, however that comes about. */
import { afterEach, describe, expect, test } from "vitest";
import { collect } from "../../src/pipeline/collect.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { settleBatch } from "../../src/pipeline/settle.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { EXPORT_HEADER, exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const SEND = { dryRun: false, reason: "" };
const send = (context: PipelineContext, files: string[] = []) =>
  submit(context, files, SEND, createInboxMover(context));
const rowFor = (order: string, status: string, at: string) => `${order},,${status},1999,USD,${at},,`;

/**
 * o-1 came back unrescued and was declined anew; its second sending is in a batch whose file vanished at the rename,
 * together with o-2. A row for o-1 alone proves nothing: the provider may speak of the first sending.
 */
async function sentAgainInDoubt() {
  let losesAnswers = false;
  const merchant = await makeMerchant({
    isTaken: (path) => losesAnswers && path.endsWith(".csv"),
    fault: ({ operation }) =>
      losesAnswers && operation === "rename" ? { code: "remote_unreachable", when: "after" } : undefined,
  });
  merchants.push(merchant);
  const context = await merchant.open();
  await send(context, [await merchant.writeExport("a.csv", exportCsv(1))]);
  merchant.drop.put("/outbound/r1.csv", resultCsv(rowFor("o-1", "DECLINED", "2026-11-20T05:30:00Z")));
  await collect(context);
  await reconcile(context);
  losesAnswers = true;
  const rows = ["o-1,t-9,s-1,c-1", "o-2,t-2,s-2,c-2"].map((ids) => `${ids},2026-11-20T05:45:00Z,19.99,USD,51,tok`);
  await send(context, [await merchant.writeExport("b.csv", [EXPORT_HEADER, ...rows, ""].join("\n"))]);
  losesAnswers = false;
  expect((await context.ledger.batches("all")).map((batch) => batch.state)).toEqual(["delivered", "uncertain"]);
  const take = async (name: string, ...results: string[]) => {
    merchant.drop.put(`/outbound/${name}`, resultCsv(...results));
    await collect(context);
    return reconcile(context);
  };
  return { merchant, context, take };
}

async function wordsOf(context: PipelineContext, orderId: string) {
  const attempts = await context.ledger.findAttempts([{ orderId, transactionId: "" }]);
  return attempts.map((attempt) => attempt.outcomes.map((outcome) => outcome.status));
}

describe("a result row that ran into an unproven delivery", () => {
  const APPROVED = rowFor("o-1", "APPROVED", "2026-11-21T07:00:00Z");

  test("waits, as a break, and nothing is applied", async () => {
    const { context, take } = await sentAgainInDoubt();
    expect(await take("r2.csv", APPROVED)).toMatchObject({ applied: 0, breaks: [{ code: "delivery_uncertain" }] });
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], []]);
  });

  test("is applied when the file turns up under its final name", async () => {
    const { merchant, context, take } = await sentAgainInDoubt();
    await take("r2.csv", APPROVED);
    for (const [path, { bytes }] of merchant.drop.taken) merchant.drop.put(path, bytes);
    await send(context);
    expect((await context.ledger.batches("all"))[1]?.state).toBe("delivered");
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued"]]);
    expect(await context.ledger.breaks("open")).toEqual([]);
  });

  test("is applied when a row of another order proves the delivery, in the same file or in a later one", async () => {
    const proof = rowFor("o-2", "SUBMITTED", "2026-11-21T07:00:00Z");
    for (const files of [[[APPROVED, proof]], [[APPROVED], [proof]]]) {
      const { context, take } = await sentAgainInDoubt();
      for (const [index, rows] of files.entries()) await take(`later-${index}.csv`, ...rows);
      expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued"]]);
      expect(await wordsOf(context, "o-2")).toEqual([["pending"]]);
      expect(await context.ledger.breaks("open")).toEqual([]);
    }
  });

  test("is applied before what the provider said after it, in the same file or in a later one", async () => {
    const refund = rowFor("o-1", "REFUNDED", "2026-11-22T07:00:00Z");
    const proof = rowFor("o-2", "SUBMITTED", "2026-11-22T07:00:00Z");
    for (const files of [[[APPROVED, proof, refund]], [[APPROVED], [proof, refund]], [[APPROVED], [refund, proof]]]) {
      const { context, take } = await sentAgainInDoubt();
      const taken = [];
      for (const [index, rows] of files.entries()) taken.push(await take(`later-${index}.csv`, ...rows));
      expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued", "refunded"]]);
      expect(taken.reduce((sum, { applied }) => sum + applied, 0)).toBe(3);
      expect(await context.ledger.breaks("open")).toEqual([]);
    }
  });

  test("is applied first where a kill came before the file that proves its delivery was through", async () => {
    const { context, take, merchant } = await sentAgainInDoubt();
    await take("r2.csv", APPROVED);
    merchant.drop.put("/outbound/r3.csv", resultCsv(rowFor("o-2", "SUBMITTED", "2026-11-22T07:00:00Z")));
    await collect(context);
    const killed = { ...context, ledger: { ...context.ledger, breaks: () => Promise.reject(new Error("killed")) } };
    await expect(reconcile(killed)).rejects.toThrow("killed");
    expect((await context.ledger.batches("all"))[1]?.state).toBe("uncertain");
    await take("r4.csv", rowFor("o-1", "REFUNDED", "2026-11-22T07:00:00Z"));
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued", "refunded"]]);
  });

  test.each([
    ["REFUNDED", ["rescued", "refunded"]],
    ["DECLINED", ["rescued"]],
  ])(
    "of a batch that only its own file puts in doubt and proves is weighed before a later %s",
    async (later, words) => {
      const merchant = await makeMerchant();
      merchants.push(merchant);
      const context = await merchant.open();
      const { recordBatchState } = context.ledger;
      const killed: typeof recordBatchState = async (batchId, state, fact) => {
        if (state === "committing") throw new Error("killed");
        await recordBatchState(batchId, state, fact);
      };
      const file = await merchant.writeExport("a.csv", exportCsv(2));
      const ledger = { ...context.ledger, recordBatchState: killed };
      await expect(send({ ...context, ledger }, [file])).rejects.toThrow("killed");
      const proof = rowFor("o-2", "SUBMITTED", "2026-11-21T07:00:00Z");
      merchant.drop.put("/outbound/r.csv", resultCsv(APPROVED, proof, rowFor("o-1", later, "2026-11-22T07:00:00Z")));
      await collect(context);
      await reconcile(context);
      expect(await wordsOf(context, "o-1")).toEqual([words]);
    },
  );

  test("is applied by the next run when a person's word was recorded and the run then killed", async () => {
    const { context, take } = await sentAgainInDoubt();
    await take("r2.csv", APPROVED);
    const killed = {
      ...context,
      ledger: { ...context.ledger, resultFiles: () => Promise.reject(new Error("killed")) },
    };
    await expect(settleBatch(killed, "2", "delivered", "their ticket 4711")).rejects.toThrow("killed");
    expect((await context.ledger.batches("all"))[1]?.state).toBe("delivered");
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], []]);
    await reconcile(context);
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued"]]);
    expect(await context.ledger.breaks("open")).toEqual([]);
  });

  test("is applied at once when a person says that the batch was delivered", async () => {
    const { context, take } = await sentAgainInDoubt();
    await take("r2.csv", APPROVED);
    const settled = await settleBatch(context, "2", "delivered", "their ticket 4711");
    expect(settled.reconciliation).toMatchObject({ applied: 1 });
    expect(await wordsOf(context, "o-1")).toEqual([["unrescued"], ["rescued"]]);
    expect(await context.ledger.breaks("open")).toEqual([]);
  });
});
