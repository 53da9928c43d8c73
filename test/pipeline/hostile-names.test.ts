import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keptName } from "../../src/pipeline/archive.ts";
import { collect } from "../../src/pipeline/collect.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

/** As long as a name on a disk may be. */
const LONGEST = `${"é".repeat(125)}n.csv`;
const STEERING = "x\nok: sent\u001b[2J\u202e.csv";

async function make(): Promise<TestMerchant> {
  const merchant = await makeMerchant();
  onTestFinished(() => merchant.close());
  return merchant;
}

const filesIn = (merchant: TestMerchant, ...path: string[]): string[] => readdirSync(join(merchant.folder, ...path));

test("a result file with the longest name there is does not keep the others from being collected", async () => {
  const merchant = await make();
  const context = await merchant.open();
  for (const name of [LONGEST, "z.csv"])
    merchant.drop.files.set(`/outbound/${name}`, {
      bytes: Buffer.from(resultCsv(`${name.length},,APPROVED,1,USD,,,`)),
      modifiedAt: merchant.now,
    });
  const { files } = await collect(context);
  expect(files.map(({ name, state }) => [name, state])).toEqual([
    ["z.csv", "collected"],
    [LONGEST, "collected"],
  ]);
  expect((await reconcile(context)).rows).toBe(2);
});

test.each([
  ["as long as can be", LONGEST],
  ["that would steer a terminal", STEERING],
])("an export with a name %s is taken, and its rejects are kept", async (_what, name) => {
  const merchant = await make();
  const context = await merchant.open();
  const file = await merchant.writeExport(name, exportCsv(9).replace("2026-11-20T05:00:00Z,19.99", "never,19.99"));
  const sent = await submit(context, [file], { dryRun: false, reason: "" }, createInboxMover(context));
  expect(sent.exports[0]?.accepted).toBe(8);
  expect(merchant.notes).toEqual([]);
  expect(filesIn(merchant, "inbox")).toEqual(["processed"]);
  const kept = [...filesIn(merchant, "inbox", "processed"), ...filesIn(merchant, "data", "rejects")];
  expect(kept).toHaveLength(2);
  for (const each of kept) expect(each).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test("a result file that is given may have any name", async () => {
  const merchant = await make();
  const context = await merchant.open();
  const paths = [
    await merchant.writeExport(LONGEST, resultCsv("a,,APPROVED,1,USD,,,")),
    await merchant.writeExport(STEERING, resultCsv("b,,APPROVED,1,USD,,,")),
  ];
  expect((await reconcile(context, paths)).rows).toBe(2);
  for (const each of filesIn(merchant, "data", "archive", "results")) expect(each).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test("a kept name is the given one, or the end of it", () => {
  expect(keptName("rebills 2026-11-20 (Zoë).csv")).toBe("rebills 2026-11-20 (Zoë).csv");
  expect(keptName("a/b\\c\0.csv")).toBe("a_b_c_.csv");
  expect(keptName(LONGEST)).toMatch(/^é+n\.csv$/);
  expect(Buffer.byteLength(keptName(LONGEST))).toBeLessThanOrEqual(150);
});
