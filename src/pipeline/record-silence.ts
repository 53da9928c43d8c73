/** Findings of silence become breaks in the ledger, so that each has a number and can be settled. */
import { findSilence } from "../domain/silence.ts";
import type { BreakRecord } from "../ledger/ledger.ts";
import { closeMissingFiles } from "./close-findings.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { passStep } from "./steps.ts";

/** Resolves with those that are new; those that a late file has answered are closed. */
export async function recordSilence(context: PipelineContext): Promise<BreakRecord[]> {
  const { ledger, merchant, profile } = context;
  const facts = {
    attempts: ledger.standings(),
    batches: await ledger.batches(merchant.resultsDue.length > 0 ? "all" : "unfinished"),
    runs: await ledger.runs(),
    collections: await ledger.collections(),
    window: profile.window,
    resultsDue: merchant.resultsDue,
    expectRunBy: merchant.expectRunBy,
  };
  const recorded: BreakRecord[] = [];
  const silence = findSilence(facts, context.clock.now());
  let page = await silence.next();
  for (; !page.done; page = await silence.next()) {
    recorded.push(...(await ledger.recordBreaks(page.value.map((found) => ({ ...found, ...stamp(context) })))));
  }
  await closeMissingFiles(context, page.value);
  passStep("silence.recorded");
  return recorded;
}
