/**
 * Removes what killed runs left half written in the archive. Only with the lock held, so that nobody is writing them; only by
 * the names that this program gives; and never what the ledger speaks of. A whole file is left alone, whatever the ledger
 * knows: it may be newer than a ledger that was restored, and then it is evidence.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PART } from "./archive.ts";
import type { PipelineContext } from "./context.ts";
import { recordedFiles } from "./verify-files.ts";

const OURS: Readonly<Record<string, RegExp>> = {
  "archive/exports": /^\d{14}-[0-9a-z]{8,}\.csv$/,
  "archive/batches": /^\d{6,15}\.csv$/,
  "archive/results": /^[0-9a-z]{8,}-.+$/,
};

/** Resolves with their paths. Never throws for the disk: what stays is removed by the next run. */
export async function sweepArchive(context: Pick<PipelineContext, "archive" | "ledger">): Promise<string[]> {
  const { archive, ledger } = context;
  const parts: string[] = [];
  for (const [folder, ours] of Object.entries(OURS)) {
    for (const name of await readdir(archive.resolve(folder)).catch(() => [])) {
      if (name.endsWith(PART) && ours.test(name.slice(0, -PART.length))) parts.push(join(folder, name));
    }
  }
  if (parts.length === 0) return [];
  const recorded = new Set((await recordedFiles(ledger)).map((file) => file.path));
  const left = parts.filter((path) => !recorded.has(path));
  for (const path of left) await rm(archive.resolve(path), { force: true }).catch(() => {});
  return left;
}
