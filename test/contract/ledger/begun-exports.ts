/** An export that is being read: its rows are claimed before it is known whether they may be. */
import { describe, expect, test } from "vitest";
import type { Rebill } from "../../../src/domain/rebill.ts";
import type { NewAttempt, RowsToClaim } from "../../../src/ledger/ledger.ts";
import { canonicalRowsOf } from "../../intake/any-rebill.ts";
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
  /** In canonical form, as an export's reader gives them. */
  const canonical = (attempts: readonly NewAttempt[], beginBatch: boolean): RowsToClaim => {
    const { bytes, ends } = canonicalRowsOf(attempts.map(({ rebill }) => rebill as Rebill));
    return {
      beginBatch,
      position: attempts[0]?.position ?? 0,
      ...{ bytes, ends },
      rowNumbers: Uint32Array.from(attempts, ({ row }) => row),
      lines: Uint32Array.from(attempts, ({ line }) => line),
    };
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

    test("tells that a transaction stands twice in it, at the latest when its claims end", async () => {
      const { ledger } = bench;
      const twice = ledger.transaction(async () => {
        const exportId = await beginWith(0, 3);
        const batchId = await ledger.planBatch({ ...STAMP, exportId });
        await ledger.claim(batchId, [sampleAttempt(1, { orderId: "other" })]);
        await expect(ledger.endClaims(exportId)).rejects.toThrow("is already in batch 1");
      });
      await expect(twice).rejects.toThrow("is already in batch 1");
      expect(await ledger.hasAttempts()).toBe(false);
    });

    test("claims canonical rows as it claims the rebills that they are", async () => {
      const { ledger } = bench;
      const attempts = [
        sampleAttempt(0, { declineCodeSource: "visa", declineMessage: 'a "quoted", message' }),
        sampleAttempt(1, { amountMinor: 5, customerId: 'c,"1"', subscriptionId: "s,1" }),
        sampleAttempt(2, { amountMinor: 123, currency: "JPY", declinedAt: STAMP.at + 1_250 }),
      ];
      const first = await ledger.transaction(async () => {
        const exportId = await ledger.beginExport(sampleExport());
        const batchIds = [
          await ledger.claimRows(exportId, canonical(attempts.slice(0, 2), true)),
          await ledger.claimRows(exportId, canonical([sampleAttempt(7)], false)),
          await ledger.claimRows(exportId, canonical(attempts.slice(2), true)),
        ];
        await ledger.endClaims(exportId);
        await ledger.endExport(exportId, sampleExport());
        return batchIds;
      });
      expect(first).toEqual([1, 1, 2]);
      const claimed = await pagesOf(ledger.attempts());
      expect(claimed.map(({ batchId, orderId }) => `${batchId} ${orderId}`)).toEqual([
        "1 order-0",
        "1 order-1",
        "1 order-7",
        "2 order-2",
      ]);
      for (const { rebill, row, line, position } of attempts) {
        const one = claimed.find(({ orderId }) => orderId === rebill.orderId);
        const { paymentToken: _, attempt: __, declineMessage: ___, ...kept } = rebill as Rebill;
        expect(one).toMatchObject({ ...kept, row, line, position, attemptNumber: 1 });
        expect(await ledger.findAttempts([{ orderId: "", transactionId: rebill.transactionId }])).toEqual([one]);
      }
      expect(await ledger.pendingOrdersOfSubscriptions(["s,1"])).toEqual([
        { subscriptionId: "s,1", orderId: "order-1" },
      ]);
    });

    test("numbers an order's attempts on from what was claimed before it", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0));
      await ledger.transaction(async () => {
        const exportId = await ledger.beginExport(sampleExport());
        await ledger.claimRows(exportId, canonical([sampleAttempt(0, { transactionId: "again" })], true));
        await ledger.endExport(exportId, sampleExport());
      });
      expect((await pagesOf(ledger.attempts())).map(({ attemptNumber }) => attemptNumber)).toEqual([1, 2]);
    });

    test.each([
      ["claimed before", [sampleAttempt(10, { orderId: "other" })], "is already in batch"],
      ["twice among its rows", [sampleAttempt(1), sampleAttempt(1, { orderId: "other" })], ""],
    ])("is not there if canonical rows hold a transaction that is %s", async (_, attempts, words) => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(10));
      const taken = ledger.transaction(async () => {
        const exportId = await ledger.beginExport(sampleExport());
        await ledger.claimRows(exportId, canonical(attempts, true));
        await ledger.endExport(exportId, sampleExport());
      });
      await expect(taken).rejects.toThrow(words);
      expect(await pagesOf(ledger.attempts())).toHaveLength(1);
    });

    test("is the only one", async () => {
      const { ledger } = bench;
      const two = ledger.transaction(async () => {
        await ledger.beginExport(sampleExport());
        await ledger.beginExport(sampleExport());
      });
      await expect(two).rejects.toThrow("still being read");
      for (const call of [
        () => ledger.endExport(1, sampleExport()),
        () => ledger.endClaims(1),
        () => ledger.claimRows(1, canonical([sampleAttempt(0)], true)),
      ]) {
        await expect(ledger.transaction<unknown>(call)).rejects.toThrow("is not being read");
      }
    });
  });
}
