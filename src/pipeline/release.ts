/** A batch that was not sent in time is proven not delivered: its rows are released, and the fresh ones go again. */
import { isTooLate } from "../domain/freshness.ts";
import { formatMoney, MoneyTotals } from "../domain/money.ts";
import type { AttemptRecord, BatchRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { passStep } from "./steps.ts";

const NAMED_IN_NOTE = 20;

/**
 * True when the batch held rows that may not be sent any more: it is then `failed`, the rows that are still fresh are
 * planned as a new batch, and the others are named with their money. Only for a batch of which nothing is on the server.
 */
export async function releaseIfTooLate(context: PipelineContext, batch: BatchRecord): Promise<boolean> {
  // Nearly always none is, and the earliest times tell that without reading the rows.
  const earliest = await context.ledger.earliestTimes(batch.batchId);
  if (earliest === undefined || !(await lateness(context, batch))(earliest)) return false;
  const { fresh, late } = await sortByFreshness(context, batch);
  if (late.length === 0) return false;
  await release(context, batch, fresh, `${late.length} of its rows became too late to send`);
  nameReleased(context, batch, late);
  return true;
}

/**
 * A person says that the batch never arrived: what is still fresh is planned again under a new name.
 * Resolves with the rows that are too late, which are the merchant's own again.
 */
export async function releaseUndelivered(
  context: PipelineContext,
  batch: BatchRecord,
  reason: string,
): Promise<{ readonly replanned: number; readonly released: readonly AttemptRecord[] }> {
  const { fresh, late } = await sortByFreshness(context, batch);
  await release(context, batch, fresh, reason);
  return { replanned: fresh.length, released: late };
}

async function release(
  context: PipelineContext,
  batch: BatchRecord,
  fresh: readonly AttemptRecord[],
  detail: string,
): Promise<void> {
  const { ledger } = context;
  passStep("release.begun");
  await ledger.transaction(async () => {
    await ledger.recordBatchState(batch.batchId, "failed", { ...stamp(context), try: batch.tries, detail });
    passStep("release.failed_recorded");
    if (fresh.length === 0) return;
    const next = await ledger.planBatch({ ...stamp(context), exportId: batch.exportId });
    await ledger.reclaim(
      next,
      fresh.map((attempt) => attempt.attemptId),
    );
    passStep("release.reclaimed");
  });
  passStep("release.done");
}

async function sortByFreshness(context: PipelineContext, batch: BatchRecord) {
  const fresh: AttemptRecord[] = [];
  const late: AttemptRecord[] = [];
  const isLate = await lateness(context, batch);
  for await (const page of context.ledger.batchAttempts(batch.batchId)) {
    for (const attempt of page) (isLate(attempt) ? late : fresh).push(attempt);
  }
  return { fresh, late };
}

/** By one moment, and by what a person allowed for its export. */
async function lateness(context: PipelineContext, batch: BatchRecord) {
  const allowed = (await context.ledger.findExportById(batch.exportId))?.maxAgeDays;
  const maxAgeDays = Math.max(allowed ?? 0, context.maxAgeDays);
  const now = context.clock.now();
  return (times: Pick<AttemptRecord, "declinedAt" | "expiresAt">) =>
    isTooLate(times, now, context.merchant.policy, maxAgeDays);
}

function nameReleased(context: PipelineContext, batch: BatchRecord, late: readonly AttemptRecord[]): void {
  const totals = MoneyTotals.of(late)
    .toArray()
    .map((total) => formatMoney(total.amountMinor, total.currency));
  const orders = late.slice(0, NAMED_IN_NOTE).map((attempt) => attempt.orderId);
  const more = late.length > orders.length ? `, and ${late.length - orders.length} more` : "";
  context.note(
    `${late.length} rebills (${totals.join(", ")}) of batch ${batch.name || batch.batchId} are too late to send and are ` +
      `yours again: ${orders.join(", ")}${more}. To send them all the same: submit --max-age with a --reason.`,
  );
}
