/** A result file longer than one page of rows: what a row means does not depend on the page that it falls into. */
import { afterEach, expect, test } from "vitest";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

let merchant: TestMerchant;
afterEach(() => merchant.close());

async function sent(rows: number): Promise<PipelineContext> {
  merchant = await makeMerchant();
  const context = await merchant.open();
  const mover = { taken: async () => {}, unreadable: async () => {} };
  await submit(context, [await merchant.writeExport("a.csv", exportCsv(rows))], { dryRun: false, reason: "" }, mover);
  return context;
}

const row = (order: string, key: string, word: string, amount = 1999) =>
  `${order},${key},${word},${amount},USD,2026-11-21T07:00:00Z,,`;
const FILLERS = 9_500;
/** The first is applied, the others repeat it. */
const fillers = Array.from({ length: FILLERS }, () => row("o-5", "", "SUBMITTED"));

test("a word, a key and a contradiction of the first page are known in the second", async () => {
  const context = await sent(5);
  const path = await merchant.writeExport(
    "results.csv",
    resultCsv(
      row("o-1", "k-1", "SUBMITTED"),
      row("o-2", "k-2", "APPROVED", 5),
      row("nobody-1", "", "APPROVED"),
      row("o-4", "k-4", "DECLINED"),
      ...fillers,
      row("", "k-1", "APPROVED"),
      row("o-2", "k-2", "APPROVED", 5),
      row("o-2", "k-2", "APPROVED"),
      row("nobody-1", "", "APPROVED"),
      row("o-4", "k-4", "APPROVED"),
      row("o-3", "k-3", "APPROVED"),
    ),
  );
  const { rows, applied, repeated, breaks } = await reconcile(context, [path]);
  expect({ rows, applied, repeated }).toEqual({ rows: FILLERS + 10, applied: 6, repeated: FILLERS + 1 });
  const codes = Object.groupBy(breaks, (found) => found.code);
  expect(codes.unknown_order).toHaveLength(1);
  expect(codes.amount_mismatch?.map((found) => [found.orderId, found.line])).toEqual([["o-2", 3]]);
  expect(codes.conflicting_outcome?.map((found) => [found.orderId, found.line])).toEqual([["o-4", FILLERS + 10]]);
  const known = await context.ledger.findAttempts([{ orderId: "o-1", transactionId: "" }]);
  expect(known[0]?.outcomes.map((outcome) => [outcome.status, outcome.line])).toEqual([
    ["pending", 2],
    ["rescued", FILLERS + 6],
  ]);

  const again = await reconcile(context, [path]);
  expect([again.applied, again.repeated, again.breaks]).toEqual([0, FILLERS + 10, []]);
});
