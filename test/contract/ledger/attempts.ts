/** Attempts: claimed for one batch at a time, numbered per order, read with everything that is known of them. */
import { describe, expect, test } from "vitest";
import type { LedgerBench } from "../ledger-suite.ts";
import {
  attemptOf,
  DAY,
  deliverBatch,
  FACT,
  failBatch,
  pagesOf,
  planBatch,
  recordExport,
  STAMP,
  sampleAttempt,
  sampleBreak,
  sampleExport,
  sampleOutcome,
} from "./samples.ts";

export function attemptPromises(bench: LedgerBench): void {
  describe("claims", () => {
    test("keep of a rebill what a report needs, and nothing of the card or the person", async () => {
      const secret = { paymentToken: "tok-secret", cardLast4: "4242", customerEmail: "a@example.com", lastName: "Doe" };
      const batchId = await planBatch(bench.ledger, sampleAttempt(0, { ...secret, declineCodeSource: "visa" }));
      expect(await attemptOf(bench.ledger, "order-0")).toEqual({
        attemptId: 1,
        orderId: "order-0",
        transactionId: "transaction-0",
        attemptNumber: 1,
        exportId: 1,
        position: 0,
        row: 1,
        line: 2,
        subscriptionId: "subscription-0",
        customerId: "customer-0",
        declineCode: "51",
        declineCodeSource: "visa",
        amountMinor: 1999,
        currency: "USD",
        declinedAt: STAMP.at,
        expiresAt: STAMP.at + 21 * DAY,
        batchId,
        batchState: "planned",
        sessionKey: undefined,
        outcomes: [],
        mismatchOpen: false,
      });
    });

    test("number the attempts of an order, within one call too", async () => {
      const { ledger } = bench;
      const first = await planBatch(ledger, sampleAttempt(0, { orderId: "a" }), sampleAttempt(1, { orderId: "b" }));
      await failBatch(ledger, first);
      await planBatch(
        ledger,
        sampleAttempt(2, { orderId: "a" }),
        sampleAttempt(3, { orderId: "c" }),
        sampleAttempt(4, { orderId: "a" }),
      );
      const all = await pagesOf(ledger.attempts());
      expect(all.map((attempt) => `${attempt.orderId}${attempt.attemptNumber}`)).toEqual([
        "a1",
        "b1",
        "a2",
        "c1",
        "a3",
      ]);
    });

    test("go only into a batch that is still planned", async () => {
      const batchId = await planBatch(bench.ledger, sampleAttempt(0));
      await deliverBatch(bench.ledger, batchId);
      await expect(bench.ledger.claim(batchId, [sampleAttempt(1)])).rejects.toThrow("takes no more rows");
    });

    test("never take a transaction that another batch has, under whatever order id", async () => {
      const { ledger } = bench;
      const first = await planBatch(ledger, sampleAttempt(0));
      const again = sampleAttempt(1, { transactionId: "transaction-0" });
      await expect(planBatch(ledger, again)).rejects.toThrow(`transaction-0 is already in batch ${first}`);
      await failBatch(ledger, first);
      await planBatch(ledger, again);
      expect(await pagesOf(ledger.attempts())).toHaveLength(2);
    });

    test("never take a transaction twice within one ledger transaction, in whatever batches", async () => {
      const { ledger } = bench;
      const claimed = ledger.transaction(async () => {
        await planBatch(ledger, sampleAttempt(0));
        await planBatch(ledger, sampleAttempt(1), sampleAttempt(2, { transactionId: "transaction-0" }));
      });
      await expect(claimed).rejects.toThrow("transaction-0 is already in batch 1");
      expect(await pagesOf(ledger.attempts())).toEqual([]);
      await planBatch(ledger, sampleAttempt(0));
      expect(await ledger.findAttempts([{ orderId: "", transactionId: "transaction-0" }])).toHaveLength(1);
    });

    test("are found within the transaction that claims them, and not after it was rolled back", async () => {
      const { ledger } = bench;
      const found = () => ledger.findAttempts([{ orderId: "", transactionId: "transaction-0" }]);
      const pending = () => ledger.pendingOrdersOfSubscriptions(["subscription-0"]);
      const claimed = ledger.transaction(async () => {
        await planBatch(ledger, sampleAttempt(0));
        expect(await found()).toHaveLength(1);
        expect(await pending()).toHaveLength(1);
        await planBatch(ledger, sampleAttempt(1));
        throw new Error("taken back");
      });
      await expect(claimed).rejects.toThrow("taken back");
      await planBatch(ledger, sampleAttempt(2));
      expect(await found()).toEqual([]);
      expect(await pending()).toEqual([]);
      expect(await ledger.checkIntegrity()).toEqual([]);
    });

    test("are all or nothing", async () => {
      const batchId = await planBatch(bench.ledger);
      await expect(
        bench.ledger.claim(batchId, [sampleAttempt(0), sampleAttempt(1, { transactionId: "transaction-0" })]),
      ).rejects.toThrow();
      expect(await pagesOf(bench.ledger.attempts())).toEqual([]);
    });
  });

  describe("released attempts", () => {
    test("move into another batch and leave the first", async () => {
      const { ledger } = bench;
      const first = await planBatch(ledger, sampleAttempt(0), sampleAttempt(1), sampleAttempt(2));
      await failBatch(ledger, first);
      const second = await ledger.planBatch({ ...STAMP, exportId: 1 });
      await ledger.reclaim(second, [3, 1]);
      expect((await pagesOf(ledger.batchAttempts(first))).map((attempt) => attempt.attemptId)).toEqual([2]);
      expect((await pagesOf(ledger.batchAttempts(second))).map((attempt) => attempt.attemptId)).toEqual([1, 3]);
      expect(await ledger.claims(first)).toEqual(
        [0, 1, 2].map((n) => ({ attemptId: n + 1, position: n, again: false })),
      );
      expect(await ledger.claims(second)).toEqual([0, 2].map((n) => ({ attemptId: n + 1, position: n, again: true })));
      for (const batchId of [first, second]) {
        const positions = (await ledger.claims(batchId)).map(({ position }) => position);
        expect(await ledger.claimedPositions(batchId)).toEqual(positions);
      }
      expect(await attemptOf(ledger, "order-0")).toMatchObject({
        batchId: second,
        batchState: "planned",
        attemptNumber: 1,
      });
      expect(await attemptOf(ledger, "order-1")).toMatchObject({ batchId: first, batchState: "failed" });
    });

    test("move as often as their batches fail", async () => {
      const { ledger } = bench;
      const batches = [await planBatch(ledger, sampleAttempt(0))];
      for (let n = 0; n < 3; n++) {
        await failBatch(ledger, batches.at(-1) ?? 0);
        batches.push(await ledger.planBatch({ ...STAMP, exportId: 1 }));
        await ledger.reclaim(batches.at(-1) ?? 0, [1]);
      }
      expect((await attemptOf(ledger, "order-0")).batchId).toBe(batches.at(-1));
      const live = await planBatch(ledger);
      await expect(ledger.reclaim(live, [1])).rejects.toThrow("was not released");
      await expect(ledger.claim(live, [sampleAttempt(0)])).rejects.toThrow(`already in batch ${batches.at(-1)}`);
      for (const [nth, batchId] of batches.entries()) {
        expect(await pagesOf(ledger.batchAttempts(batchId))).toHaveLength(nth === 3 ? 1 : 0);
      }
    });

    test("take their times along: the earliest of a batch are of those it has now", async () => {
      const { ledger } = bench;
      const declined = (days: number) => ({
        declinedAt: STAMP.at - days * DAY,
        expiresAt: STAMP.at + (9 - days) * DAY,
      });
      const first = await planBatch(ledger, ...[3, 1, 2].map((days, n) => sampleAttempt(n, declined(days))));
      expect(await ledger.earliestTimes(first)).toEqual(declined(3));
      await failBatch(ledger, first);
      const second = await ledger.planBatch({ ...STAMP, exportId: 1 });
      expect(await ledger.earliestTimes(second)).toBeUndefined();
      await ledger.reclaim(second, [1]);
      expect(await ledger.earliestTimes(first)).toEqual(declined(2));
      expect(await ledger.earliestTimes(second)).toEqual(declined(3));
    });

    test("are the only ones that move", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0));
      const other = await planBatch(ledger);
      await expect(ledger.reclaim(other, [1])).rejects.toThrow("was not released");
      await expect(ledger.reclaim(other, [99])).rejects.toThrow("was not released");
    });
  });

  searchPromises(bench);
  knowledgePromises(bench);
  pagePromises(bench);
}

