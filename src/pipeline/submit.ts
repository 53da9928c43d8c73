/**
 * `submit`: first finishes what is unfinished, oldest first; then takes the given exports and delivers their batches.
 * A batch that fails or is uncertain does not stop the next, unless the connection or a permission is gone.
 */
import { isProblem, type Problem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import type { PipelineContext } from "./context.ts";
import { Delivery } from "./deliver-batches.ts";
import { applyWaiting } from "./reconcile.ts";
import type { RunBatchFiles } from "./run-batch-files.ts";
import { passStep } from "./steps.ts";
import type { TakenExport, TakeOptions } from "./take-export.ts";

export interface Submission {
  readonly dryRun: boolean;
  readonly exports: readonly TakenExport[];
  /** Files that stop as a whole; nothing of them was sent. */
  readonly unreadable: readonly { readonly file: string; readonly problem: Problem }[];
  /** Every batch that this call planned, finished or tried to finish, as it then was. */
  readonly batches: readonly BatchRecord[];
  /** What kept a batch from being delivered; the first of each kind. */
  readonly problems: readonly Problem[];
}

/** What becomes of the file itself once its rows are safe (or can never be): `run` moves it, `submit` too if it lies in the inbox. */
export interface ExportMover {
  taken(taken: TakenExport): Promise<void>;
  unreadable(file: string, problem: Problem): Promise<void>;
}

export async function submit(
  context: PipelineContext,
  files: readonly string[],
  options: TakeOptions,
  mover: ExportMover,
): Promise<Submission> {
  const delivery = new Delivery(context);
  passStep("submit.begun");
  if (!options.dryRun) {
    await delivery.deliverUnfinished();
    // What turned up may have had results that waited for it; and what they say decides what may be sent now.
    if (!context.stop.aborted) await applyWaiting(context);
  }
  passStep("submit.unfinished_done");
  const batchFiles = files.length === 0 ? undefined : await openBatchFiles(context);
  try {
    const taken = await takeExports(context, files, { ...options, batchFiles }, mover);
    passStep("submit.files_taken");
    if (!options.dryRun) await delivery.deliverUnfinished(batchFiles);
    passStep("submit.done");
    const batches = await delivery.batches();
    return { dryRun: options.dryRun, ...taken, batches, problems: delivery.problems() };
  } finally {
    await batchFiles?.close();
  }
}

async function takeExports(
  context: PipelineContext,
  files: readonly string[],
  options: TakeOptions,
  mover: ExportMover,
): Promise<Pick<Submission, "exports" | "unreadable">> {
  const exports: TakenExport[] = [];
  const unreadable: { file: string; problem: Problem }[] = [];
  for (const file of files) {
    if (context.stop.aborted) break;
    // Not before the last file: a connection that lies idle while others are read may be gone when it is needed.
    const onScreened = file === files.at(-1) ? () => context.remote.begin() : undefined;
    try {
      const { takeExport } = await import("./take-export.ts");
      const taken = await takeExport(context, file, { ...options, onScreened });
      exports.push(taken);
      if (!options.dryRun) await mover.taken(taken);
    } catch (error) {
      if (!isProblem(error) || !stopsOnlyItsFile(error)) throw error;
      unreadable.push({ file, problem: error });
      if (!options.dryRun) await mover.unreadable(file, error);
    }
  }
  return { exports, unreadable };
}

/** Loaded here, as take-export.ts is: a night without an export reads neither. */
async function openBatchFiles(context: PipelineContext): Promise<RunBatchFiles> {
  const { RunBatchFiles } = await import("./run-batch-files.ts");
  return new RunBatchFiles(context);
}

function stopsOnlyItsFile(problem: Problem): boolean {
  return isProblem(
    problem,
    "export_unreadable",
    "export_empty",
    "export_changed",
    "columns_missing",
    "columns_duplicate",
    "cvv_column",
  );
}
