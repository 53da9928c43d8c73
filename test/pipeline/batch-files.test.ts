/** Batch files are the same, and fail in the same words, whichever thread writes them. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { INTAKE_PATHS, type IntakePath } from "../../src/domain/intake-path.ts";
import { archiveBatches } from "../../src/pipeline/archive-batches.ts";
import { LocalBatchFiles } from "../../src/pipeline/batch-files.ts";
import { ThreadedBatchFiles } from "../../src/pipeline/batch-thread.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { RunBatchFiles } from "../../src/pipeline/run-batch-files.ts";
import { takeExport } from "../../src/pipeline/take-export.ts";
import { flex } from "../../src/profiles/flex.ts";
import { exportCsv, makeMerchant, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const PROFILE = { ...flex, batch: { ...flex.batch, maxRows: 30 } };
/** More batches than are archived together, of two exports. */
const ROWS = 1_650;

async function plan(intakePath: IntakePath): Promise<PipelineContext> {
  const merchant = await makeMerchant({ profile: PROFILE });
  merchants.push(merchant);
  const context = { ...(await merchant.open()), intakePath };
  for (const name of ["a", "b"]) {
    const file = await merchant.writeExport(`${name}.csv`, exportCsv(ROWS, { from: name === "a" ? 1 : ROWS + 1 }));
    await takeExport(context, file, { dryRun: false, reason: "" });
  }
  return context;
}

const archive = async (context: PipelineContext) => archiveBatches(context, await context.ledger.batches("unfinished"));

const optionsOf = ({ archive, profile }: PipelineContext) => ({ archive, profile, mid: "m", intakePath: undefined });

async function archived(intakePath: IntakePath) {
  const context = await plan(intakePath);
  await archive(context);
  const folder = context.archive.resolve("archive/batches");
  const names = (await readdir(folder)).toSorted();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return {
    names,
    files,
    batches: (await context.ledger.batches("all")).map(({ state, content }) => ({ state, content })),
  };
}

describe("batch files", () => {
  test("have the same bytes and totals, whichever way they are written", async () => {
    const [first, ...others] = await Promise.all(INTAKE_PATHS.map(archived));
    expect(first?.names).toHaveLength((2 * ROWS) / PROFILE.batch.maxRows);
    expect(first?.batches.every(({ state }) => state === "archived")).toBe(true);
    for (const other of others) expect(other).toEqual(first);
  });

  test.each(["one_thread", "workers"] as const)(
    "that cannot be written are a disk failure, and none is archived (%s)",
    async (path) => {
      const context = await plan(path);
      await rm(context.archive.resolve("archive/batches"), { recursive: true });
      await writeFile(context.archive.resolve("archive/batches"), "no folder");
      await expect(archive(context)).rejects.toMatchObject({
        code: "disk_failed",
        message: expect.stringMatching(/^cannot write archive\/batches\/000001\.csv: E/),
        hint: expect.stringContaining("Nothing of this step was sent"),
      });
      expect(new Set((await context.ledger.batches("all")).map(({ state }) => state))).toEqual(new Set(["planned"]));
    },
  );

  test.each(["one_thread", "workers"] as const)(
    "are not made of an export that was altered, which is named (%s)",
    async (path) => {
      const context = await plan(path);
      const [taken] = await context.ledger.exports();
      const kept = context.archive.resolve(taken?.archivePath ?? "");
      await writeFile(kept, (await readFile(kept, "utf8")).replace("19.99", "91.99"));
      await expect(archive(context)).rejects.toThrow(`${kept} is damaged`);
      expect(await readdir(context.archive.resolve("archive/batches"))).toEqual([]);
    },
  );

  test.each([LocalBatchFiles, ThreadedBatchFiles])(
    "are begun in the order of the calls, none after one that failed (%o)",
    async (Files) => {
      const context = await plan("auto");
      const [taken] = await context.ledger.exports();
      if (!taken) throw new Error("no export");
      const files = new Files(optionsOf(context));
      const write = (batchId: number, ...positions: number[]) =>
        files.write({ batchId, taken, positions: Uint32Array.from(positions) });
      const all = await Promise.allSettled([write(1, 0, 1), write(2, 1_000, 999_999), write(3, 2), write(4, 3)]);
      expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
      expect(await readdir(context.archive.resolve("archive/batches"))).toEqual(["000001.csv.part"]);
      await files.close();
    },
  );

  test("whose thread has ended are refused, not waited for", async () => {
    const context = await plan("auto");
    const [taken] = await context.ledger.exports();
    if (!taken) throw new Error("no export");
    const files = new ThreadedBatchFiles(optionsOf(context));
    const write = (batchId: number) => files.write({ batchId, taken, positions: Uint32Array.of(0) });
    const waiting = write(1).catch((error: Error) => error.message);
    await files.close();
    const words = "the thread that writes batch files ended before its work was done";
    expect([await waiting, await write(2).catch((error: Error) => error.message)]).toEqual([words, words]);
  });

  describe("that are begun before their claims are committed", () => {
    async function begun() {
      const merchant = await makeMerchant({ profile: PROFILE });
      merchants.push(merchant);
      const context: PipelineContext = { ...(await merchant.open()), intakePath: "workers" };
      const file = await merchant.writeExport("a.csv", exportCsv(ROWS));
      const batchFiles = new RunBatchFiles(context);
      const names = () => readdir(context.archive.resolve("archive/batches"));
      return { context, file, batchFiles, names };
    }
    const TAKE = { dryRun: false, reason: "" };

    test("are parts until they are archived, with the bytes that they have when they are made later", async () => {
      const later = await archived("one_thread");
      const { context, file, batchFiles, names } = await begun();
      await takeExport(context, file, { ...TAKE, batchFiles });
      expect(await context.ledger.batches("unfinished")).toHaveLength(ROWS / PROFILE.batch.maxRows);
      expect((await names()).every((name) => name.endsWith(".part"))).toBe(true);
      await archiveBatches(context, await context.ledger.batches("unfinished"), { files: batchFiles });
      const made = (await names()).toSorted();
      expect(made).toEqual(later.names.slice(0, made.length));
      const batches = await context.ledger.batches("all");
      expect(batches.map(({ content }) => content)).toEqual(
        later.batches.slice(0, made.length).map(({ content }) => content),
      );
    });

    test("leave nothing if the claims are not committed after all", async () => {
      const { context, file, batchFiles, names } = await begun();
      const ledger = { ...context.ledger, endExport: () => Promise.reject(new Error("the disk is full")) };
      await expect(takeExport({ ...context, ledger }, file, { ...TAKE, batchFiles })).rejects.toThrow("is full");
      expect(await names()).toEqual([]);
      expect(await context.ledger.hasAttempts()).toBe(false);
    });

    test("leave nothing that counts if nobody takes them, and are made again", async () => {
      const { context, file, batchFiles, names } = await begun();
      await takeExport(context, file, { ...TAKE, batchFiles });
      await batchFiles.close();
      expect(await names()).toEqual([]);
      await archiveBatches(context, await context.ledger.batches("unfinished"), { files: batchFiles });
      expect(await names()).toHaveLength(ROWS / PROFILE.batch.maxRows);
    });

    test("are not begun of an export that one thread reads", async () => {
      const { context, file, names } = await begun();
      const small: PipelineContext = { ...context, intakePath: "one_thread" };
      await takeExport(small, file, { ...TAKE, batchFiles: new RunBatchFiles(small) });
      expect(await names()).toEqual([]);
    });
  });
});
