/** Rows of archived exports → batch files in the archive, one after the other, from one pass over an export. */
import type { BatchContent } from "../domain/batch.ts";
import type { CanonicalRows } from "../domain/canonical-rows.ts";
import type { IntakePath } from "../domain/intake-path.ts";
import type { Profile } from "../profiles/profile.ts";
import { type BatchBytes, BatchWriter } from "../profiles/write-batch.ts";
import type { Archive, ArchiveWriter } from "./archive.ts";
import { type ArchivedExport, readArchivedRows } from "./archived-rows.ts";
import { passStep } from "./steps.ts";
import { TrueBatchWriter } from "./true-batch-writer.ts";

export type ArchivedContent = BatchContent & { readonly archivePath: string };

export interface BatchFileRequest {
  readonly batchId: number;
  readonly taken: ArchivedExport & { readonly exportId: number };
  /** Of its rows in the archived export, in their order. */
  readonly positions: Uint32Array;
}

export interface BatchFiles {
  /**
   * Resolves when the file's bytes are durable, as a part (archive.ts). May be called again before: files are begun in the order of the calls,
   * and none after one that could not be written.
   * Rejects with the Problem `disk_failed`, or with an Error that names a damaged export.
   */
  write(request: BatchFileRequest): Promise<ArchivedContent>;
  /** When nothing is being written. */
  close(): Promise<void>;
}

export interface BatchFileOptions {
  readonly archive: Archive;
  readonly profile: Profile;
  /** The merchant's id at the provider. */
  readonly mid: string;
  readonly intakePath: IntakePath | undefined;
}

/** In this thread. */
export class LocalBatchFiles implements BatchFiles {
  readonly #archive: Archive;
  readonly #rows: RowWalk;
  readonly #bytes: BatchBytes;
  /** The last file that was begun; rejects when it failed. */
  #begun: Promise<unknown> = Promise.resolve();

  constructor({ archive, profile, mid, intakePath }: BatchFileOptions) {
    this.#archive = archive;
    this.#rows = new RowWalk(archive);
    const Writer = intakePath === "truth" ? TrueBatchWriter : BatchWriter;
    this.#bytes = new Writer(profile, { mid });
  }

  async write(request: BatchFileRequest): Promise<ArchivedContent> {
    // The next one is encoded while this one is on its way to the disk.
    const written = this.#begun.then(() => this.#encode(request));
    this.#begun = written;
    const { kept } = await written;
    return kept;
  }

  /** The file stays open until its last row was read: a watch would leak one a night. */
  async close(): Promise<void> {
    await this.#rows.close();
  }

  /** Resolves when the bytes are written; `kept` when they are durable. */
  async #encode({ batchId, taken, positions }: BatchFileRequest): Promise<{ readonly kept: Promise<ArchivedContent> }> {
    const batch = this.#bytes;
    const archivePath = archivePathOf(batchId);
    const writer = await this.#archive.create(archivePath);
    try {
      batch.begin();
      for (const position of positions) {
        // Most rows are on the page at hand, and a wait for each would cost as much as the row.
        if (!this.#rows.holds(taken, position)) await this.#rows.moveTo(taken, position);
        batch.add(this.#rows.page, this.#rows.rowOf(position));
        if (batch.isFull) await writer.write(batch.take());
      }
      await writer.write(batch.take());
      passStep("batch.bytes_written");
      const facts = { rows: positions.length, totals: batch.totals(), archivePath };
      const kept = writer.finish().then((written) => ({ ...written, ...facts }));
      return { kept: kept.catch((error) => discardAndThrow(writer, error)) };
    } catch (error) {
      return discardAndThrow(writer, error);
    }
  }
}

export function archivePathOf(batchId: number): string {
  return `archive/batches/${String(batchId).padStart(6, "0")}.csv`;
}

async function discardAndThrow(writer: ArchiveWriter, error: unknown): Promise<never> {
  await writer.discard();
  throw error;
}

/** Walks forward through the canonical rows of one export after the other; back to an earlier row it begins anew. */
class RowWalk {
  readonly #archive: Archive;
  #pages: AsyncGenerator<CanonicalRows> | undefined;
  #exportId = 0;
  #page: CanonicalRows | undefined;
  #pageStart = 0;

  constructor(archive: Archive) {
    this.#archive = archive;
  }

  /** The page at hand. */
  get page(): CanonicalRows {
    if (!this.#page) throw new Error("no page was read");
    return this.#page;
  }

  rowOf(position: number): number {
    return position - this.#pageStart;
  }

  holds({ exportId }: BatchFileRequest["taken"], position: number): boolean {
    const row = this.rowOf(position);
    return exportId === this.#exportId && this.#page !== undefined && row >= 0 && row < this.#page.length;
  }

  async moveTo(taken: BatchFileRequest["taken"], position: number): Promise<void> {
    if (taken.exportId !== this.#exportId || position < this.#pageStart) {
      await this.close();
      this.#pages = readArchivedRows({ archive: this.#archive }, taken);
      this.#exportId = taken.exportId;
      this.#pageStart = 0;
    }
    while (!this.holds(taken, position)) {
      this.#pageStart += this.#page?.length ?? 0;
      const next = await this.#pages?.next();
      if (!next || next.done) throw new Error(`the archived export ${taken.exportId} has no row ${position}`);
      this.#page = next.value;
    }
  }

  async close(): Promise<void> {
    this.#page = undefined;
    await this.#pages?.return(undefined);
  }
}
