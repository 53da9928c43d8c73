/** Findings that evidence has answered need no person any more: they are settled in the ledger, with what answered them. */
import { formatInstant } from "../domain/instant.ts";
import { type LateFile, overdueFingerprint } from "../domain/silence.ts";
import type { BreakRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { pagesOf } from "./pages.ts";

/** The batch is proven now: its uncertainty is over. */
export async function closeUncertainty(context: PipelineContext, batchId: number, reason: string): Promise<void> {
  const open = await context.ledger.breaks("open", "delivery_uncertain");
  await close(
    context,
    open.filter((found) => found.batchId === batchId),
    reason,
  );
}

/** A verdict came after all for these attempts. */
export async function closeOverdue(
  context: PipelineContext,
  attemptIds: ReadonlySet<number>,
  reason: string,
): Promise<void> {
  if (context.profile.window.afterWindow !== "overdue" || attemptIds.size === 0) return;
  for (const page of pagesOf([...attemptIds])) {
    await close(context, await context.ledger.findBreaks("overdue", page.map(overdueFingerprint)), reason);
  }
}

/** A result file that was missed has come. */
export async function closeMissingFiles(context: PipelineContext, late: readonly LateFile[]): Promise<void> {
  for (const { fingerprint, at } of late) {
    const reason = `it came late: a result file was collected ${formatInstant(at)}`;
    await close(context, await context.ledger.findBreaks("result_file_missing", [fingerprint]), reason);
  }
}

async function close(context: PipelineContext, found: readonly BreakRecord[], reason: string): Promise<void> {
  for (const { breakId, settled } of found) {
    if (settled) continue;
    await context.ledger.settleBreak(breakId, { ...stamp(context), reason, as: undefined });
  }
}
