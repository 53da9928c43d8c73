/** One writer per merchant. What only an operating system can show (deaths, freezes) is tested per implementation. */
import { describe, expect, test } from "vitest";
import { isProblem } from "../../../src/domain/problem.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import type { LedgerBench } from "../ledger-suite.ts";
import { CONTENT, FACT, STAMP, sampleAttempt, sampleBreak, sampleExport, sampleOutcome } from "./samples.ts";

const file = { ...STAMP, name: "r.csv", sizeBytes: 1, modifiedAt: 1, sha256: "c", archivePath: "a" };

/** Every method that writes. */
const WRITES: Record<string, (ledger: Ledger) => Promise<unknown>> = {
  startRun: (ledger) => ledger.startRun({ ...STAMP, command: "x" }),
  endRun: (ledger) => ledger.endRun(1, { ...STAMP, exitStatus: 0 }),
  beginExport: (ledger) => ledger.beginExport(sampleExport()),
  endExport: (ledger) => ledger.endExport(1, sampleExport()),
  endClaims: (ledger) => ledger.endClaims(1),
  planBatch: (ledger) => ledger.planBatch({ ...STAMP, exportId: 1 }),
  claim: (ledger) => ledger.claim(1, [sampleAttempt(1)]),
  claimRows: (ledger) =>
    ledger.claimRows(1, {
      beginBatch: true,
      position: 0,
      bytes: new Uint8Array(),
      ends: new Uint32Array(),
      rowNumbers: new Uint32Array(),
      lines: new Uint32Array(),
    }),
  reclaim: (ledger) => ledger.reclaim(1, [1]),
  mintName: (ledger) => ledger.mintName(1, String, STAMP),
  recordContent: (ledger) => ledger.recordContent(1, CONTENT),
  recordBatchState: (ledger) => ledger.recordBatchState(1, "archived", FACT),
  recordTemporary: (ledger) => ledger.recordTemporary(1, { ...STAMP, try: 1, path: "p" }),
  recordLook: (ledger) => ledger.recordLook({ name: "r.csv", sizeBytes: 1, modifiedAt: 1, seenAt: 1 }),
  recordCollection: (ledger) => ledger.recordCollection({ ...STAMP, found: 0, collected: 0 }),
  recordResultFile: (ledger) => ledger.recordResultFile({ ...file, state: "collected", source: "file" }),
  markApplied: (ledger) => ledger.markApplied(1, { ...STAMP, rows: 0, applied: 0, repeated: 0 }),
  appendOutcomes: (ledger) => ledger.appendOutcomes([sampleOutcome(1)]),
  recordBreaks: (ledger) => ledger.recordBreaks([sampleBreak()]),
  settleBreak: (ledger) => ledger.settleBreak(1, { ...STAMP, reason: "x", as: undefined }),
};

export function lockPromises(bench: LedgerBench): void {
  describe("the lock", () => {
    test("is one ledger's at a time, and the refusal names the holder", async () => {
      const other = await bench.reopen();
      const refused = await other.acquireLock("collect").catch((error: unknown) => error);
      expect(isProblem(refused, "locked")).toBe(true);
      expect(String(refused)).toMatch(
        /another run of "test" holds merchant acme: pid \d+ on here, since \S+, last sign/,
      );
    });

    test("is free after it was released", async () => {
      const other = await bench.reopen();
      await bench.ledger.releaseLock();
      await other.acquireLock("collect");
      expect(await bench.ledger.lockHolder()).toMatchObject({ command: "collect" });
      await expect(bench.ledger.acquireLock("again")).rejects.toSatisfy((error) => isProblem(error, "locked"));
    });

    test("is free after its ledger was closed", async () => {
      await bench.ledger.close();
      const other = await bench.reopen();
      expect(await other.lockHolder()).toBeUndefined();
      await other.acquireLock("collect");
    });

    test("tells who holds it, to the holder and to others", async () => {
      const holder = await bench.ledger.lockHolder();
      expect(holder).toMatchObject({ pid: process.pid, host: "here", command: "test" });
      expect(holder?.heartbeatAt).toBeGreaterThanOrEqual(holder?.since ?? Number.NaN);
      expect(await (await bench.reopen()).lockHolder()).toEqual(holder);
      await bench.ledger.releaseLock();
      expect(await bench.ledger.lockHolder()).toBeUndefined();
    });

    test("is released once, and releasing none is fine", async () => {
      await bench.ledger.releaseLock();
      await bench.ledger.releaseLock();
      expect(await bench.ledger.lockHolder()).toBeUndefined();
    });

    test("that is asked for by many at once is one's", async () => {
      await bench.ledger.releaseLock();
      const ledgers = await Promise.all(Array.from({ length: 5 }, () => bench.reopen()));
      const tries = await Promise.allSettled(ledgers.map((ledger) => ledger.acquireLock("race")));
      expect(tries.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    });

    test.each(Object.keys(WRITES))("is needed to call %s", async (method) => {
      const other = await bench.reopen();
      await expect(WRITES[method]?.(other)).rejects.toSatisfy((error) => isProblem(error, "locked"));
      const inside = other.transaction(
        async () => WRITES[method]?.(other),
        method === "mintName" ? { isLarge: false } : {},
      );
      await expect(inside).rejects.toSatisfy((error) => isProblem(error, "locked"));
    });

    test("is not needed to read, nor to read one snapshot across calls", async () => {
      const other = await bench.reopen();
      await bench.ledger.startRun({ ...STAMP, command: "a" });
      await other.transaction(async () => {
        expect(await other.runs()).toHaveLength(1);
        await bench.ledger.startRun({ ...STAMP, command: "b" });
        expect(await other.runs()).toHaveLength(1);
      });
      expect(await other.runs()).toHaveLength(2);
    });
  });

  test("what is written is there when the place is opened again", async () => {
    await bench.ledger.startRun({ ...STAMP, command: "run" });
    await bench.ledger.close();
    expect(await (await bench.reopen()).runs()).toHaveLength(1);
  });
}
