/** A few threads that scan pieces of a file. Answers come in the order of the pieces. */
import { Thread } from "../../thread/thread.ts";
import type { WorkerAnswer, WorkerSetup, WorkerTask } from "./scan-worker.ts";
import { ScannedRows } from "./scanned-rows.ts";

export interface ScannedPiece {
  readonly bytes: Buffer;
  readonly found: ScannedRows;
}

export class ScanPool {
  readonly #threads: readonly Thread<WorkerTask, WorkerAnswer>[];
  readonly #spares: ScannedRows[] = [];
  #next = 0;

  constructor(setup: WorkerSetup, threads: number) {
    const module = new URL("./scan-worker", import.meta.url);
    this.#threads = Array.from({ length: threads }, () => new Thread(module, "reads the export", setup));
  }

  /** Takes the memory of `bytes`, which must be its own; the answer gives it back. Rejects if the thread ended. */
  async scan(bytes: Buffer): Promise<ScannedPiece> {
    const thread = this.#threads[this.#next++ % this.#threads.length];
    if (!thread) throw new Error("a pool without threads");
    const spare = this.#spares.pop();
    const memory = [bytes.buffer as ArrayBuffer, ...(spare?.memory() ?? [])];
    const { bytes: piece, found } = await thread.call({ bytes, spare }, memory);
    return { bytes: Buffer.from(piece.buffer, piece.byteOffset, piece.length), found: ScannedRows.revive(found) };
  }

  /** Its rows were dealt with: the memory may be used for another piece. */
  recycle(found: ScannedRows): void {
    this.#spares.push(found);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}
