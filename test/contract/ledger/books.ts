/** Runs, exports, looks, collections, result files: recorded once, read back as they were. */
import { describe, expect, test } from "vitest";
import type { NewResultFile } from "../../../src/ledger/ledger.ts";
import type { LedgerBench } from "../ledger-suite.ts";
import { recordExport, STAMP, sampleExport } from "./samples.ts";

const RESULT_FILE: NewResultFile = {
  ...STAMP,
  name: "results-1.csv",
  sizeBytes: 99,
  modifiedAt: 1_000,
  sha256: "c3",
  archivePath: "archive/results/1.csv",
  state: "collected",
  source: "file",
};

export function bookPromises(bench: LedgerBench): void {
  describe("runs", () => {
    test("are listed oldest first, with the exit status of those that ended", async () => {
      const { ledger } = bench;
      const first = await ledger.startRun({ ...STAMP, command: "run" });
      const second = await ledger.startRun({ at: 5, recordedAt: 6, command: "collect" });
      await ledger.endRun(second, { at: 7, recordedAt: 8, exitStatus: 3 });
      expect(second).toBeGreaterThan(first);
      expect(await ledger.runs()).toEqual([
        { runId: first, command: "run", ...STAMP, exitStatus: undefined },
        { runId: second, command: "collect", at: 5, recordedAt: 6, exitStatus: 3 },
      ]);
    });

    test("end once", async () => {
      const runId = await bench.ledger.startRun({ ...STAMP, command: "run" });
      await bench.ledger.endRun(runId, { ...STAMP, exitStatus: 0 });
      await expect(bench.ledger.endRun(runId, { ...STAMP, exitStatus: 1 })).rejects.toThrow();
      expect((await bench.ledger.runs()).map((run) => run.exitStatus)).toEqual([0]);
    });
  });

  describe("exports", () => {
    test("are found by their hash and listed oldest first", async () => {
      const { ledger } = bench;
      const late = sampleExport({ sha256: "d4", reason: "cron was down", maxAgeDays: 3 });
      const ids = [await recordExport(ledger, sampleExport()), await recordExport(ledger, late)];
      expect(await ledger.exports()).toEqual([
        { ...sampleExport(), exportId: ids[0] },
        { ...late, exportId: ids[1] },
      ]);
      expect(await ledger.findExport("d4")).toEqual({ ...late, exportId: ids[1] });
      expect(await ledger.findExport("none")).toBeUndefined();
      expect(await ledger.findExportById(ids[1] ?? 0)).toEqual({ ...late, exportId: ids[1] });
      expect(await ledger.findExportById(99)).toBeUndefined();
    });

    test("say what their archived rows are to the byte, where that was recorded", async () => {
      const archived = { sizeBytes: 310, sha256: "e5" };
      await recordExport(bench.ledger, sampleExport({ archived }));
      expect(await bench.ledger.findExport("a1")).toMatchObject({ archived });
    });

    test("taken twice are found as they were taken last", async () => {
      await recordExport(bench.ledger, sampleExport());
      const again = await recordExport(bench.ledger, sampleExport({ accepted: 1, maxAgeDays: 3 }));
      expect(await bench.ledger.findExport("a1")).toMatchObject({ exportId: again, maxAgeDays: 3 });
    });
  });

  describe("looks at the outbound folder", () => {
    const look = { name: "results.csv", sizeBytes: 10, modifiedAt: 1_000 };

    test("keep the first time while size and time are the same", async () => {
      await bench.ledger.recordLook({ ...look, seenAt: 1 });
      await bench.ledger.recordLook({ ...look, seenAt: 2 });
      expect(await bench.ledger.looks()).toEqual([{ ...look, seenAt: 2, firstSeenAt: 1 }]);
    });

    test.each([{ sizeBytes: 11 }, { modifiedAt: 2_000 }])("begin anew when the file changed: %o", async (change) => {
      await bench.ledger.recordLook({ ...look, seenAt: 1 });
      await bench.ledger.recordLook({ ...look, ...change, seenAt: 2 });
      expect(await bench.ledger.looks()).toEqual([{ ...look, ...change, seenAt: 2, firstSeenAt: 2 }]);
    });

    test("are kept apart by name", async () => {
      await bench.ledger.recordLook({ ...look, seenAt: 1 });
      await bench.ledger.recordLook({ ...look, name: "other.csv", seenAt: 2 });
      expect((await bench.ledger.looks()).map((seen) => seen.name)).toEqual(["other.csv", "results.csv"]);
    });
  });

  test("completed listings are kept, also those that found nothing", async () => {
    await bench.ledger.recordCollection({ ...STAMP, found: 0, collected: 0 });
    await bench.ledger.recordCollection({ at: 5, recordedAt: 6, found: 3, collected: 1 });
    expect(await bench.ledger.collections()).toEqual([
      { ...STAMP, found: 0, collected: 0 },
      { at: 5, recordedAt: 6, found: 3, collected: 1 },
    ]);
  });

  describe("result files", () => {
    test("are listed oldest first, with what applying them did", async () => {
      const { ledger } = bench;
      const quarantined = { ...RESULT_FILE, name: "results-2.csv", state: "quarantined" as const };
      const first = await ledger.recordResultFile(RESULT_FILE);
      const second = await ledger.recordResultFile(quarantined);
      const applied = { at: 7, recordedAt: 8, rows: 5, applied: 4, repeated: 0 };
      await ledger.markApplied(first, applied);
      expect(await ledger.resultFiles()).toEqual([
        { ...RESULT_FILE, resultFileId: first, applied },
        { ...quarantined, resultFileId: second, applied: undefined },
      ]);
    });

    test("are applied once", async () => {
      const id = await bench.ledger.recordResultFile(RESULT_FILE);
      await bench.ledger.markApplied(id, { ...STAMP, rows: 5, applied: 4, repeated: 1 });
      await expect(bench.ledger.markApplied(id, { ...STAMP, rows: 5, applied: 5, repeated: 0 })).rejects.toThrow();
    });
  });
}
