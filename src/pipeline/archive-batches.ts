/** Planned batches → their exact bytes in the archive, each under a name that is minted once. */
import type { BatchContent } from "../domain/batch.ts";
import type { CanonicalRows } from "../domain/canonical-rows.ts";
import type { BatchRecord, ExportRecord } from "../ledger/ledger.ts";
import { type BatchBytes, BatchWriter } from "../profiles/write-batch.ts";
import type { ArchiveWriter } from "./archive.ts";
import { readArchivedRows } from "./archived-rows.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { mintBatchName } from "./deliver.ts";
import { passStep } from "./steps.ts";
import { TrueBatchWriter } from "./true-batch-writer.ts";

/** So many share the commits that record their names and their bytes, and are brought to the disk side by side. */
const BATCHES_TOGETHER = 50;

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
  const rows = new RowWalk(context);
  try {
    for (let from = 0; from < planned.length; from += BATCHES_TOGETHER) {
      const batches = planned.slice(from, from + BATCHES_TOGETHER);
      await archiveTogether(context, batches, rows, exportsById);
      onArchived(batches);
    }
  } finally {
    await rows.close();
  }
}

type ArchivedContent = BatchContent & { readonly archivePath: string };

async function archiveTogether(
  context: PipelineContext,
  batches: readonly BatchRecord[],
  rows: RowWalk,
  exportsById: ReadonlyMap<number, ExportRecord>,
): Promise<void> {
  const { ledger } = context;
  await ledger.transaction(async () => {
    for (const batch of batches) if (batch.name === "") await mintBatchName(context, batch.batchId);
  });
  const keeping: Promise<ArchivedContent>[] = [];
  try {
    for (const batch of batches) {
      const taken = exportsById.get(batch.exportId);
      if (!taken) throw new Error(`batch ${batch.batchId} has no export`);
      // The next one is encoded while this one is on its way to the disk.
      const { kept } = await writeBatch(context, batch.batchId, rows, taken);
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

/** Resolves when the bytes are written; `kept` when they are durable. */
async function writeBatch(
  context: PipelineContext,
  batchId: number,
  rows: RowWalk,
  taken: ExportRecord,
): Promise<{ readonly kept: Promise<ArchivedContent> }> {
  const claims = await context.ledger.claims(batchId);
  const Writer = context.intakePath === "truth" ? TrueBatchWriter : BatchWriter;
  const batch: BatchBytes = new Writer(context.profile, { mid: context.merchant.mid });
  const archivePath = `archive/batches/${String(batchId).padStart(6, "0")}.csv`;
  const writer = await context.archive.create(archivePath);
  try {
    for (const { position } of claims) {
      const { page, row } = await rows.at(taken, position);
      batch.add(page, row);
      if (batch.isFull) await writer.write(batch.take());
    }
    await writer.write(batch.take());
    passStep("batch.bytes_written");
    const kept = writer.keep().then((written) => {
      return { ...written, rows: claims.length, totals: batch.totals(), archivePath };
    });
    return { kept: kept.catch((error) => discardAndThrow(writer, error)) };
  } catch (error) {
    return discardAndThrow(writer, error);
  }
}

async function discardAndThrow(writer: ArchiveWriter, error: unknown): Promise<never> {
  await writer.discard();
  throw error;
}

/** Walks forward through the canonical rows of one export after the other; back to an earlier row it begins anew. */
class RowWalk {
  readonly #context: PipelineContext;
  #pages: AsyncGenerator<CanonicalRows> | undefined;
  #exportId = 0;
  #page: CanonicalRows | undefined;
  #pageStart = 0;

  constructor(context: PipelineContext) {
    this.#context = context;
  }

  async at(taken: ExportRecord, position: number): Promise<{ readonly page: CanonicalRows; readonly row: number }> {
    if (taken.exportId !== this.#exportId || position < this.#pageStart) {
      await this.close();
      this.#pages = readArchivedRows(this.#context, taken);
      this.#exportId = taken.exportId;
      this.#pageStart = 0;
    }
    while (this.#page === undefined || position >= this.#pageStart + this.#page.length) {
      this.#pageStart += this.#page?.length ?? 0;
      const next = await this.#pages?.next();
      if (!next || next.done) throw new Error(`the archived export ${taken.exportId} has no row ${position}`);
      this.#page = next.value;
    }
    return { page: this.#page, row: position - this.#pageStart };
  }

  /** The file stays open until its last row was read: a watch would leak one a night. */
  async close(): Promise<void> {
    this.#page = undefined;
    await this.#pages?.return(undefined);
  }
}
