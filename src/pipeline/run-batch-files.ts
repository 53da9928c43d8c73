/**
 * All batch files of a run: those of a small export are made in this thread, those of a large one in a thread of their own. The latter
 * are begun while the ledger still writes their claims, because that keeps one core busy and leaves the other idle. Until the claims are
 * committed they are parts, and nothing counts that a run leaves of them when it is killed.
 */
import { areThreadsWorthIt } from "../thread/worth-it.ts";
import {
  type ArchivedContent,
  archivePathOf,
  type BatchFileRequest,
  type BatchFiles,
  LocalBatchFiles,
} from "./batch-files.ts";
import { ThreadedBatchFiles } from "./batch-thread.ts";
import type { PipelineContext } from "./context.ts";

export class RunBatchFiles implements BatchFiles {
  readonly #context: PipelineContext;
  readonly #begun = new Map<number, Promise<ArchivedContent>>();
  #here: BatchFiles | undefined;
  #thread: BatchFiles | undefined;

  constructor(context: PipelineContext) {
    this.#context = context;
  }

  write(request: BatchFileRequest): Promise<ArchivedContent> {
    const { archive, profile, merchant, intakePath } = this.#context;
    const options = { archive, profile, mid: merchant.mid, intakePath };
    if (this.#isLarge(request)) {
      this.#thread ??= new ThreadedBatchFiles(options);
      return this.#thread.write(request);
    }
    this.#here ??= new LocalBatchFiles(options);
    return this.#here.write(request);
  }

  /** Of a batch that is planned in a transaction that is still open. Where a thread is not worth it, nothing happens. */
  begin(request: BatchFileRequest): void {
    if (!this.#isLarge(request)) return;
    const content = this.write(request);
    // Looked at by whoever takes it; until then its failure must not end the process.
    content.catch(() => {});
    this.#begun.set(request.batchId, content);
  }

  /** Undefined: it was not begun. */
  take(batchId: number): Promise<ArchivedContent> | undefined {
    const content = this.#begun.get(batchId);
    this.#begun.delete(batchId);
    return content;
  }

  /** What was begun and taken by nobody is removed; parts that were taken and never kept are swept by the next run. It may be used again. */
  async close(): Promise<void> {
    await this.#thread?.close();
    await this.#here?.close();
    this.#thread = this.#here = undefined;
    const left = [...this.#begun.keys()];
    this.#begun.clear();
    for (const batchId of left) await this.#context.archive.removePart(archivePathOf(batchId)).catch(() => {});
  }

  #isLarge({ taken }: BatchFileRequest): boolean {
    return areThreadsWorthIt(this.#context.intakePath ?? "auto", taken.archived?.sizeBytes ?? 0);
  }
}
