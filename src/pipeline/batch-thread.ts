/** Batch files of a large export, written by a thread of their own: this one has their delivery to do meanwhile. */
import { Thread } from "../thread/thread.ts";
import type { ArchivedContent, BatchFileOptions, BatchFileRequest, BatchFiles } from "./batch-files.ts";
import type { BatchThreadSetup } from "./batch-worker.ts";

export class ThreadedBatchFiles implements BatchFiles {
  readonly #thread: Thread<BatchFileRequest, ArchivedContent>;

  constructor({ archive, profile, mid, intakePath }: BatchFileOptions) {
    const setup: BatchThreadSetup = { folder: archive.folder, profile, mid, intakePath };
    this.#thread = new Thread(new URL("./batch-worker", import.meta.url), "writes batch files", setup);
  }

  write(request: BatchFileRequest): Promise<ArchivedContent> {
    return this.#thread.call(request);
  }

  close(): Promise<void> {
    return this.#thread.end();
  }
}
