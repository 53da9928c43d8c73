/** Planned batches → their exact bytes in the archive, each under a name that is minted once. */
import type { BatchRecord } from "../ledger/ledger.ts";
import type { ArchivedContent, BatchFileRequest } from "./batch-files.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { mintBatchName } from "./deliver.ts";
import { RunBatchFiles } from "./run-batch-files.ts";
import { passStep } from "./steps.ts";

/**
 * So many share the commits that record their names and their bytes, and are brought to the disk side by side. The first are few: until
 * they are there, nothing can be sent.
 */
const BATCHES_TOGETHER = 50;
const FIRST_TOGETHER = 8;

export interface ArchiveOptions {
  /** Hears of those that are archived, some at a time. */
  readonly onArchived?: ((batches: readonly BatchRecord[]) => void) | undefined;
  /** Of the run; some of them may have been begun. */
  readonly files?: RunBatchFiles | undefined;
}

/**
 * Archives every planned batch of one export, in order, in one pass over the export's canonical rows (batches planned
 * again after a release begin a new pass). When it resolves they are all `archived`.
 */
export async function archiveBatches(
  context: PipelineContext,
  planned: readonly BatchRecord[],
  { onArchived = () => {}, files = new RunBatchFiles(context) }: ArchiveOptions = {},
): Promise<void> {
  if (planned.length === 0) return;
  try {
    let together = FIRST_TOGETHER;
    for (let from = 0; from < planned.length; ) {
      const batches = planned.slice(from, from + together);
      await archiveTogether(context, batches, files);
      onArchived(batches);
      from += batches.length;
      together = Math.min(BATCHES_TOGETHER, 2 * together);
    }
  } finally {
    await files.close();
  }
}

async function archiveTogether(
  context: PipelineContext,
  batches: readonly BatchRecord[],
  files: RunBatchFiles,
): Promise<void> {
  const { archive, ledger } = context;
  await ledger.transaction(async () => {
    for (const batch of batches) if (batch.name === "") await mintBatchName(context, batch.batchId);
  });
  const making: Promise<ArchivedContent>[] = [];
  try {
    for (const batch of batches) {
      const made = files.take(batch.batchId) ?? files.write(await requestFor(context, batch));
      // Looked at below; until then its failure must not end the process.
      made.catch(() => {});
      making.push(made);
    }
  } finally {
    await Promise.allSettled(making);
  }
  const contents = await Promise.all(making);
  await archive.keepParts(contents.map(({ archivePath }) => archivePath));
  passStep("batch.bytes_archived");
  await ledger.transaction(async () => {
    for (const [at, content] of contents.entries()) {
      const { batchId } = batches[at] as BatchRecord;
      await ledger.recordContent(batchId, content);
      passStep("batch.content_recorded");
      await ledger.recordBatchState(batchId, "archived", { ...stamp(context), try: 0, detail: "" });
    }
  });
}

async function requestFor({ ledger }: PipelineContext, { batchId, exportId }: BatchRecord): Promise<BatchFileRequest> {
  const taken = await ledger.findExportById(exportId);
  if (!taken) throw new Error(`batch ${batchId} has no export`);
  return { batchId, taken, positions: Uint32Array.from(await ledger.claimedPositions(batchId)) };
}
