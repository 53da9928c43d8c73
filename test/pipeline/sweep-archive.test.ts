import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { collect } from "../../src/pipeline/collect.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { sweepArchive } from "../../src/pipeline/sweep-archive.ts";
import { flex } from "../../src/profiles/flex.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const filesOf = async (merchant: TestMerchant, folder: string) =>
  (await readdir(join(merchant.folder, "data/archive", folder))).toSorted();

test("what killed runs left half written in the archive is removed, and nothing else", async () => {
  const merchant = await makeMerchant();
  merchants.push(merchant);
  const context = await merchant.open();
  await submit(
    context,
    [await merchant.writeExport("a.csv", exportCsv(3))],
    { dryRun: false, reason: "" },
    createInboxMover(context),
  );
  const before = await Promise.all(["exports", "batches", "results"].map((folder) => filesOf(merchant, folder)));
  const put = (path: string) => writeFile(join(merchant.folder, "data/archive", path), "half\n");
  const left = ["batches/000002.csv.part", "exports/20261120060000-0000000a.csv.part", "results/0000000b-r.csv.part"];
  for (const path of left) await put(path);
  const kept = ["batches/notes.part", "exports/mine.csv.part", "results/0000000c-r.csv", "results/readme.part"];
  for (const path of kept) await put(path);
  await mkdir(join(merchant.folder, "data/archive/results/old"));

  expect((await sweepArchive(context)).toSorted()).toEqual(left.map((path) => `archive/${path}`));

  const after = await Promise.all(["exports", "batches", "results"].map((folder) => filesOf(merchant, folder)));
  expect(after).toEqual([
    [...(before[0] ?? []), "mine.csv.part"].toSorted(),
    [...(before[1] ?? []), "notes.part"].toSorted(),
    ["0000000c-r.csv", "old", "readme.part"],
  ]);
});

test("a result file whose own name ends in .part, and which the ledger speaks of, is no leftover", async () => {
  const merchant = await makeMerchant({ profile: { ...flex, results: { ...flex.results, patterns: ["*"] } } });
  merchants.push(merchant);
  const context = await merchant.open();
  merchant.drop.put("/outbound/results.part", resultCsv());
  expect((await collect(context)).files).toMatchObject([{ name: "results.part", state: "collected" }]);
  expect(await sweepArchive(context)).toEqual([]);
  expect(await filesOf(merchant, "results")).toHaveLength(1);
});
