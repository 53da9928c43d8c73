/**
 * An export's bytes, read once from the disk, hashed on the way. A file that somebody still writes to is no export yet:
 * size, time and inode must be the same before and after.
 */
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { Problem } from "../domain/problem.ts";

/** Of a quarter of it, a read took as long as what was done with it meanwhile: a large export took a tenth longer. */
export const CHUNK_BYTES = 1024 * 1024;

export interface ExportBytes {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export class ExportFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #before: Stats;
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;
  /** One is looked at while the other is filled: memory that is made for each chunk waits for the collector. */
  #memory: readonly [coming: Buffer, given: Buffer];

  /** Problem `export_unreadable` if it is not there, not ours to read, or not a regular file. */
  static async open(path: string): Promise<ExportFile> {
    try {
      // Asked first: opening a pipe would wait for somebody to write into it.
      const kind = await stat(path);
      if (!kind.isFile()) throw new Error(kind.isDirectory() ? "it is a folder" : "it is not a regular file");
      const handle = await open(path, "r");
      return new ExportFile(path, handle, await handle.stat());
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  private constructor(path: string, handle: FileHandle, before: Stats) {
    this.#path = path;
    this.#handle = handle;
    this.#before = before;
    const length = Math.min(CHUNK_BYTES, before.size);
    this.#memory = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  }

  /** As it was when it was opened. */
  get totalBytes(): number {
    return this.#before.size;
  }

  /**
   * To be read through once. A chunk is good until the next one is asked for. No more than was there at the start: a file that grows would never
   * end.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    let coming = this.#readNext();
    while (coming) {
      const chunk = await coming;
      if (chunk.length === 0) return;
      this.#sizeBytes += chunk.length;
      // The disk works while this chunk is looked at.
      coming = this.#readNext();
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  /** What was read. Problem `export_changed` if it is not what lies there now. */
  async finish(): Promise<ExportBytes> {
    const onDisk = await stat(this.#path).catch((error) => {
      if (error.code === "ENOENT") return undefined;
      throw unreadable(this.#path, error);
    });
    const opened = await this.#handle.stat().catch((error) => {
      throw unreadable(this.#path, error);
    });
    const isSame = (after: Stats | undefined): boolean =>
      after?.ino === this.#before.ino &&
      after.dev === this.#before.dev &&
      after.size === this.#before.size &&
      after.mtimeMs === this.#before.mtimeMs;
    if (!isSame(opened) || !isSame(onDisk) || this.#sizeBytes !== this.#before.size) {
      throw new Problem("export_changed", `${this.#path}: the file changed while it was read`, {
        hint: "Nothing of it was sent. Write exports under another name and rename them into the inbox when they are whole.",
      });
    }
    return { sha256: this.#hash.digest("hex"), sizeBytes: this.#sizeBytes };
  }

  async close(): Promise<void> {
    // It was only read: what closing says changes nothing.
    await this.#handle.close().catch(() => {});
  }

  /** Undefined: all was read. Its failure is heard when it is awaited. */
  #readNext(): Promise<Buffer> | undefined {
    const length = Math.min(CHUNK_BYTES, this.#before.size - this.#sizeBytes);
    if (length === 0) return undefined;
    const reading = this.#read(length);
    reading.catch(() => {});
    return reading;
  }

  async #read(length: number): Promise<Buffer> {
    try {
      const [coming, given] = this.#memory;
      this.#memory = [given, coming];
      const { bytesRead } = await this.#handle.read(coming, 0, length);
      return coming.subarray(0, bytesRead);
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }
}

function unreadable(path: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  return new Problem("export_unreadable", `cannot read the export ${path}: ${reason}`, {
    cause: error,
    hint: "Nothing of it was sent. Give the path of a CSV file that this user may read.",
  });
}
