/** A night of many batches: the first leave while the last are still being archived. */
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { Problem } from "../../src/domain/problem.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { flex } from "../../src/profiles/flex.ts";
import { exportCsv, makeMerchant, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

/** More than are archived together. */
const BATCHES = 120;
const ONE_ROW = { ...flex, batch: { ...flex.batch, maxRows: 1, nameTemplate: "b{number:3}.csv" } };

async function nightOf(note: (what: string) => void) {
  const merchant = await makeMerchant({
    profile: ONE_ROW,
    fault: ({ operation, path }) => {
      note(`${operation} ${path}`);
      return undefined;
    },
  });
  merchants.push(merchant);
  const context = await merchant.open();
  const file = await merchant.writeExport("a.csv", exportCsv(BATCHES));
  const send = (changed: PipelineContext, files: string[]) =>
    submit(changed, files, { dryRun: false, reason: "" }, createInboxMover(changed));
  return { merchant, context, file, send };
}

const arrived = (merchant: TestMerchant) => [...merchant.drop.files.keys()].filter((path) => path.endsWith(".csv"));

test("a batch has arrived before the last one is archived, and all arrive once, in their names", async () => {
  const seen: string[] = [];
  const { merchant, context, file, send } = await nightOf((what) => seen.push(what));
  const archive = Object.create(context.archive) as typeof context.archive;
  archive.create = async (path) => {
    seen.push(`archive ${path}`);
    return context.archive.create(path);
  };
  const { batches } = await send({ ...context, archive }, [file]);
  const firstRename = seen.findIndex((what) => what.startsWith("rename"));
  expect(firstRename).toBeGreaterThan(0);
  expect(firstRename).toBeLessThan(seen.indexOf("archive archive/batches/000120.csv"));
  expect(seen.findIndex((what) => what.startsWith("create"))).toBeGreaterThan(
    seen.indexOf("archive archive/batches/000008.csv"),
  );
  expect(batches.map(({ batchId, state }) => `${batchId} ${state}`)).toEqual(
    Array.from({ length: BATCHES }, (_, index) => `${index + 1} delivered`),
  );
  expect(arrived(merchant)).toHaveLength(BATCHES);
});

test("where the archive's disk fills up half-way, what left has left, and the next run sends the rest once", async () => {
  const { merchant, context, file, send } = await nightOf(() => {});
  const archive = Object.create(context.archive) as typeof context.archive;
  archive.create = async (path) => {
    if (path === "archive/batches/000077.csv") throw new Problem("disk_failed", "the disk is full");
    return context.archive.create(path);
  };
  await expect(send({ ...context, archive }, [file])).rejects.toMatchObject({ code: "disk_failed" });
  // Those that were archived with others before: 8, 16 and 32.
  expect(arrived(merchant)).toHaveLength(56);
  await send(context, []);
  expect(arrived(merchant)).toHaveLength(BATCHES);
  const rows = arrived(merchant).map((path) => merchant.drop.files.get(path)?.bytes.toString().split("\n")[1]);
  expect(new Set(rows.map((row) => row?.split(",")[5])).size).toBe(BATCHES);
});

test("of an export that was altered in the archive nothing leaves, not even what can still be read", async () => {
  const { merchant, context, file, send } = await nightOf(() => {});
  const archive = Object.create(context.archive) as typeof context.archive;
  archive.create = async (path) => {
    if (path.startsWith("archive/batches")) throw new Error("killed");
    return context.archive.create(path);
  };
  await expect(send({ ...context, archive }, [file])).rejects.toThrow("killed");
  const [taken] = await context.ledger.exports();
  const kept = context.archive.resolve(taken?.archivePath ?? "");
  await writeFile(kept, (await readFile(kept, "utf8")).replace("19.99", "91.99"));
  await expect(send(context, [])).rejects.toThrow("is damaged: it is not what was archived");
  expect(arrived(merchant)).toEqual([]);
});
