/** Breaks: each is found once, and settled at most once. */
import { describe, expect, test } from "vitest";
import type { LedgerBench } from "../ledger-suite.ts";
import { planBatch, STAMP, sampleAttempt, sampleBreak } from "./samples.ts";

export function breakPromises(bench: LedgerBench): void {
  describe("breaks", () => {
    test("met again are not new, within one call or later", async () => {
      const { ledger } = bench;
      const first = await ledger.recordBreaks([
        sampleBreak(),
        sampleBreak({ line: 9 }),
        sampleBreak({ fingerprint: "y" }),
      ]);
      expect(first).toEqual([
        { ...sampleBreak(), breakId: 1, settled: undefined },
        { ...sampleBreak({ fingerprint: "y" }), breakId: 2, settled: undefined },
      ]);
      const later = await ledger.recordBreaks([
        sampleBreak({ message: "other words" }),
        sampleBreak({ code: "overdue" }),
      ]);
      expect(later.map((found) => found.code)).toEqual(["overdue"]);
      expect(await ledger.breaks("all")).toHaveLength(3);
    });

    test("keep what they are about", async () => {
      const batchId = await planBatch(bench.ledger, sampleAttempt(0));
      const found = sampleBreak({ attemptId: 1, batchId });
      await bench.ledger.recordBreaks([found]);
      expect(await bench.ledger.breaks("open")).toEqual([{ ...found, breakId: 1, settled: undefined }]);
    });

    test("are open until they are settled, and stay on record", async () => {
      const { ledger } = bench;
      await ledger.recordBreaks([sampleBreak(), sampleBreak({ fingerprint: "y" })]);
      const settled = { at: 8, recordedAt: 9, reason: "asked the provider", as: "rescued" as const };
      await ledger.settleBreak(1, settled);
      expect((await ledger.breaks("open")).map((found) => found.breakId)).toEqual([2]);
      expect((await ledger.breaks("all")).map((found) => found.settled)).toEqual([settled, undefined]);
    });

    test("that were settled are not new when they are met again", async () => {
      await bench.ledger.recordBreaks([sampleBreak()]);
      await bench.ledger.settleBreak(1, { ...STAMP, reason: "known", as: undefined });
      expect(await bench.ledger.recordBreaks([sampleBreak()])).toEqual([]);
      expect(await bench.ledger.breaks("open")).toEqual([]);
    });

    test("are settled once, and only if they were found", async () => {
      await bench.ledger.recordBreaks([sampleBreak()]);
      const settlement = { ...STAMP, reason: "known", as: undefined };
      await bench.ledger.settleBreak(1, settlement);
      await expect(bench.ledger.settleBreak(1, settlement)).rejects.toThrow("settled before");
      await expect(bench.ledger.settleBreak(7, settlement)).rejects.toThrow("not in the ledger");
    });
  });
}
