/** Batches: states that follow the arrows, names that are never used twice, bytes that are settled once. */
import { describe, expect, test } from "vitest";
import { BATCH_STATES, type BatchState, isLegalBatchMove } from "../../../src/domain/batch.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import type { LedgerBench } from "../ledger-suite.ts";
import { archiveBatch, CONTENT, deliverBatch, FACT, failBatch, planBatch, STAMP } from "./samples.ts";

/** A legal way to each state. */
const WAYS: Record<BatchState, BatchState[]> = {
  planned: [],
  archived: ["archived"],
  uploading: ["archived", "uploading"],
  uploaded: ["archived", "uploading", "uploaded"],
  committing: ["archived", "uploading", "uploaded", "committing"],
  delivered: ["archived", "uploading", "uploaded", "committing", "delivered"],
  uncertain: ["uncertain"],
  failed: ["failed"],
};

async function batchIn(ledger: Ledger, state: BatchState): Promise<number> {
  const batchId = await planBatch(ledger);
  await ledger.recordContent(batchId, CONTENT);
  for (const step of WAYS[state]) await ledger.recordBatchState(batchId, step, FACT);
  return batchId;
}

export function batchPromises(bench: LedgerBench): void {
  describe("a batch", () => {
    test("is planned, empty and nameless at first", async () => {
      const batchId = await planBatch(bench.ledger);
      expect(await bench.ledger.findBatch(String(batchId))).toEqual({
        batchId,
        exportId: 1,
        state: "planned",
        since: STAMP,
        detail: "",
        name: "",
        tries: 0,
        temporary: undefined,
        content: undefined,
      });
    });

    test("knows its last state, why, and since when", async () => {
      const batchId = await batchIn(bench.ledger, "committing");
      await bench.ledger.recordBatchState(batchId, "uncertain", { at: 8, recordedAt: 9, try: 1, detail: "both gone" });
      const batch = await bench.ledger.findBatch(String(batchId));
      expect(batch).toMatchObject({ state: "uncertain", since: { at: 8, recordedAt: 9 }, detail: "both gone" });
    });

    test("makes exactly the moves that the domain allows", async () => {
      for (const from of BATCH_STATES) {
        for (const to of BATCH_STATES) {
          const batchId = await batchIn(bench.ledger, from);
          const move = bench.ledger.recordBatchState(batchId, to, FACT);
          if (isLegalBatchMove(from, to)) await move;
          else await expect(move, `${from} to ${to}`).rejects.toThrow(`cannot go from ${from} to ${to}`);
        }
      }
    });

    test("is unfinished until it is delivered or failed", async () => {
      const open: number[] = [];
      for (const state of BATCH_STATES) {
        const batchId = await batchIn(bench.ledger, state);
        if (state !== "delivered" && state !== "failed") open.push(batchId);
      }
      expect((await bench.ledger.batches("unfinished")).map((batch) => batch.batchId)).toEqual(open);
      expect((await bench.ledger.batches("all")).map((batch) => batch.state)).toEqual(BATCH_STATES);
    });

    test("that nobody planned has no states", async () => {
      await expect(bench.ledger.recordBatchState(77, "archived", FACT)).rejects.toThrow("batch 77");
      expect(await bench.ledger.findBatch("77")).toBeUndefined();
    });
  });

  describe("the bytes of a batch", () => {
    test("are read back as they were, with sums past 2^53", async () => {
      const batchId = await planBatch(bench.ledger);
      await bench.ledger.recordContent(batchId, CONTENT);
      expect((await bench.ledger.findBatch(String(batchId)))?.content).toEqual(CONTENT);
    });

    test("are settled once", async () => {
      const batchId = await planBatch(bench.ledger);
      await bench.ledger.recordContent(batchId, CONTENT);
      await expect(bench.ledger.recordContent(batchId, { ...CONTENT, sha256: "zz" })).rejects.toThrow();
      expect((await bench.ledger.findBatch(String(batchId)))?.content?.sha256).toBe("b2");
    });

    test.each(["uploading", "delivered", "failed", "uncertain"] as const)("are not recorded when %s", async (state) => {
      const batchId = await planBatch(bench.ledger);
      if (state !== "failed" && state !== "uncertain") await bench.ledger.recordContent(batchId, CONTENT);
      for (const step of WAYS[state]) await bench.ledger.recordBatchState(batchId, step, FACT);
      await expect(bench.ledger.recordContent(batchId, CONTENT)).rejects.toThrow(`batch ${batchId} is ${state}`);
    });

    test("must be known before an upload begins", async () => {
      const batchId = await planBatch(bench.ledger);
      await bench.ledger.recordBatchState(batchId, "archived", FACT);
      await expect(bench.ledger.recordBatchState(batchId, "uploading", FACT)).rejects.toThrow("no archived bytes");
    });
  });

  namePromises(bench);
  tryPromises(bench);
}

