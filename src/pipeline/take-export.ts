/**
 * An export file → claimed rebills and planned batches. Nothing is claimed before the accepted rows lie in the archive,
 * and one ledger transaction records the export, claims the identities and plans the batches.
 */
import { basename } from "node:path";
import { formatCompactUtc, formatInstant } from "../domain/instant.ts";
import type { Problem } from "../domain/problem.ts";
import { canonicalHeader, canonicalRow, readCanonical } from "../intake/canonical.ts";
import { RejectsFile } from "../intake/rejects.ts";
import type { BreakRecord, NewAttempt, NewBreak } from "../ledger/ledger.ts";
import type { ArchiveWriter } from "./archive.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { type ExportScreening, screenExport } from "./screen-export.ts";
import { passStep } from "./steps.ts";
import { tooManyRejects } from "./validate.ts";

export interface TakeOptions {
  /** Look only: nothing is archived, claimed or recorded. */
  readonly dryRun: boolean;
  /** Why an export is sent although it is late; recorded. */
  readonly reason: string;
}

export interface TakenExport extends ExportScreening {
  readonly file: string;
  /** `too_many_rejects`: nothing of the file is sent. */
  readonly problem: Problem | undefined;
  /** Where the rejected rows lie, to be mended and sent again; empty if there are none, or on a dry run. */
  readonly rejectsPath: string;
  readonly newBreaks: readonly BreakRecord[];
}

/** Where the accepted rows stood in the export: two numbers a row, so that a million rows stay small. */
interface Places {
  readonly rows: number[];
  readonly lines: number[];
}

/** Rejects with the Problem that stops the file as a whole; then nothing of it was archived or claimed. */
export async function takeExport(context: PipelineContext, file: string, options: TakeOptions): Promise<TakenExport> {
  const { archive, merchant } = context;
  const when = formatCompactUtc(context.clock.wall());
  const unique = context.uniqueId();
  const archivePath = `archive/exports/${when}-${unique}.csv`;
  const rejectsPath = options.dryRun ? "" : archive.resolve(`rejects/${when}-${unique}-${basename(file)}.rejects.csv`);
  const canonical = await archive.create(archivePath);
  const rejects = rejectsPath === "" ? undefined : new RejectsFile(rejectsPath);
  const places: Places = { rows: [], lines: [] };
  const retried: NewBreak[] = [];
  try {
    passStep("export.begun");
    await canonical.write(canonicalHeader());
    const { exportShape: shape, policy } = merchant;
    const screening = await screenExport(
      file,
      { shape, policy, maxAgeDays: context.maxAgeDays, now: context.clock.now() },
      {
        accepted: async (rows) => {
          for (const { row, line } of rows) {
            places.rows.push(row);
            places.lines.push(line);
          }
          await canonical.write(rows.map(({ rebill }) => canonicalRow(rebill)).join(""));
        },
        rejected: async (row) => rejects?.write(row),
        retried: (found) => retried.push({ ...found, file: basename(file) }),
      },
      { ledger: context.ledger, window: context.profile.window, stamp: stamp(context) },
    );
    passStep("export.screened");
    const problem = tooManyRejects(screening, policy.maxRejectRatio, file);
    const notes = [...screening.notes, ...(await sameBytesNote(context, screening.sha256))];
    const taken = { ...screening, notes, file, problem, rejectsPath: screening.rejected > 0 ? rejectsPath : "" };
    if (options.dryRun) return { ...taken, newBreaks: [] };
    const newBreaks = await claim(context, taken, canonical, { archivePath, reason: options.reason, places, retried });
    passStep("export.claimed");
    return { ...taken, newBreaks };
  } finally {
    await rejects?.close();
    await canonical.discard();
  }
}

async function sameBytesNote(context: PipelineContext, sha256: string): Promise<string[]> {
  const before = await context.ledger.findExport(sha256);
  return before ? [`the same bytes were taken ${formatInstant(before.at)} as ${before.name}`] : [];
}

interface Claim {
  readonly archivePath: string;
  readonly reason: string;
  readonly places: Places;
  readonly retried: readonly NewBreak[];
}

async function claim(
  context: PipelineContext,
  taken: Omit<TakenExport, "newBreaks">,
  canonical: ArchiveWriter,
  { archivePath, reason, places, retried }: Claim,
): Promise<BreakRecord[]> {
  const { ledger } = context;
  if (taken.problem) return [];
  if (taken.accepted === 0) return ledger.recordBreaks(retried);
  const archived = await canonical.keep();
  passStep("export.archived");
  return ledger.transaction(async () => {
    const exportId = await ledger.recordExport({
      ...stamp(context),
      sha256: taken.sha256,
      name: basename(taken.file),
      rows: taken.rows,
      accepted: taken.accepted,
      skipped: taken.skipped,
      rejected: taken.rejected,
      maxAgeDays: context.maxAgeDays,
      archivePath,
      archived,
      reason,
    });
    passStep("export.recorded");
    await planBatches(context, exportId, archivePath, places);
    return ledger.recordBreaks(retried);
  });
}

/** In export order, split at the profile's row limit. */
async function planBatches(
  context: PipelineContext,
  exportId: number,
  archivePath: string,
  places: Places,
): Promise<void> {
  const { maxRows } = context.profile.batch;
  let batchId = 0;
  let position = 0;
  for await (const rebills of readCanonical(context.archive.resolve(archivePath))) {
    let attempts: NewAttempt[] = [];
    for (const rebill of rebills) {
      if (position % maxRows === 0) {
        if (attempts.length > 0) await context.ledger.claim(batchId, attempts);
        attempts = [];
        batchId = await context.ledger.planBatch({ ...stamp(context), exportId });
        passStep("export.batch_planned");
      }
      attempts.push({ rebill, position, row: places.rows[position] ?? 0, line: places.lines[position] ?? 0 });
      position += 1;
    }
    if (attempts.length > 0) await context.ledger.claim(batchId, attempts);
    passStep("export.batch_claimed");
  }
  if (position !== places.rows.length) {
    throw new Error(`archived ${position} rows of ${places.rows.length}: the canonical copy is not whole`);
  }
}
