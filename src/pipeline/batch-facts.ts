/** What every step of a delivery asks of a batch: as it now is, what its bytes are, where its file lies. */
import { posix } from "node:path";
import type { Instant } from "../domain/instant.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import type { PipelineContext } from "./context.ts";

export async function currentBatch(context: Pick<PipelineContext, "ledger">, batchId: number): Promise<BatchRecord> {
  const batch = await context.ledger.findBatch(String(batchId));
  if (!batch) throw new Error(`batch ${batchId} is not in the ledger`);
  return batch;
}

/** Where a batch's file is, or will be, on the server. */
export function remotePathOf(inbound: string, name: string): string {
  return posix.join(inbound, name);
}

export function contentOf(batch: BatchRecord): NonNullable<BatchRecord["content"]> {
  if (!batch.content) throw new Error(`batch ${batch.batchId} is ${batch.state} but was never archived`);
  return batch.content;
}

/** Wall clock: no result of it can be older. */
export async function plannedAt(context: Pick<PipelineContext, "ledger">, batchId: number): Promise<Instant> {
  const events = await context.ledger.batchEvents(batchId);
  return events[0]?.recordedAt ?? 0;
}
