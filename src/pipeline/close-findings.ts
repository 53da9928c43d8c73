/** Findings that evidence has answered need no person any more: they are settled in the ledger, with what answered them. */
import type { BreakCode } from "../domain/break.ts";
import { formatInstant } from "../domain/instant.ts";
import type { LateFile } from "../domain/silence.ts";
import type { BreakRecord } from "../ledger/ledger.ts";
import { type PipelineContext, stamp } from "./context.ts";

/** The batch is proven now: its uncertainty is over. */
export async function closeUncertainty(context: PipelineContext, batchId: number, reason: string): Promise<void> {
  await close(context, "delivery_uncertain", (found) => found.batchId === batchId, reason);
}

/** A verdict came after all for these attempts. */
export async function closeOverdue(
  context: PipelineContext,
  attemptIds: ReadonlySet<number>,
  reason: string,
): Promise<void> {
  if (context.profile.window.afterWindow !== "overdue") return;
  const isAnswered = (found: BreakRecord) => found.attemptId !== undefined && attemptIds.has(found.attemptId);
  await close(context, "overdue", isAnswered, reason);
}

/** A result file that was missed has come. */
export async function closeMissingFiles(context: PipelineContext, late: readonly LateFile[]): Promise<void> {
  for (const { fingerprint, at } of late) {
    const reason = `it came late: a result file was collected ${formatInstant(at)}`;
    await close(context, "result_file_missing", (found) => found.fingerprint === fingerprint, reason);
  }
}

async function close(
  context: PipelineContext,
  code: BreakCode,
  isAnswered: (found: BreakRecord) => boolean,
  reason: string,
): Promise<void> {
  for (const found of await context.ledger.breaks("open")) {
    if (found.code !== code || !isAnswered(found)) continue;
    await context.ledger.settleBreak(found.breakId, { ...stamp(context), reason, as: undefined });
  }
}