function searchPromises(bench: LedgerBench): void {
  describe("attempts are found", () => {
    test("at all, once the first was claimed", async () => {
      expect(await bench.ledger.hasAttempts()).toBe(false);
      await planBatch(bench.ledger, sampleAttempt(0));
      expect(await bench.ledger.hasAttempts()).toBe(true);
    });

    test("by order id or by transaction id, each once", async () => {
      await planBatch(bench.ledger, sampleAttempt(0), sampleAttempt(1), sampleAttempt(2));
      const found = await bench.ledger.findAttempts([
        { orderId: "order-0", transactionId: "transaction-0" },
        { orderId: "new", transactionId: "transaction-2" },
        { orderId: "order-0", transactionId: "newer" },
        { orderId: "transaction-1", transactionId: "order-1" },
      ]);
      expect(found.map((attempt) => attempt.orderId)).toEqual(["order-0", "order-2"]);
      expect(await bench.ledger.findAttempts([])).toEqual([]);
    });

    test("by a session key that they learned, and keep the first", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0), sampleAttempt(1));
      await ledger.appendOutcomes([
        sampleOutcome(1, { status: "pending", sessionKey: "s-1" }),
        sampleOutcome(1, { sessionKey: "s-2" }),
        sampleOutcome(2),
      ]);
      const find = (sessionKeys: string[], orderIds: string[] = []) =>
        ledger.findAttemptsForResults({ orderIds, sessionKeys }).then((found) => found.map((one) => one.attemptId));
      expect(await find(["s-1"])).toEqual([1]);
      expect(await find(["s-2"])).toEqual([1]);
      expect(await find([""])).toEqual([]);
      expect(await find(["s-1"], ["order-0", "order-1"])).toEqual([1, 2]);
      expect((await attemptOf(ledger, "order-0")).sessionKey).toBe("s-1");
    });

    test("by the thousand in one call", async () => {
      const batchId = await planBatch(bench.ledger);
      const attempts = Array.from({ length: 5_000 }, (_, n) => sampleAttempt(n));
      await bench.ledger.claim(batchId, attempts);
      expect(await bench.ledger.findAttempts(attempts.map((attempt) => attempt.rebill))).toHaveLength(5_000);
    });

    test("as pending of a subscription until a final word or a release", async () => {
      const { ledger } = bench;
      const subscriptionId = "weekly";
      await planBatch(ledger, ...[0, 1, 2].map((n) => sampleAttempt(n, { subscriptionId })));
      await failBatch(ledger, await planBatch(ledger, sampleAttempt(3, { subscriptionId })));
      await ledger.appendOutcomes([sampleOutcome(1), sampleOutcome(2, { status: "pending" })]);
      expect(await ledger.pendingOrdersOfSubscriptions([subscriptionId, "other", subscriptionId])).toEqual([
        { subscriptionId, orderId: "order-1" },
        { subscriptionId, orderId: "order-2" },
      ]);
    });
  });
}

