/** Planned batches → their exact bytes in the archive, each under a name that is minted once. */
import { areThreadsWorthIt } from "../intake/threads.ts";
import type { BatchRecord, ExportRecord } from "../ledger/ledger.ts";
import { type ArchivedContent, type BatchFiles, LocalBatchFiles } from "./batch-files.ts";
import { ThreadedBatchFiles } from "./batch-thread.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { mintBatchName } from "./deliver.ts";
import { passStep } from "./steps.ts";

/**
 * So many share the commits that record their names and their bytes, and are brought to the disk side by side. The first are few: until
 * they are there, nothing can be sent.
 */
const BATCHES_TOGETHER = 50;
const FIRST_TOGETHER = 8;

/**
 * Archives every planned batch of one export, in order, in one pass over the export's canonical rows (batches planned
 * again after a release begin a new pass). When it resolves they are all `archived`; `onArchived` hears of those that
 * already are, some at a time.
 */
export async function archiveBatches(
  context: PipelineContext,
  planned: readonly BatchRecord[],
  onArchived: (batches: readonly BatchRecord[]) => void = () => {},
): Promise<void> {
  if (planned.length === 0) return;
  const exportsById = new Map((await context.ledger.exports()).map((taken) => [taken.exportId, taken]));
  const files = openBatchFiles(context, planned, exportsById);
  try {
    let together = FIRST_TOGETHER;
    for (let from = 0; from < planned.length; ) {
      const batches = planned.slice(from, from + together);
      await archiveTogether(context, batches, files, exportsById);
      onArchived(batches);
      from += batches.length;
      together = Math.min(BATCHES_TOGETHER, 2 * together);
    }
  } finally {
    await files.close();
  }
}

function openBatchFiles(
  { archive, profile, merchant, intakePath }: PipelineContext,
  planned: readonly BatchRecord[],
  exportsById: ReadonlyMap<number, ExportRecord>,
): BatchFiles {
  const options = { archive, profile, mid: merchant.mid, intakePath };
  const exportIds = new Set(planned.map((batch) => batch.exportId));
  const sizes = [...exportIds].map((exportId) => exportsById.get(exportId)?.archived?.sizeBytes ?? 0);
  const archivedBytes = sizes.reduce((sum, size) => sum + size, 0);
  const isThreaded = areThreadsWorthIt(intakePath ?? "auto", archivedBytes);
  return isThreaded ? new ThreadedBatchFiles(options) : new LocalBatchFiles(options);
}

async function archiveTogether(
  context: PipelineContext,
  batches: readonly BatchRecord[],
  files: BatchFiles,
  exportsById: ReadonlyMap<number, ExportRecord>,
): Promise<void> {
  const { ledger } = context;
  await ledger.transaction(async () => {
    for (const batch of batches) if (batch.name === "") await mintBatchName(context, batch.batchId);
  });
  const keeping: Promise<ArchivedContent>[] = [];
  try {
    for (const { batchId, exportId } of batches) {
      const taken = exportsById.get(exportId);
      if (!taken) throw new Error(`batch ${batchId} has no export`);
      const positions = Uint32Array.from(await ledger.claimedPositions(batchId));
      const kept = files.write({ batchId, taken, positions });
      // Looked at below; until then its failure must not end the process.
      kept.catch(() => {});
      keeping.push(kept);
    }
  } finally {
    await Promise.allSettled(keeping);
  }
  const contents = await Promise.all(keeping);
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
