/**
 * Brings one batch to the provider, or back to it after a run that was cut off. Every state is recorded before the act
 * it allows; what was cut off is looked at (interrupted-delivery.ts), never guessed. The order here is the promise
 * "exactly once".
 */
import type { BatchState } from "../domain/batch.ts";
import type { DeliveryStep } from "../domain/delivery.ts";
import { isProblem, Problem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import { batchFileName } from "../profiles/batch-name.ts";
import type { RemoteDrop } from "../transport/transport.ts";
import { contentOf, currentBatch, remotePathOf } from "./batch-facts.ts";
import { checkStop, type PipelineContext, stamp } from "./context.ts";
import { lookAndDecide } from "./interrupted-delivery.ts";
import { releaseIfTooLate } from "./release.ts";
import { passStep } from "./steps.ts";

/** A name that is taken is burned; a server on which every name is taken is not one to go on with. */
const MAX_BURNED_NAMES = 20;

/**
 * Delivers an archived batch, or finishes one that an earlier run (or a lost connection) left between two states.
 * Resolves with the batch as it then is: `delivered`, `uncertain`, or `failed` where it had become too late to send.
 * Rejects with a Problem when it could not go on; the batch then stands in the last state that was recorded, and
 * calling again goes on from there.
 */
export async function deliverBatch(context: PipelineContext, batchId: number): Promise<BatchRecord> {
  await context.remote.withReconnect(async (drop) => {
    const batch = await currentBatch(context, batchId);
    if (batch.state === "archived") return upload(context, drop, batch);
    return carryOut(context, drop, batch, await lookAndDecide(context, drop, batch));
  });
  passStep("deliver.done");
  return currentBatch(context, batchId);
}

async function carryOut(
  context: PipelineContext,
  drop: RemoteDrop,
  batch: BatchRecord,
  decision: DeliveryStep,
): Promise<void> {
  switch (decision.step) {
    case "delivered":
      if (decision.removeTemporary && batch.temporary) await drop.remove(batch.temporary.path);
      passStep("recover.temporary_removed");
      return finish(context, drop, batch);
    case "commit":
      return commit(context, drop, batch);
    // A name that is taken is burned by the upload, which looks at it once more.
    case "burn_name":
    case "upload":
      return upload(
        context,
        drop,
        await abandon(context, batch, "the last try was abandoned"),
        seenPath(batch, decision),
      );
    case "uncertain":
      if (batch.state !== "uncertain") await record(context, batch, "uncertain", decision.why);
  }
}

/** `seen`: where a look has just found our temporary file of an earlier try. */
async function upload(
  context: PipelineContext,
  drop: RemoteDrop,
  archived: BatchRecord,
  seen?: string | undefined,
): Promise<void> {
  passStep("upload.begun");
  if (!(await removeEarlierTries(context, drop, archived, seen))) return;
  if (await releaseIfTooLate(context, archived)) return;
  passStep("upload.still_fresh");
  checkStop(context);
  const named = await withFreeName(context, drop, archived);
  passStep("upload.name_free");
  const batch = { ...named, tries: named.tries + 1 };
  await record(context, batch, "uploading");
  try {
    if (context.profile.delivery.commit === "direct") return await uploadDirectly(context, drop, batch);
    const path = temporaryPathOf(context, batch.name, batch.tries);
    await send(context, drop, batch, path, () =>
      context.ledger.recordTemporary(batch.batchId, { ...stamp(context), try: batch.tries, path }),
    );
    await record(context, batch, "uploaded");
  } catch (error) {
    if (await hasBecomeUncertain(context, drop, batch, error)) return;
    throw error;
  }
  const uploaded = await currentBatch(context, batch.batchId);
  if ((await drop.stat(remotePathOf(context.merchant.inbound, batch.name))) !== undefined) {
    return carryOut(context, drop, uploaded, await lookAndDecide(context, drop, uploaded));
  }
  passStep("upload.name_still_free");
  return commit(context, drop, uploaded);
}

/**
 * The server answered and refused (a full disk, a permission): our partial file should not stay there. True: the file was
 * gone before us, so that the server takes temporary names too, and the batch is `uncertain` now.
 */
async function hasBecomeUncertain(
  context: PipelineContext,
  drop: RemoteDrop,
  batch: BatchRecord,
  error: unknown,
): Promise<boolean> {
  if (!isProblem(error, "remote_failed", "permission_denied", "disk_failed")) return false;
  const current = await currentBatch(context, batch.batchId);
  if (current.state !== "uploading") return false;
  const decision = await lookAndDecide(context, drop, current);
  if (decision.step === "uncertain") {
    await record(context, batch, "uncertain", decision.why);
    return true;
  }
  if (decision.step !== "upload" && decision.step !== "burn_name") return false;
  const abandoned = await abandon(context, current, `try ${batch.tries} failed: ${error.message}`);
  try {
    return !(await removeEarlierTries(context, drop, abandoned, seenPath(current, decision)));
  } catch (removal) {
    // The refusal is what the person must see; the next run removes what is still there.
    if (!isProblem(removal, "remote_failed", "permission_denied", "remote_unreachable")) throw removal;
    return false;
  }
}

/**
 * Recorded before our temporary file is removed: once it is gone, only this tells that it was us. Killed in between, the
 * next upload removes it.
 */
async function abandon(context: PipelineContext, batch: BatchRecord, why: string): Promise<BatchRecord> {
  await record(context, batch, "archived", why);
  return currentBatch(context, batch.batchId);
}

function seenPath(batch: BatchRecord, { removeTemporary }: { readonly removeTemporary: boolean }): string | undefined {
  return removeTemporary ? batch.temporary?.path : undefined;
}

/**
 * False: what was seen a moment ago is gone before us, so the provider may have taken it, and the batch is `uncertain` now.
 * Tries are removed by the names they must have had: one whose creation was never acknowledged may have left a file as well, but an
 * empty one.
 */
async function removeEarlierTries(
  context: PipelineContext,
  drop: RemoteDrop,
  batch: BatchRecord,
  seen: string | undefined,
): Promise<boolean> {
  const { commit, ignoresTemporaryNames } = context.profile.delivery;
  if (batch.tries === 0 || commit === "direct") return true;
  let isOurs = seen === undefined || ignoresTemporaryNames;
  for (const event of await context.ledger.batchEvents(batch.batchId)) {
    if (event.state !== "uploading") continue;
    const path = temporaryPathOf(context, event.name, event.try);
    const removed = await drop.remove(path).catch((error) => {
      // Of what was not there a server may say anything: one that may only be read refuses even that.
      if (path === seen || !isProblem(error, "remote_failed", "permission_denied")) throw error;
      return false;
    });
    passStep("abandon.try_removed");
    isOurs ||= path === seen && removed;
  }
  passStep("abandon.tries_gone");
  const why = "our temporary file vanished before we could remove it, and the provider may have taken it";
  if (!isOurs) await record(context, batch, "uncertain", why);
  return isOurs;
}

/**
 * A server without rename: the final name is written at once. An empty file of that name holds no rebill, so `committing`
 * is recorded between its creation and the first byte.
 */
async function uploadDirectly(context: PipelineContext, drop: RemoteDrop, batch: BatchRecord): Promise<void> {
  await send(context, drop, batch, remotePathOf(context.merchant.inbound, batch.name), () =>
    context.ledger.transaction(async () => {
      await record(context, batch, "uploaded");
      await record(context, batch, "committing");
    }),
  );
  await finish(context, drop, batch);
}

async function send(
  context: PipelineContext,
  drop: RemoteDrop,
  batch: BatchRecord,
  path: string,
  onCreated: () => Promise<void>,
): Promise<void> {
  const content = contentOf(batch);
  const sent = await drop.upload(context.archive.resolve(content.archivePath), path, {
    mayBeTakenAtOnce: context.profile.delivery.commit === "direct",
    onCreated: async () => {
      passStep("upload.created");
      await onCreated();
      passStep("upload.creation_recorded");
    },
    onProgress: (bytes) => {
      passStep("upload.progressed");
      context.progress(batch.name, bytes, content.sizeBytes);
    },
  });
  passStep("upload.sent");
  if (sent.sha256 !== content.sha256 || sent.sizeBytes !== content.sizeBytes) {
    throw new Problem("disk_failed", `the archived file ${content.archivePath} is not the one that was archived`, {
      hint: "It was not committed on the server. Restore the archive from a backup, then run again.",
    });
  }
}

async function commit(context: PipelineContext, drop: RemoteDrop, batch: BatchRecord): Promise<void> {
  if (!batch.temporary) throw new Error(`batch ${batch.batchId} has no temporary file to commit`);
  await record(context, batch, "committing");
  try {
    await drop.rename(batch.temporary.path, remotePathOf(context.merchant.inbound, batch.name));
  } catch (error) {
    if (!isProblem(error, "remote_failed", "permission_denied", "remote_folder_missing")) throw error;
    passStep("commit.refused");
    // An error answer is looked at before it is believed.
    const committing = await currentBatch(context, batch.batchId);
    const decision = await lookAndDecide(context, drop, committing);
    passStep("commit.looked_after_refusal");
    if (decision.step === "commit") {
      await record(context, batch, "uploaded", `the server refused the rename: ${error.message}`);
      throw error;
    }
    return carryOut(context, drop, committing, decision);
  }
  passStep("commit.renamed");
  // Acknowledged: whatever becomes of the file now, it was delivered. Nothing more is sent for it.
  await finish(context, drop, batch);
}

async function finish(context: PipelineContext, drop: RemoteDrop, batch: BatchRecord): Promise<void> {
  passStep("finish.begun");
  const { trigger } = context.profile.delivery;
  // Before `delivered` is recorded: a trigger that could not be made is made by the next run.
  if (trigger !== undefined) {
    const path = remotePathOf(context.merchant.inbound, trigger.replaceAll("{name}", batch.name));
    if ((await drop.stat(path)) === undefined) await drop.createEmpty(path);
    passStep("finish.trigger_created");
  }
  await record(context, batch, "delivered");
}

async function withFreeName(context: PipelineContext, drop: RemoteDrop, batch: BatchRecord): Promise<BatchRecord> {
  let named = batch;
  for (let burned = 0; burned < MAX_BURNED_NAMES; burned++) {
    if ((await drop.stat(remotePathOf(context.merchant.inbound, named.name))) === undefined) return named;
    await burnName(context, named);
    named = await currentBatch(context, batch.batchId);
  }
  const message = `the last ${MAX_BURNED_NAMES} names tried in ${context.merchant.inbound} are taken`;
  throw new Problem("remote_failed", message, {
    hint: "Nothing of this batch was sent. See who else writes to that folder; then run again.",
  });
}

async function burnName(context: PipelineContext, batch: BatchRecord): Promise<void> {
  context.note(`the name ${batch.name} is taken on the server; it is burned and the next one is used`);
  await mintBatchName(context, batch.batchId);
  passStep("name.burned");
}

export async function mintBatchName(context: PipelineContext, batchId: number): Promise<string> {
  const makeName = (number: number) =>
    batchFileName(context.profile, { mid: context.merchant.mid, at: context.clock.wall(), number });
  const name = await context.ledger.mintName(batchId, makeName, stamp(context));
  passStep("name.minted");
  return name;
}

function temporaryPathOf(context: PipelineContext, name: string, attempt: number): string {
  const suffix = context.profile.delivery.temporarySuffix.replaceAll("{try}", String(attempt));
  return remotePathOf(context.merchant.inbound, `${name}${suffix}`);
}

type RecordedState = Exclude<BatchState, "planned" | "failed">;

async function record(context: PipelineContext, batch: BatchRecord, state: RecordedState, detail = ""): Promise<void> {
  await context.ledger.recordBatchState(batch.batchId, state, { ...stamp(context), try: batch.tries, detail });
  passStep(`batch.${state}`);
}
