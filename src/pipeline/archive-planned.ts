/** What encodes a batch is loaded when there is one to encode: most nights of a small merchant have none. */
import type { BatchRecord } from "../ledger/ledger.ts";
import type { ArchiveOptions } from "./archive-batches.ts";
import type { PipelineContext } from "./context.ts";

/** Those of the batches that are planned, see `archiveBatches`. */
export async function archivePlanned(
  context: PipelineContext,
  batches: readonly BatchRecord[],
  options?: ArchiveOptions,
): Promise<void> {
  const planned = batches.filter((batch) => batch.state === "planned");
  if (planned.length === 0) return;
  const { archiveBatches } = await import("./archive-batches.ts");
  await archiveBatches(context, planned, options);
}
