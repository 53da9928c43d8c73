/** What a verb asks of the ledger for each batch or file must not grow with the ledger, or a year of it is read every night. */
import { afterEach, expect, test } from "vitest";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { collect } from "../../src/pipeline/collect.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { flex } from "../../src/profiles/flex.ts";
import { exportCsv, makeMerchant, resultCsv, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

/** The context with a ledger that counts how often each of its methods is called. */
function counting(context: PipelineContext) {
  const calls = new Map<string | symbol, number>();
  const ledger = new Proxy(context.ledger, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return Reflect.apply(member, target, values);
      };
    },
  });
  return { context: { ...context, ledger }, callsOf: (name: keyof Ledger) => calls.get(name) ?? 0 };
}

async function make(maxRows = flex.batch.maxRows) {
  const merchant = await makeMerchant({ profile: { ...flex, batch: { ...flex.batch, maxRows } } });
  merchants.push(merchant);
  return { merchant, ...counting(await merchant.open()) };
}

test("ten batches do not list the exports ten times", async () => {
  const { merchant, context, callsOf } = await make(1);
  const file = await merchant.writeExport("a.csv", exportCsv(10));
  const sent = await submit(context, [file], { dryRun: false, reason: "" }, createInboxMover(context));
  expect(sent.batches).toHaveLength(10);
  expect(callsOf("exports")).toBeLessThan(5);
});

test("ten unfinished result files do not list the looks ten times", async () => {
  const { merchant, context, callsOf } = await make();
  for (let n = 0; n < 10; n++) merchant.drop.put(`/outbound/r-${n}.csv`, resultCsv().trimEnd());
  expect((await collect(context)).files.map((file) => file.state)).toEqual(Array(10).fill("not_ready"));
  expect(callsOf("looks")).toBeLessThan(5);
});
