/** An export that is being read: its rows are claimed before it is known whether they may be. */
import { describe, expect, test } from "vitest";
import type { LedgerBench } from "../ledger-suite.ts";
import { pagesOf, planBatch, recordExport, STAMP, sampleAttempt, sampleExport } from "./samples.ts";

export function begunExportPromises(bench: LedgerBench): void {
  const rows = (from: number, count: number) => Array.from({ length: count }, (_, n) => sampleAttempt(from + n));
  /** Claims rows for an export that it does not end. */
  const beginWith = async (from: number, count: number) => {
    const exportId = await bench.ledger.beginExport(sampleExport());
    const batchId = await bench.ledger.planBatch({ ...STAMP, exportId });
    await bench.ledger.claim(batchId, rows(from, count));
    return exportId;
  };
  const find = async (n: number) => {
    const { transactionId } = sampleAttempt(n).rebill;
    const found = await bench.ledger.findAttempts([{ orderId: "none", transactionId }]);
    return found.map((attempt) => attempt.orderId);
  };

  describe("an export that is being read", () => {
    test("has its batches and claims, and what its end told, once its transaction is over", async () => {
      const { ledger } = bench;
      await ledger.transaction(async () => {
        const exportId = await beginWith(0, 3);
        await ledger.endExport(exportId, sampleExport());
      });
      expect(await ledger.exports()).toEqual([{ ...sampleExport(), exportId: 1 }]);
      expect((await pagesOf(ledger.attempts())).map(({ orderId, exportId }) => `${orderId} ${exportId}`)).toEqual([
        "order-0 1",
        "order-1 1",
        "order-2 1",
      ]);
      expect(await find(1)).toEqual(["order-1"]);
    });

    test.each(["in a transaction", "alone"])("is not there if it was never ended, %s", async (how) => {
      const { ledger } = bench;
      const work = () => (how === "alone" ? ledger.beginExport(sampleExport()) : beginWith(0, 3));
      await expect(how === "alone" ? work() : ledger.transaction(work)).rejects.toThrow("never ended");
      expect(await ledger.exports()).toEqual([]);
      expect(await ledger.hasAttempts()).toBe(false);
      await recordExport(ledger, sampleExport());
      expect(await ledger.exports()).toHaveLength(1);
    });

    test("is not found by lookups, which go on finding what was claimed before it", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(10));
      const pending = async (n: number) =>
        (await ledger.pendingOrdersOfSubscriptions([sampleAttempt(n).rebill.subscriptionId])).map((one) => one.orderId);
      await ledger.transaction(async () => {
        await planBatch(ledger, sampleAttempt(20));
        const exportId = await beginWith(0, 3);
        expect([await find(0), await find(10), await find(20)]).toEqual([[], ["order-10"], ["order-20"]]);
        expect([await pending(0), await pending(10), await pending(20)]).toEqual([[], ["order-10"], ["order-20"]]);
        await ledger.endExport(exportId, sampleExport());
        expect([await find(0), await pending(0)]).toEqual([["order-0"], ["order-0"]]);
      });
    });

    test("does not make it seem that something was claimed before", async () => {
      const { ledger } = bench;
      await ledger.transaction(async () => {
        const exportId = await beginWith(0, 3);
        expect(await ledger.hasAttempts()).toBe(false);
        await ledger.endExport(exportId, sampleExport());
        expect(await ledger.hasAttempts()).toBe(true);
      });
    });

    test("cannot claim a transaction that was claimed before, nor one of its own again", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(10));
      for (const [second, words] of [
        [10, "is already in batch"],
        [1, ""],
      ] as const) {
        const twice = ledger.transaction(async () => {
          const exportId = await beginWith(0, 3);
          const batchId = await ledger.planBatch({ ...STAMP, exportId });
          // Another order, or the order's own uniqueness would speak first.
          await ledger.claim(batchId, [sampleAttempt(second, { orderId: "other" })]);
          await ledger.endExport(exportId, sampleExport());
        });
        await expect(twice).rejects.toThrow(words);
        expect(await pagesOf(ledger.attempts())).toHaveLength(1);
      }
    });

    test("is the only one", async () => {
      const { ledger } = bench;
      const two = ledger.transaction(async () => {
        await ledger.beginExport(sampleExport());
        await ledger.beginExport(sampleExport());
      });
      await expect(two).rejects.toThrow("still being read");
      const none = ledger.transaction(() => ledger.endExport(1, sampleExport()));
      await expect(none).rejects.toThrow("is not being read");
    });
  });
}
