import { expect, onTestFinished, test } from "vitest";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { makeMerchant, resultCsv } from "../support/pipeline.ts";

test("of thousands of rows that cannot be read a thousand are named, and the rest is one finding with its number", async () => {
  const merchant = await makeMerchant();
  onTestFinished(() => merchant.close());
  const context = await merchant.open();
  const path = await merchant.writeExport("r.csv", `${resultCsv()}${"x\n".repeat(5_000)}`);
  const applied = await reconcile(context, [path]);
  expect(applied).toMatchObject({ rows: 5_000, applied: 0 });
  expect(applied.breaks).toHaveLength(1_001);
  expect(applied.breaks.at(-1)).toMatchObject({
    code: "malformed_result",
    line: 1_002,
    message: "from here on 4000 more rows of the file cannot be read",
  });
  expect((await reconcile(context, [path])).breaks).toEqual([]);
});
