/** Batch files of a large export, written by a thread of their own: this one has their delivery to do meanwhile. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { Problem } from "../domain/problem.ts";
import type { ArchivedContent, BatchFileOptions, BatchFileRequest, BatchFiles } from "./batch-files.ts";
import type { BatchThreadAnswer, BatchThreadSetup } from "./batch-worker.ts";

interface Waiting {
  resolve(content: ArchivedContent): void;
  reject(error: unknown): void;
}

export class ThreadedBatchFiles implements BatchFiles {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** Why the thread is no more. */
  #failure: Error | undefined;

  constructor({ archive, profile, mid, intakePath }: BatchFileOptions) {
    const setup: BatchThreadSetup = { folder: archive.folder, profile, mid, intakePath };
    // From the sources it is a .ts file, from a build a .js file.
    const file = new URL(`./batch-worker${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(file, { workerData: setup });
    this.#worker.on("message", (answer: BatchThreadAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () =>
      this.#fail(new Error("the thread that writes batch files ended before its work was done")),
    );
  }

  write(request: BatchFileRequest): Promise<ArchivedContent> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.batchId, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: BatchThreadAnswer): void {
    const waiting = this.#waiting.get(answer.batchId);
    this.#waiting.delete(answer.batchId);
    if ("content" in answer) waiting?.resolve(answer.content);
    else if ("problem" in answer)
      waiting?.reject(new Problem(answer.problem.code, answer.problem.message, answer.problem));
    else waiting?.reject(answer.error);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
