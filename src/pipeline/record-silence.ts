/** Findings of silence become breaks in the ledger, so that each has a number and can be settled. */
import { findSilence } from "../domain/silence.ts";
import type { AttemptRecord, BreakRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { passStep } from "./steps.ts";

/** Resolves with those that are new. */
export async function recordSilence(context: PipelineContext): Promise<BreakRecord[]> {
  const { ledger, merchant, profile } = context;
  // Only these two rules look at single rebills; a year of them is not read for nothing.
  const needsAttempts = profile.window.afterWindow === "overdue" || merchant.resultsDue.length > 0;
  const facts = {
    attempts: needsAttempts ? ledger.attempts() : ([] as AttemptRecord[][]),
    batches: await ledger.batches("all"),
    runs: await ledger.runs(),
    collections: await ledger.collections(),
    window: profile.window,
    resultsDue: merchant.resultsDue,
    expectRunBy: merchant.expectRunBy,
  };
  const recorded: BreakRecord[] = [];
  for await (const page of findSilence(facts, context.clock.now())) {
    recorded.push(...(await ledger.recordBreaks(page.map((found) => ({ ...found, ...stamp(context) })))));
  }
  passStep("silence.recorded");
  return recorded;
}