function knowledgePromises(bench: LedgerBench): void {
  describe("an attempt knows", () => {
    test("its outcomes in the order they were appended, with their source", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0));
      const file = { ...STAMP, name: "results-1.csv", sizeBytes: 9, modifiedAt: 1, sha256: "c", archivePath: "a" };
      const resultFileId = await ledger.recordResultFile({ ...file, state: "collected", source: "file" });
      await ledger.appendOutcomes([sampleOutcome(1, { source: "file", resultFileId, line: 7, processedAt: 50 })]);
      await ledger.appendOutcomes([sampleOutcome(1, { status: "refunded", amountMinor: 500, message: "asked for" })]);
      const said = { rawStatus: "APPROVED", currency: "USD", responseCode: "00", ...STAMP };
      expect((await attemptOf(ledger, "order-0")).outcomes).toEqual([
        {
          ...said,
          status: "rescued",
          amountMinor: 1999,
          source: "file",
          file: "results-1.csv",
          line: 7,
          message: "",
          processedAt: 50,
        },
        { ...said, status: "refunded", amountMinor: 500, source: "person", file: "", line: 0, message: "asked for" },
      ]);
    });

    test("the state of its batch", async () => {
      const batchId = await planBatch(bench.ledger, sampleAttempt(0));
      await deliverBatch(bench.ledger, batchId);
      expect((await attemptOf(bench.ledger, "order-0")).batchState).toBe("delivered");
    });

    test.each(["amount_mismatch", "currency_mismatch"] as const)("an open %s, until it is settled", async (code) => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0), sampleAttempt(1));
      const [found] = await ledger.recordBreaks([
        sampleBreak({ code, attemptId: 1 }),
        sampleBreak({ code: "late_outcome", attemptId: 2 }),
      ]);
      const open = async () => (await pagesOf(ledger.attempts())).map((attempt) => attempt.mismatchOpen);
      expect(await open()).toEqual([true, false]);
      expect((await attemptOf(ledger, "order-0")).mismatchOpen).toBe(true);
      await ledger.settleBreak(found?.breakId ?? 0, { ...STAMP, reason: "checked", as: undefined });
      expect(await open()).toEqual([false, false]);
    });
  });

  test("an outcome of an attempt that does not exist is refused", async () => {
    await expect(bench.ledger.appendOutcomes([sampleOutcome(1)])).rejects.toThrow();
  });
}

