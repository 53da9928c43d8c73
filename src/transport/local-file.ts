/** The local end of every transfer, the same for each transport: blocks read in order, and files that are really on disk. */
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Problem } from "../domain/problem.ts";

/** Eight of SFTP's requests (sftp-copy.ts). */
const BLOCK_BYTES = 8 * 31 * 1024;

/** The file's bytes in order, each block in memory of its own. Problem `disk_failed`. */
export async function* readLocalFile(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, "r").catch((cause) => {
    throw diskFailed("read", path, cause);
  });
  const failed = (cause: unknown) => {
    throw diskFailed("read", path, cause);
  };
  try {
    const { size } = await file.stat().catch(failed);
    for (let position = 0; ; ) {
      // No larger than what is left, and one byte to see the end: the collector counts memory that nothing was read into as well.
      const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(1, size - position)));
      const { bytesRead } = await file.read(block, 0, block.length, null).catch(failed);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield block.subarray(0, bytesRead);
    }
  } finally {
    // It was only read: what closing says changes nothing.
    await file.close().catch(() => {});
  }
}

/**
 * Creates the file exclusively (mode 0600), lets `fill` write it in order, and resolves once it and its folder entry are on
 * disk. If anything fails, the file is removed again: half a file must not pass for one. Problem `disk_failed`.
 */
export async function writeLocalFile<T>(
  path: string,
  fill: (write: (chunk: Buffer) => Promise<void>) => Promise<T>,
): Promise<T> {
  const file = await open(path, "wx", 0o600).catch((cause) => {
    throw diskFailed("create", path, cause);
  });
  try {
    const result = await fill((chunk) => writeAll(file, path, chunk));
    await file.sync();
    await file.close();
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    await file.close().catch(() => {});
    // What went wrong first is what a person must see.
    await rm(path, { force: true }).catch(() => {});
    throw error instanceof Error && "syscall" in error ? diskFailed("write", path, error) : error;
  }
}

async function writeAll(file: FileHandle, path: string, chunk: Buffer): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset, null).catch((cause) => {
      throw diskFailed("write", path, cause);
    });
    offset += bytesWritten;
  }
}

/** Without this a crash can lose the name of a file whose bytes are safe. Windows cannot open folders and has no need. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function diskFailed(verb: string, path: string, cause: unknown): Problem {
  return new Problem("disk_failed", `cannot ${verb} the local file ${path} (${errnoOf(cause)})`, {
    hint: "Check the disk, the folder and its permissions, then run the same command again.",
    cause,
  });
}

/** `ENOSPC`, `EACCES`, …: the system's own word, for messages. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
