/** Planned batches → their exact bytes in the archive, each under a name that is minted once. */
import { MoneyTotals } from "../domain/money.ts";
import type { Rebill } from "../domain/rebill.ts";
import { readCanonical } from "../intake/canonical.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import { createBatchEncoder } from "../profiles/encode.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { mintBatchName } from "./deliver.ts";
import { passStep } from "./steps.ts";

/**
 * Archives every planned batch of one export, in order, in one pass over the export's canonical rows (batches planned
 * again after a release begin a new pass). When it resolves they are all `archived`.
 */
export async function archiveBatches(context: PipelineContext, planned: readonly BatchRecord[]): Promise<void> {
  const exportsById = new Map((await context.ledger.exports()).map((taken) => [taken.exportId, taken]));
  let rows: CanonicalCursor | undefined;
  let exportId: number | undefined;
  try {
    for (const batch of planned) {
      const taken = exportsById.get(batch.exportId);
      if (!taken) throw new Error(`batch ${batch.batchId} has no export`);
      const positions = await positionsOf(context, batch.batchId);
      if (rows === undefined || exportId !== batch.exportId || rows.position > (positions[0] ?? 0)) {
        await rows?.close();
        rows = new CanonicalCursor(context.archive.resolve(taken.archivePath));
        exportId = batch.exportId;
      }
      await archiveBatch(context, batch, rows, positions);
    }
  } finally {
    await rows?.close();
  }
}

async function archiveBatch(
  context: PipelineContext,
  batch: BatchRecord,
  rows: CanonicalCursor,
  positions: readonly number[],
): Promise<void> {
  if (batch.name === "") await mintBatchName(context, batch.batchId);
  const encoder = createBatchEncoder(context.profile, { mid: context.merchant.mid });
  const totals = new MoneyTotals();
  const archivePath = `archive/batches/${String(batch.batchId).padStart(6, "0")}.csv`;
  const writer = await context.archive.create(archivePath);
  try {
    await writer.write(encoder.header());
    for (const position of positions) {
      const rebill = await rows.take(position);
      totals.add(rebill.currency, rebill.amountMinor);
      await writer.write(encoder.row(rebill));
    }
    passStep("batch.bytes_written");
    const written = await writer.keep();
    passStep("batch.bytes_archived");
    const content = { ...written, rows: positions.length, totals: totals.toArray(), archivePath };
    await context.ledger.transaction(async () => {
      await context.ledger.recordContent(batch.batchId, content);
      passStep("batch.content_recorded");
      await context.ledger.recordBatchState(batch.batchId, "archived", { ...stamp(context), try: 0, detail: "" });
    });
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

async function positionsOf(context: PipelineContext, batchId: number): Promise<number[]> {
  const positions: number[] = [];
  for await (const page of context.ledger.batchAttempts(batchId)) {
    for (const attempt of page) positions.push(attempt.position);
  }
  return positions;
}

/** Walks forward through the canonical rows of one export. */
class CanonicalCursor {
  readonly #pages: AsyncGenerator<Rebill[]>;
  #page: Rebill[] = [];
  #pageStart = 0;
  /** The first position that can still be taken. */
  position = 0;

  constructor(path: string) {
    this.#pages = readCanonical(path);
  }

  /** The file stays open until its last row was read: a watch would leak one a night. */
  async close(): Promise<void> {
    await this.#pages.return(undefined);
  }

  async take(position: number): Promise<Rebill> {
    while (position >= this.#pageStart + this.#page.length) {
      const next = await this.#pages.next();
      if (next.done) throw new Error(`the archived export has no row ${position}`);
      this.#pageStart += this.#page.length;
      this.#page = next.value;
    }
    this.position = position + 1;
    const rebill = this.#page[position - this.#pageStart];
    if (!rebill) throw new Error(`the archived export has no row ${position}`);
    return rebill;
  }
}
