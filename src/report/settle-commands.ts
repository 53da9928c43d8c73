/**
 * What to type to settle something, ready to copy: one command for each answer that is possible, never one with a choice
 * in it, which a shell would take for a pipe.
 */
import type { BreakCode } from "../domain/break.ts";
import { isLegalMove, type OutcomeStatus, type RebillState, wasRescued } from "../domain/outcome.ts";
import type { OpenFinding } from "./findings.ts";

const VERDICTS: readonly OutcomeStatus[] = ["rescued", "unrescued", "cancelled"];

/** These leave a rebill without a verdict; settled without one, it would only go back to waiting. */
const VERDICT_NEEDED: readonly BreakCode[] = ["amount_mismatch", "currency_mismatch", "overdue"];

/** By name, so that the person sees which file it is; by number until it has one. */
export function settleBatchCommands(batch: string | number, merchant: string): string[] {
  return ["--delivered", "--not-delivered"].map((verdict) => command(batch, verdict, merchant));
}

/**
 * A batch is settled as a whole, a finding by its number. Empty while a finding has none: the next `reconcile` records it.
 *
 * @param batchNames by batch number
 * @param state of the rebill it is about
 */
export function settleCommands(
  found: OpenFinding,
  merchant: string,
  batchNames: ReadonlyMap<number, string>,
  state: RebillState = "pending",
): string[] {
  const { breakId, batchId } = found;
  if (found.code === "delivery_uncertain" && batchId !== undefined && found.attemptId === undefined) {
    return settleBatchCommands(batchNames.get(batchId) || batchId, merchant);
  }
  if (breakId === undefined) return [];
  if (!VERDICT_NEEDED.includes(found.code)) return [command(breakId, "", merchant)];
  return VERDICTS.filter((verdict) => isPossible(state, verdict)).map((verdict) =>
    command(breakId, `--as ${verdict}`, merchant),
  );
}

/** What a person may still say of a rebill in that state; money once collected stays collected. */
function isPossible(state: RebillState, verdict: OutcomeStatus): boolean {
  return state === verdict || isLegalMove(state, verdict) || (verdict === "rescued" && wasRescued(state));
}

function command(subject: string | number, verdict: string, merchant: string): string {
  return ["rescue settle", subject, verdict, `--reason "…" --merchant ${merchant}`]
    .filter((part) => part !== "")
    .join(" ");
}
