/**
 * An export file → claimed rebills and planned batches. One ledger transaction records the export, claims the identities and plans the
 * batches, and is committed only once the accepted rows lie in the archive.
 */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { formatCompactUtc, formatInstant } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import { canonicalHeader } from "../intake/canonical.ts";
import { RejectsFile } from "../intake/rejects.ts";
import type { BreakRecord, NewBreak } from "../ledger/ledger.ts";
import { areThreadsWorthIt } from "../thread/worth-it.ts";
import { type ArchiveWriter, type HashedFile, keptName } from "./archive.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { BatchPlanner } from "./plan-batches.ts";
import type { RunBatchFiles } from "./run-batch-files.ts";
import { type ExportScreening, type ScreenSink, screenExport } from "./screen-export.ts";
import { passStep } from "./steps.ts";
import { tooManyRejects } from "./validate.ts";

export interface TakeOptions {
  /** Look only: nothing is archived, claimed or recorded. */
  readonly dryRun: boolean;
  /** Why an export is sent although it is late; recorded. */
  readonly reason: string;
  /** The run's: those of a large export are begun before it is taken. */
  readonly batchFiles?: RunBatchFiles | undefined;
  /** There will be something to send; the ledger only has its last claims to write. */
  readonly onScreened?: (() => void) | undefined;
}

export interface TakenExport extends ExportScreening {
  readonly file: string;
  /** `too_many_rejects`: nothing of the file is sent. */
  readonly problem: Problem | undefined;
  /** Where the rejected rows lie, to be mended and sent again; empty if there are none, or on a dry run. */
  readonly rejectsPath: string;
  readonly newBreaks: readonly BreakRecord[];
}

/** Rejects with the Problem that stops the file as a whole; then nothing of it was archived or claimed. */
export async function takeExport(context: PipelineContext, file: string, options: TakeOptions): Promise<TakenExport> {
  const { archive } = context;
  const unique = `${formatCompactUtc(context.clock.wall())}-${context.uniqueId()}`;
  if (options.dryRun) {
    const screening = await screen(context, file, {
      accepted: async () => {},
      rejected: async () => {},
      retried: () => {},
    });
    return { ...screening, rejectsPath: "", newBreaks: [] };
  }
  const archivePath = `archive/exports/${unique}.csv`;
  const rejects = new RejectsFile(archive.resolve(`rejects/${unique}-${keptName(basename(file))}.rejects.csv`));
  const canonical = await archive.create(archivePath);
  try {
    passStep("export.begun");
    const taken = await claimWhileReading(context, file, { archivePath, canonical, rejects, ...options });
    passStep("export.claimed");
    return { ...taken, rejectsPath: taken.rejected > 0 ? rejects.path : "" };
  } finally {
    await rejects.close();
    await canonical.discard();
  }
}

interface Taking extends TakeOptions {
  readonly archivePath: string;
  readonly canonical: ArchiveWriter;
  readonly rejects: RejectsFile;
}

/**
 * One transaction, so that a row that cannot be read, too many rejects or a changed file take every claim back; and claiming
 * goes on while other threads read.
 */
async function claimWhileReading(
  context: PipelineContext,
  file: string,
  { archivePath, canonical, rejects, reason, batchFiles, onScreened = () => {} }: Taking,
): Promise<Omit<TakenExport, "rejectsPath">> {
  const { ledger, maxAgeDays } = context;
  const retried: NewBreak[] = [];
  let areFilesBegun = false;
  const take = async () => {
    const now = stamp(context);
    const exportId = await ledger.beginExport({ ...now, name: basename(file), maxAgeDays, archivePath, reason });
    const planner = new BatchPlanner(ledger, { exportId, maxRows: context.profile.batch.maxRows });
    await canonical.write(canonicalHeader());
    const screening = await screen(context, file, {
      accepted: async (page) => {
        await canonical.write(page.rows.bytes);
        await planner.add(page);
      },
      rejected: (row) => rejects.write(row),
      retried: (found) => retried.push({ ...found, file: basename(file) }),
    });
    passStep("export.screened");
    if (!isClaimed(screening)) return { ...screening, newBreaks: [] };
    onScreened();
    const proving = keepProven(context, archivePath, canonical);
    const beginning = proving.then((archived) => {
      areFilesBegun = true;
      return beginFiles(planner, { exportId, archivePath, archived }, batchFiles);
    });
    const [, archived] = await bothOf(planner.end(), beginning);
    const { sha256, rows, accepted, skipped, rejected } = screening;
    await ledger.endExport(exportId, { sha256, rows, accepted, skipped, rejected, archived });
    passStep("export.recorded");
    return { ...screening, newBreaks: await ledger.recordBreaks(retried) };
  };
  // Whoever reads it says what is wrong with it.
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  const isLarge = areThreadsWorthIt(context.intakePath ?? "auto", size);
  const taken = await ledger.transaction(take, { keeps: isClaimed, isLarge }).catch(async (error) => {
    if (areFilesBegun) await batchFiles?.close();
    throw error;
  });
  // Without a row to send, what was met on the way is recorded all the same.
  const isAllKnown = taken.problem === undefined && taken.accepted === 0;
  return isAllKnown ? { ...taken, newBreaks: await ledger.recordBreaks(retried) } : taken;
}

/** Everything resumes from these rows: a copy that does not read back as it was written is no ground for a claim. */
async function keepProven(
  { archive }: PipelineContext,
  archivePath: string,
  canonical: ArchiveWriter,
): Promise<HashedFile> {
  const archived = await canonical.keep();
  passStep("export.archived");
  const { sha256 } = await archive.hash(archivePath);
  if (sha256 === archived.sha256) return archived;
  await archive.remove(archivePath);
  throw new Problem("disk_failed", `${archivePath} does not read back as it was written`, {
    hint: "Nothing of the export was claimed or sent. Look at the disk of data_dir; then run again.",
  });
}

/** While the ledger has its last claims to write. */
async function beginFiles(
  planner: BatchPlanner,
  taken: { readonly exportId: number; readonly archivePath: string; readonly archived: HashedFile },
  batchFiles: RunBatchFiles | undefined,
): Promise<HashedFile> {
  for await (const batch of planner.planned()) batchFiles?.begin({ ...batch, taken: { ...taken, isProven: true } });
  return taken.archived;
}

/** Neither goes on behind the back of a failure of the other. */
async function bothOf<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

function isClaimed({ problem, accepted }: Pick<TakenExport, "problem" | "accepted">): boolean {
  return problem === undefined && accepted > 0;
}

async function screen(
  context: PipelineContext,
  file: string,
  sink: ScreenSink,
): Promise<Omit<TakenExport, "rejectsPath" | "newBreaks">> {
  const { exportShape: shape, policy } = context.merchant;
  const { maxAgeDays, intakePath, ledger, profile } = context;
  const screening = await screenExport(
    file,
    { shape, policy, maxAgeDays, now: context.clock.now(), intakePath },
    sink,
    { ledger, window: profile.window, stamp: stamp(context) },
  );
  const problem = tooManyRejects(screening, policy.maxRejectRatio, file);
  return {
    ...screening,
    notes: [...screening.notes, ...(await sameBytesNote(context, screening.sha256))],
    file,
    problem,
  };
}

async function sameBytesNote(context: PipelineContext, sha256: string): Promise<string[]> {
  const before = await context.ledger.findExport(sha256);
  return before ? [`the same bytes were taken ${formatInstant(before.at)} as ${before.name}`] : [];
}
