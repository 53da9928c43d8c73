/**
 * The merchant's data folder on this disk: exact bytes of what was accepted, sent and received. What is here was fsynced,
 * file and folder, before the ledger speaks of it. Folders 0700, files 0600.
 */
import { createHash } from "node:crypto";
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Problem } from "../domain/problem.ts";
import { passStep } from "./steps.ts";

/** What is still being written; a run that was killed leaves it behind (sweep-archive.ts). */
export const PART = ".part";

/** Rows are short; one system call for each would cost more than encoding them. */
const BUFFERED_BYTES = 256 * 1024;
const FIRST_BUFFERED_BYTES = 16 * 1024;
const MOST_HASHED_AT_ONCE = 1024 * 1024;

/** A name has 255 bytes at most, and ours have a time, an id and an ending besides. */
const KEPT_NAME_BYTES = 150;

/** Part of the name under which a file of others is kept here: its end where it is too long, and nothing that steers a terminal. */
export function keptName(name: string): string {
  const plain = name.replace(/[/\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "_");
  const bytes = Buffer.from(plain);
  if (bytes.length <= KEPT_NAME_BYTES) return plain;
  // It may begin within a character.
  return bytes
    .subarray(-KEPT_NAME_BYTES)
    .toString("utf8")
    .replace(/^\uFFFD+/, "");
}

export interface HashedFile {
  readonly sizeBytes: number;
  readonly sha256: string;
}

export class Archive {
  /** `<data_dir>/<merchant>` */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where a path that the ledger recorded lies on this disk. */
  resolve(archivePath: string): string {
    return join(this.folder, archivePath);
  }

  async prepare(): Promise<void> {
    for (const name of ["archive/exports", "archive/batches", "archive/results", "rejects", "reports"]) {
      await guardDisk(`make the folder ${name}`, () => mkdir(this.resolve(name), { recursive: true, mode: 0o700 }));
    }
  }

  /** A new file that is written in pieces and then either kept (fsynced, under its name) or thrown away. */
  async create(archivePath: string): Promise<ArchiveWriter> {
    const path = this.resolve(archivePath);
    const temporary = `${path}${PART}`;
    const handle = await guardDisk(`write ${archivePath}`, async () => {
      const create = () => open(temporary, "wx", 0o600);
      return create().catch(async (error) => {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
        // A part of an earlier run that was killed: nothing refers to it.
        await rm(temporary, { force: true });
        return create();
      });
    });
    return new ArchiveWriter(this, archivePath, handle);
  }

  async copyIn(source: string, archivePath: string): Promise<HashedFile> {
    const path = this.resolve(archivePath);
    return guardDisk(`copy ${basename(source)} into the archive`, async () => {
      await copyFile(source, `${path}${PART}`);
      passStep("archive.copied");
      await syncFile(`${path}${PART}`);
      await rename(`${path}${PART}`, path);
      await syncFolder(dirname(path));
      return hashFile(path);
    });
  }

  /** Whole files that were written and fsynced under their part's name get their own; durable when this resolves. */
  async keepParts(archivePaths: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const archivePath of archivePaths) {
      const path = this.resolve(archivePath);
      folders.add(dirname(path));
      await guardDisk(`keep ${basename(path)}`, () => rename(`${path}${PART}`, path));
      passStep("archive.renamed");
    }
    for (const folder of folders) await guardDisk(`keep files in ${basename(folder)}`, () => syncFolder(folder));
  }

  async removePart(archivePath: string): Promise<void> {
    await this.remove(`${archivePath}${PART}`);
  }

  async namesIn(folder: string): Promise<string[]> {
    return guardDisk(`list ${folder}`, () => readdir(this.resolve(folder)));
  }

  async hash(archivePath: string): Promise<HashedFile> {
    return guardDisk(`read ${archivePath}`, () => hashFile(this.resolve(archivePath)));
  }

  async remove(archivePath: string): Promise<void> {
    await guardDisk(`remove ${archivePath}`, () => rm(this.resolve(archivePath), { force: true }));
  }
}

export class ArchiveWriter {
  readonly #archive: Archive;
  readonly #archivePath: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;
  #pending = Buffer.allocUnsafe(FIRST_BUFFERED_BYTES);
  #pendingBytes = 0;
  /** The memory of what is on its way to the disk, while the next bytes are gathered. */
  #spare = Buffer.alloc(0);
  #writing: Promise<void> = Promise.resolve();

  constructor(archive: Archive, archivePath: string, handle: FileHandle) {
    this.#archive = archive;
    this.#archivePath = archivePath;
    this.#handle = handle;
  }

  /** Text as UTF-8. The bytes may be used again when this resolves; that they cannot be written may be told by a later call. */
  async write(content: string | Buffer): Promise<void> {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    if (this.#pendingBytes + bytes.length > BUFFERED_BYTES) await this.#flush();
    this.#reserve(this.#pendingBytes + bytes.length);
    bytes.copy(this.#pending, this.#pendingBytes);
    this.#pendingBytes += bytes.length;
  }

  #reserve(needed: number): void {
    if (needed <= this.#pending.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(BUFFERED_BYTES, 2 * needed)));
    this.#pending.copy(larger, 0, 0, this.#pendingBytes);
    this.#pending = larger;
  }

  /** Begins to write what was gathered, once what came before it is written. */
  async #flush(): Promise<void> {
    await this.#writing;
    const bytes = this.#pending.subarray(0, this.#pendingBytes);
    [this.#pending, this.#spare] = [this.#spare, this.#pending];
    this.#pendingBytes = 0;
    this.#writing = guardDisk(`write ${basename(this.#archivePath)}`, () => this.#handle.writeFile(bytes));
    // Looked at by whoever comes next; until then its failure must not end the process.
    this.#writing.catch(() => {});
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.byteLength;
  }

  /** Durable under its name when this resolves. A file of that name, left by a run that was killed, is replaced. */
  async keep(): Promise<HashedFile> {
    const written = await this.finish();
    await this.#archive.keepParts([this.#archivePath]);
    return written;
  }

  /** Its bytes are durable when this resolves, and still a part: `keepParts` gives them their name. */
  async finish(): Promise<HashedFile> {
    await this.#flush();
    await this.#writing;
    // Many files may be on their way to the disk, and none of them needs it any more.
    this.#pending = this.#spare = Buffer.alloc(0);
    await guardDisk(`write ${basename(this.#archivePath)}`, async () => {
      await this.#handle.sync();
      await this.#handle.close();
    });
    passStep("archive.synced");
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest("hex") };
  }

  /** Never throws: nothing refers to what it leaves behind, and why it was thrown away matters more. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await this.#archive.removePart(this.#archivePath).catch(() => {});
  }
}

export async function hashFile(path: string): Promise<HashedFile> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    // One memory for all of it: a stream's would wait for the collector, by the hundred megabytes.
    const bytes = Buffer.allocUnsafeSlow(Math.min(MOST_HASHED_AT_ONCE, Math.max(1, size)));
    for (;;) {
      const { bytesRead } = await file.read(bytes);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    // It was only read: what closing says changes nothing.
    await file.close().catch(() => {});
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function guardDisk<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("disk_failed", `cannot ${what}: ${reason}`, {
      cause: error,
      hint: "Nothing of this step was sent. Free space or mend the folder's permissions, then run again.",
    });
  }
}
