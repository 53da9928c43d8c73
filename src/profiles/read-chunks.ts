/** Pieces of a local file, read once from its beginning; what the disk refuses becomes a Problem. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { Problem } from "../domain/problem.ts";

const CHUNK_BYTES = 256 * 1024;

export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  const chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextChunk(chunks, path);
      if (next === undefined) return;
      yield next;
    }
  } finally {
    await chunks.return?.();
  }
}

async function nextChunk(chunks: AsyncIterator<Buffer>, path: string): Promise<Buffer | undefined> {
  try {
    const next = await chunks.next();
    return next.done ? undefined : next.value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("disk_failed", `cannot read ${basename(path)}: ${reason}`, {
      cause: error,
      hint: "Nothing of it was applied. Mend the disk or the file's permissions, then run again.",
    });
  }
}
