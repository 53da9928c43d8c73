/** Every file of the archive against what the ledger recorded of it, to the byte; and what lies there besides. */
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Damages } from "../domain/verification.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type HashedFile, hashFile } from "./archive.ts";
import { checkStop, type PipelineContext } from "./context.ts";

export interface CheckedFiles {
  readonly count: number;
  readonly sizeBytes: number;
  /** What was read of the files that are whole, by their path in the archive. */
  readonly whole: ReadonlyMap<string, HashedFile>;
}

interface RecordedFile {
  readonly path: string;
  /** Undefined: its bytes were not recorded; that it is there is all that can be checked. */
  readonly bytes: HashedFile | undefined;
}

export async function checkFiles(context: PipelineContext, damages: Damages, notes: string[]): Promise<CheckedFiles> {
  const recorded = await recordedFiles(context.ledger);
  const whole = new Map<string, HashedFile>();
  let sizeBytes = 0;
  for (const file of recorded) {
    checkStop(context);
    const found = await checkFile(context.archive.resolve(file.path), file, damages);
    if (!found) continue;
    whole.set(file.path, found);
    sizeBytes += found.sizeBytes;
  }
  const unhashed = recorded.filter((file) => file.bytes === undefined).length;
  if (unhashed > 0) {
    notes.push(
      `${unhashed} exports were taken by an older rescue, which did not record the hash of their rows: these were ` +
        "compared with the attempts in the ledger instead",
    );
  }
  await lookForOthers(context, new Set(recorded.map((file) => file.path)), damages, notes);
  return { count: recorded.length, sizeBytes, whole };
}

export async function recordedFiles(ledger: Ledger): Promise<RecordedFile[]> {
  const [exports, batches, results] = [await ledger.exports(), await ledger.batches("all"), await ledger.resultFiles()];
  return [
    ...exports.map(({ archivePath, archived }) => ({ path: archivePath, bytes: archived })),
    ...batches.flatMap(({ content }) => (content ? [{ path: content.archivePath, bytes: content }] : [])),
    ...results.map((file) => ({ path: file.archivePath, bytes: file })),
  ];
}

/** Undefined: it is damaged, and was named. */
async function checkFile(
  fullPath: string,
  { path, bytes }: RecordedFile,
  damages: Damages,
): Promise<HashedFile | undefined> {
  let found: HashedFile;
  try {
    found = await hashFile(fullPath);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ENOENT";
    const reason = error instanceof Error ? error.message : String(error);
    damages.add(isGone ? "missing" : "unreadable", path, isGone ? "the file is not there" : reason);
    return undefined;
  }
  if (bytes === undefined || (found.sizeBytes === bytes.sizeBytes && found.sha256 === bytes.sha256)) return found;
  if (found.sizeBytes < bytes.sizeBytes) {
    damages.add("cut_short", path, `${found.sizeBytes} bytes are left of ${bytes.sizeBytes}`);
  } else if (found.sizeBytes > bytes.sizeBytes) {
    damages.add("altered", path, `it has ${found.sizeBytes} bytes, and ${bytes.sizeBytes} were archived`);
  } else {
    damages.add("altered", path, `its SHA-256 is ${found.sha256}, and ${bytes.sha256} was archived`);
  }
  return undefined;
}

/** A batch file has its batch's number in its name, and its rows are claimed before it gets that name. */
const BATCH_FILE = /^archive\/batches\/(\d{6,15})\.csv$/;

async function lookForOthers(
  context: PipelineContext,
  known: ReadonlySet<string>,
  damages: Damages,
  notes: string[],
): Promise<void> {
  for (const path of await filesBelow(context.archive.folder, "archive")) {
    if (known.has(path)) continue;
    const batchId = BATCH_FILE.exec(path)?.[1];
    if (batchId !== undefined && (await context.ledger.findBatch(String(Number(batchId)))) === undefined) {
      damages.add("unknown_batch", path, "the ledger knows no such batch: it is older than this archive");
    } else {
      notes.push(
        `${path} is in no record of the ledger: a run that was cut off leaves such a file, or somebody put it there`,
      );
    }
  }
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const below = join(root, folder);
  if ((await stat(below).catch(() => undefined)) === undefined) return [];
  const entries = await readdir(below, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .toSorted();
}
