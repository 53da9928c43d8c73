/** Looks at what an interrupted delivery left on the server, and asks the decision table what it means. */
import {
  type CutOffDelivery,
  type DeliveryStep,
  decideDelivery,
  deservesSecondLook,
  type RemoteLookAt,
} from "../domain/delivery.ts";
import { isProblem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import type { RemoteDrop } from "../transport/transport.ts";
import { contentOf, remotePathOf } from "./batch-facts.ts";
import type { PipelineContext } from "./context.ts";
import { passStep } from "./steps.ts";

export async function lookAndDecide(
  context: PipelineContext,
  drop: RemoteDrop,
  batch: BatchRecord,
): Promise<DeliveryStep> {
  const delivery = cutOffDelivery(context, batch);
  passStep("recover.begun");
  let look = await lookAt(context, drop, batch);
  passStep("recover.looked");
  if (deservesSecondLook(delivery.state, look)) {
    await context.delay(context.settleMs);
    look = await lookAt(context, drop, batch);
  }
  passStep("recover.decided");
  return decideDelivery(delivery, look);
}

async function lookAt(context: PipelineContext, drop: RemoteDrop, batch: BatchRecord): Promise<RemoteLookAt> {
  const finalPath = remotePathOf(context.merchant.inbound, batch.name);
  const temporary = batch.temporary && (await drop.stat(batch.temporary.path));
  const final = await drop.stat(finalPath);
  if (final === undefined) return { temporary, final };
  const mayBeOurs = final.sizeBytes === contentOf(batch).sizeBytes && context.profile.delivery.readBack;
  const sha256 = mayBeOurs ? await hashIfAllowed(drop, finalPath) : undefined;
  return { temporary, final: { sizeBytes: final.sizeBytes, ...(sha256 === undefined ? {} : { sha256 }) } };
}

/** A server may let us write and list, but not read: then the size has to do. */
async function hashIfAllowed(drop: RemoteDrop, path: string): Promise<string | undefined> {
  try {
    return (await drop.hash(path)).sha256;
  } catch (error) {
    if (isProblem(error, "permission_denied", "remote_failed")) return undefined;
    throw error;
  }
}

function cutOffDelivery(context: PipelineContext, batch: BatchRecord): CutOffDelivery {
  const { state } = batch;
  if (state !== "uploading" && state !== "uploaded" && state !== "committing" && state !== "uncertain") {
    throw new Error(`batch ${batch.batchId} is ${state}: there is nothing to look for`);
  }
  const { commit, ignoresTemporaryNames } = context.profile.delivery;
  const { sizeBytes, sha256 } = contentOf(batch);
  return { state, created: batch.temporary !== undefined, sizeBytes, sha256, commit, ignoresTemporaryNames };
}
