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

test("of thousands of rows for orders of somebody else a thousand are named, and the rest is one finding", async () => {
  const merchant = await makeMerchant();
  onTestFinished(() => merchant.close());
  const context = await merchant.open();
  const rows = Array.from({ length: 9_000 }, (_, index) => `x-${index},,APPROVED,1999,USD,,,`);
  const path = await merchant.writeExport("r.csv", resultCsv(...rows));
  const applied = await reconcile(context, [path]);
  expect(applied).toMatchObject({ rows: 9_000, applied: 0, repeated: 0 });
  expect(applied.breaks).toHaveLength(1_001);
  expect(applied.breaks.at(-1)).toMatchObject({
    code: "unknown_order",
    line: 1_002,
    message:
      "from here on 8000 more rows are for orders that were never sent from here; is it another merchant's file?",
  });
  expect((await reconcile(context, [path])).breaks).toEqual([]);
});

test("of a file that lists all that came before, what is new is named, and a night without news opens nothing", async () => {
  const merchant = await makeMerchant();
  onTestFinished(() => merchant.close());
  const context = await merchant.open();
  const row = (order: string) => `${order},,APPROVED,1999,USD,,,`;
  const rows = Array.from({ length: 1_500 }, (_, index) => row(`x-${index}`));
  const night = async (name: string, ...more: string[]) => {
    const { breaks } = await reconcile(context, [await merchant.writeExport(name, resultCsv(...rows, ...more))]);
    return breaks;
  };
  expect(await night("r1.csv")).toHaveLength(1_001);
  // Those that were left over the night before have their names by now.
  expect(await night("r2.csv", row("new-1"))).toHaveLength(501);
  expect((await night("r3.csv", row("new-1"), row("new-2"))).map(({ orderId }) => orderId)).toEqual(["new-2"]);
  expect(await night("r4.csv", row("new-2"), row("new-1"))).toEqual([]);
});
