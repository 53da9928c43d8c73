/** Findings that evidence has answered need no person any more: they are settled in the ledger, with what answered them. */
import type { BreakCode } from "../domain/break.ts";
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
  const isAnswered = (found: { readonly attemptId: number | undefined }) =>
    found.attemptId !== undefined && attemptIds.has(found.attemptId);
  await close(context, "overdue", isAnswered, reason);
}

async function close(
  context: PipelineContext,
  code: BreakCode,
  isAnswered: (found: { readonly batchId: number | undefined; readonly attemptId: number | undefined }) => boolean,
  reason: string,
): Promise<void> {
  for (const found of await context.ledger.breaks("open")) {
    if (found.code !== code || !isAnswered(found)) continue;
    await context.ledger.settleBreak(found.breakId, { ...stamp(context), reason, as: undefined });
  }
}