function namePromises(bench: LedgerBench): void {
  describe("names", () => {
    const makeName = (number: number) => `evaluate_${number}.csv`;

    test("take numbers that are never given twice, whatever becomes of the batch", async () => {
      const { ledger } = bench;
      const first = await planBatch(ledger);
      expect(await ledger.mintName(first, makeName, STAMP)).toBe("evaluate_1.csv");
      await failBatch(ledger, first);
      const second = await planBatch(ledger);
      expect(await ledger.mintName(second, makeName, STAMP)).toBe("evaluate_2.csv");
      const later = await bench.reopen();
      await ledger.releaseLock();
      await later.acquireLock("later");
      expect(await later.mintName(second, makeName, STAMP)).toBe("evaluate_3.csv");
    });

    test("that were burned still find their batch", async () => {
      const batchId = await planBatch(bench.ledger);
      await bench.ledger.mintName(batchId, makeName, STAMP);
      await bench.ledger.mintName(batchId, makeName, STAMP);
      for (const key of ["evaluate_1.csv", "evaluate_2.csv", String(batchId)]) {
        expect(await bench.ledger.findBatch(key)).toMatchObject({ batchId, name: "evaluate_2.csv" });
      }
      expect(await bench.ledger.findBatch("evaluate_3.csv")).toBeUndefined();
    });

    test("that an earlier batch had are passed over", async () => {
      const rounded = (number: number) => `batch_${Math.ceil(number / 2)}.csv`;
      const first = await planBatch(bench.ledger);
      const second = await planBatch(bench.ledger);
      expect(await bench.ledger.mintName(first, rounded, STAMP)).toBe("batch_1.csv");
      expect(await bench.ledger.mintName(second, rounded, STAMP)).toBe("batch_2.csv");
    });

    test("that no number changes end in an error, not in a loop", async () => {
      const batchId = await planBatch(bench.ledger);
      await bench.ledger.mintName(batchId, () => "same.csv", STAMP);
      await expect(bench.ledger.mintName(batchId, () => "same.csv", STAMP)).rejects.toThrow(
        '"same.csv" was used before',
      );
    });

    test.each(["committing", "delivered", "uncertain", "failed"] as const)("are not changed when %s", async (state) => {
      const batchId = await batchIn(bench.ledger, state);
      await expect(bench.ledger.mintName(batchId, makeName, STAMP)).rejects.toThrow(`batch ${batchId} is ${state}`);
    });
  });
}

function tryPromises(bench: LedgerBench): void {
  describe("tries", () => {
    test("are counted, and only the last one's temporary file is the batch's", async () => {
      const { ledger } = bench;
      const batchId = await planBatch(ledger);
      await archiveBatch(ledger, batchId);
      const temporary = async () => {
        const batch = await ledger.findBatch(String(batchId));
        return { tries: batch?.tries, temporary: batch?.temporary };
      };
      await ledger.recordBatchState(batchId, "uploading", { ...FACT, try: 1 });
      expect(await temporary()).toEqual({ tries: 1, temporary: undefined });
      await ledger.recordTemporary(batchId, { ...STAMP, try: 1, path: "/inbound/a.csv.1.part" });
      expect(await temporary()).toEqual({ tries: 1, temporary: { try: 1, path: "/inbound/a.csv.1.part" } });
      await ledger.recordBatchState(batchId, "archived", { ...FACT, try: 1 });
      await ledger.recordBatchState(batchId, "uploading", { ...FACT, try: 2 });
      expect(await temporary()).toEqual({ tries: 2, temporary: undefined });
    });

    test("make temporary files only while they upload", async () => {
      const batchId = await batchIn(bench.ledger, "uploaded");
      const temporary = { ...STAMP, try: 1, path: "/inbound/a.csv.1.part" };
      await expect(bench.ledger.recordTemporary(batchId, temporary)).rejects.toThrow("is uploaded");
    });
  });

  test("every event of a batch is kept, with the name it had at that time", async () => {
    const { ledger } = bench;
    const batchId = await planBatch(ledger);
    await ledger.mintName(batchId, (number) => `${number}.csv`, STAMP);
    await archiveBatch(ledger, batchId);
    await ledger.recordBatchState(batchId, "uploading", { ...FACT, try: 1 });
    await ledger.recordTemporary(batchId, { ...STAMP, try: 1, path: "/in/1.csv.1.part" });
    await ledger.mintName(batchId, (number) => `${number}.csv`, STAMP);
    await ledger.recordBatchState(batchId, "archived", { ...FACT, try: 1, detail: "name taken" });
    expect(
      (await ledger.batchEvents(batchId)).map((event) => [event.state, event.name, event.try, event.detail]),
    ).toEqual([
      ["planned", "", 0, ""],
      ["name_minted", "1.csv", 0, ""],
      ["archived", "1.csv", 0, ""],
      ["uploading", "1.csv", 1, ""],
      ["temporary_created", "/in/1.csv.1.part", 1, ""],
      ["name_minted", "2.csv", 0, ""],
      ["archived", "2.csv", 1, "name taken"],
    ]);
    await deliverBatch(ledger, await planBatch(ledger));
    expect(await ledger.batchEvents(batchId)).toHaveLength(7);
  });
}
