/** `settle`: a person's word, with a reason, where evidence is missing. It is recorded for ever, and sends nothing itself. */
import { isUnproven } from "../domain/batch.ts";
import { foldState, isLegalMove, type OutcomeStatus, wasRescued } from "../domain/outcome.ts";
import { Problem } from "../domain/problem.ts";
import type { AttemptRecord, BatchRecord, BreakRecord } from "../ledger/ledger.ts";
import { currentBatch, plannedAt } from "./batch-facts.ts";
import { closeUncertainty } from "./close-findings.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { type Applied, applyWaiting, findOrdersShown } from "./reconcile.ts";
import { releaseUndelivered } from "./release.ts";
import { passStep } from "./steps.ts";

export interface SettledBatch {
  readonly batch: BatchRecord;
  /** Rows that were planned again under a new name, because they are still fresh. */
  readonly replanned: number;
  /** Rows that are too late to send, and the merchant's own again. */
  readonly released: readonly AttemptRecord[];
  /** Result rows that had run into the uncertainty, applied now. */
  readonly reconciliation: Applied | undefined;
}

export async function settleBatch(
  context: PipelineContext,
  idOrName: string,
  verdict: "delivered" | "not_delivered",
  reason: string,
): Promise<SettledBatch> {
  const batch = await context.ledger.findBatch(idOrName);
  if (!batch) {
    throw new Problem("not_found", `there is no batch "${idOrName}"`, {
      hint: "Nothing was changed. `rescue status` lists the batches that can be settled.",
    });
  }
  if (!isUnproven(batch.state)) {
    throw new Problem("usage", `batch ${batch.name || batch.batchId} is ${batch.state}: there is nothing to settle`, {
      hint: "Nothing was changed. Only a batch whose delivery cannot be proven is settled by a person.",
    });
  }
  if (verdict === "not_delivered") await refuseIfShown(context, batch);
  const detail = `settled as ${verdict === "delivered" ? "delivered" : "not delivered"}: ${reason}`;
  passStep("settle.begun");
  const outcome = await context.ledger.transaction(async () => {
    if (batch.state === "committing") {
      await context.ledger.recordBatchState(batch.batchId, "uncertain", factOf(context, batch, "a person looked"));
    }
    if (verdict === "not_delivered") {
      await closeUncertainty(context, batch.batchId, detail);
      passStep("settle.uncertainty_closed");
      return releaseUndelivered(context, batch, detail);
    }
    await context.ledger.recordBatchState(batch.batchId, "delivered", factOf(context, batch, detail));
    return undefined;
  });
  passStep("settle.verdict_recorded");
  const reconciliation = outcome ? undefined : await applyWaiting(context);
  passStep("settle.batch_done");
  return {
    batch: await currentBatch(context, batch.batchId),
    replanned: outcome?.replanned ?? 0,
    released: outcome?.released ?? [],
    reconciliation,
  };
}

/** A provider that has a word on an order has the order: sending it again could charge twice. */
async function refuseIfShown(context: PipelineContext, batch: BatchRecord): Promise<void> {
  const shown = await findOrdersShown(context, batch.batchId, await plannedAt(context, batch.batchId));
  const [first] = shown;
  if (first === undefined) return;
  const more = shown.length > 1 ? ` and ${shown.length - 1} more` : "";
  throw new Problem(
    "usage",
    `the provider has shown results for order ${first}${more} of this batch: it has the file`,
    {
      hint: "Nothing was changed. Settle it with --delivered; what the provider really lacks ends by its window.",
    },
  );
}

/**
 * Closes a finding. With `as`, a person's word on the rebill is appended as an outcome, at the amount that was sent; it
 * obeys the same legal moves as the provider's.
 */
export async function settleBreak(
  context: PipelineContext,
  breakId: number,
  as: OutcomeStatus | undefined,
  reason: string,
): Promise<BreakRecord> {
  const found = (await context.ledger.breaks("all")).find((entry) => entry.breakId === breakId);
  if (!found) {
    throw new Problem("not_found", `there is no break ${breakId}`, {
      hint: "Nothing was changed. `rescue breaks` lists them with their numbers.",
    });
  }
  if (found.settled) {
    throw new Problem("usage", `break ${breakId} was settled before: ${found.settled.reason}`, {
      hint: "Nothing was changed.",
    });
  }
  await context.ledger.transaction(async () => {
    if (as !== undefined) await appendWord(context, found, as, reason);
    passStep("settle.word_appended");
    await context.ledger.settleBreak(breakId, { ...stamp(context), reason, as });
  });
  passStep("settle.break_done");
  return { ...found, settled: { ...stamp(context), reason, as } };
}

async function appendWord(
  context: PipelineContext,
  found: BreakRecord,
  as: OutcomeStatus,
  reason: string,
): Promise<void> {
  const attempts = await context.ledger.findAttemptsForResults({ orderIds: [found.orderId], sessionKeys: [] });
  const attempt = attempts.find((candidate) => candidate.attemptId === found.attemptId);
  if (!attempt) {
    throw new Problem("usage", `break ${found.breakId} (${found.code}) is not about one rebill: leave --as out`, {
      hint: "Nothing was changed.",
    });
  }
  const state = foldState(attempt.outcomes.map((outcome) => outcome.status));
  if (state === as || (as === "rescued" && wasRescued(state))) return;
  if (!isLegalMove(state, as)) {
    throw new Problem("usage", `order ${found.orderId} is ${state}, and ${state} cannot become ${as}`, {
      hint: "Nothing was changed. Settle without --as to close the finding and leave the rebill as it is.",
    });
  }
  const { attemptId, amountMinor, currency } = attempt;
  const word = { status: as, rawStatus: "settled", amountMinor, currency, responseCode: "", message: reason };
  const source = { source: "person", resultFileId: undefined, line: 0, sessionKey: "" } as const;
  await context.ledger.appendOutcomes([{ ...stamp(context), ...word, ...source, attemptId }]);
}

function factOf(context: PipelineContext, batch: BatchRecord, detail: string) {
  return { ...stamp(context), try: batch.tries, detail };
}
