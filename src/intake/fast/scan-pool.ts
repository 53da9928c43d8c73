/** A few threads that scan pieces of a file. Answers come in the order of the pieces. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { WorkerAnswer, WorkerSetup, WorkerTask } from "./scan-worker.ts";
import { ScannedRows } from "./scanned-rows.ts";

export interface ScannedPiece {
  readonly bytes: Buffer;
  readonly found: ScannedRows;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Waiting[];
  /** Why it is no more; undefined while it lives. */
  failure: Error | undefined;
}

interface Waiting {
  resolve(piece: ScannedPiece): void;
  reject(error: unknown): void;
}

export class ScanPool {
  readonly #threads: readonly Thread[];
  readonly #spares: ScannedRows[] = [];
  #next = 0;

  constructor(setup: WorkerSetup, threads: number) {
    // From the sources it is a .ts file, from a build a .js file.
    const file = new URL(`./scan-worker${extname(import.meta.url)}`, import.meta.url);
    this.#threads = Array.from({ length: threads }, () => {
      const worker = new Worker(file, { workerData: setup });
      const waiting: Waiting[] = [];
      const thread: Thread = { worker, waiting, failure: undefined };
      const fail = (error: Error) => {
        thread.failure ??= error;
        for (const { reject } of waiting.splice(0)) reject(thread.failure);
      };
      worker.on("message", ({ bytes, found }: WorkerAnswer) => {
        const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        waiting.shift()?.resolve({ bytes: piece, found: ScannedRows.revive(found) });
      });
      worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
      worker.on("exit", () => fail(new Error("a thread that reads the export ended before its work was done")));
      return thread;
    });
  }

  /** Takes the memory of `bytes`, which must be its own; the answer gives it back. Rejects if the thread ended. */
  scan(bytes: Buffer): Promise<ScannedPiece> {
    const thread = this.#threads[this.#next++ % this.#threads.length];
    if (!thread) throw new Error("a pool without threads");
    if (thread.failure) return Promise.reject(thread.failure);
    const spare = this.#spares.pop();
    const task: WorkerTask = { bytes, spare };
    const memory = [bytes.buffer as ArrayBuffer, ...(spare?.memory() ?? [])];
    return new Promise((resolve, reject) => {
      thread.waiting.push({ resolve, reject });
      thread.worker.postMessage(task, memory);
    });
  }

  /** Its rows were dealt with: the memory may be used for another piece. */
  recycle(found: ScannedRows): void {
    this.#spares.push(found);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }
}