function pagePromises(bench: LedgerBench): void {
  describe("pages", () => {
    const rows = 4_321;

    test("of all attempts come in the order of their ids, each with its own outcomes", async () => {
      const { ledger } = bench;
      await ledger.transaction(async () => {
        const batchId = await planBatch(ledger);
        await ledger.claim(
          batchId,
          Array.from({ length: rows }, (_, n) => sampleAttempt(n)),
        );
        const outcomes = Array.from({ length: rows }, (_, n) => sampleOutcome(rows - n, { line: rows - n }));
        await ledger.appendOutcomes(outcomes);
      });
      const all = await pagesOf(ledger.attempts());
      expect(all.map((attempt) => attempt.attemptId)).toEqual(Array.from({ length: rows }, (_, n) => n + 1));
      expect(
        all.every((attempt) => attempt.outcomes.length === 1 && attempt.outcomes[0]?.line === attempt.attemptId),
      ).toBe(true);
    });

    test("of a batch come by position", async () => {
      const { ledger } = bench;
      const batchId = await planBatch(ledger);
      const attempts = Array.from({ length: rows }, (_, n) => sampleAttempt(n)).toReversed();
      await ledger.claim(batchId, attempts);
      await planBatch(ledger, sampleAttempt(rows));
      const all = await pagesOf(ledger.batchAttempts(batchId));
      expect(all.map((attempt) => attempt.position)).toEqual(Array.from({ length: rows }, (_, n) => n));
    });

    test("may be written between", async () => {
      const { ledger } = bench;
      const batchId = await planBatch(ledger);
      await ledger.claim(
        batchId,
        Array.from({ length: rows }, (_, n) => sampleAttempt(n)),
      );
      for await (const page of ledger.attempts()) {
        await ledger.appendOutcomes(page.map((attempt) => sampleOutcome(attempt.attemptId)));
      }
      const all = await pagesOf(ledger.attempts());
      expect(all.every((attempt) => attempt.outcomes.length === 1)).toBe(true);
    });

    test("of an empty ledger are none", async () => {
      const exportId = await recordExport(bench.ledger, sampleExport());
      const batchId = await bench.ledger.planBatch({ ...STAMP, exportId });
      await bench.ledger.recordBatchState(batchId, "failed", FACT);
      expect(await pagesOf(bench.ledger.attempts())).toEqual([]);
      expect(await pagesOf(bench.ledger.batchAttempts(batchId))).toEqual([]);
    });
  });
}
