/** Pieces of a local file, read once from its beginning; what the disk refuses becomes a Problem. */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { Problem } from "../domain/problem.ts";

const CHUNK_BYTES = 256 * 1024;

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

/** How long it is, if a file begins with one: it belongs to no cell. */
export function byteOrderMarkOf(beginning: Buffer): number {
  const { length } = BYTE_ORDER_MARK;
  return beginning.subarray(0, length).equals(BYTE_ORDER_MARK) ? length : 0;
}

/** Each is good until the next one is asked for: they share their memory, which the collector would otherwise have to find again. */
export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  const file = await orProblem(path, open(path));
  try {
    const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await orProblem(path, file.read(memory, 0, CHUNK_BYTES));
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } finally {
    // It was only read: what closing says changes nothing.
    await file.close().catch(() => {});
  }
}

async function orProblem<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("disk_failed", `cannot read ${basename(path)}: ${reason}`, {
      cause: error,
      hint: "Nothing of it was applied. Mend the disk or the file's permissions, then run again.",
    });
  }
}
