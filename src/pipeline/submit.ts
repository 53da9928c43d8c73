/**
 * `submit`: first finishes what is unfinished, oldest first; then takes the given exports and delivers their batches.
 * A batch that fails or is uncertain does not stop the next, unless the connection or a permission is gone.
 */
import { isProblem, Problem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import { archiveBatches } from "./archive-batches.ts";
import { currentBatch } from "./batch-facts.ts";
import { checkStop, type PipelineContext } from "./context.ts";
import { deliverBatch } from "./deliver.ts";
import { applyWaiting } from "./reconcile.ts";
import { passStep } from "./steps.ts";
import { type TakenExport, type TakeOptions, takeExport } from "./take-export.ts";

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
  const exports: TakenExport[] = [];
  const unreadable: { file: string; problem: Problem }[] = [];
  passStep("submit.begun");
  if (!options.dryRun) {
    await delivery.deliverUnfinished();
    // What turned up may have had results that waited for it; and what they say decides what may be sent now.
    if (!context.stop.aborted) await applyWaiting(context);
  }
  passStep("submit.unfinished_done");
  for (const file of files) {
    if (context.stop.aborted) break;
    try {
      const taken = await takeExport(context, file, options);
      exports.push(taken);
      if (!options.dryRun) await mover.taken(taken);
    } catch (error) {
      if (!isProblem(error) || !stopsOnlyItsFile(error)) throw error;
      unreadable.push({ file, problem: error });
      if (!options.dryRun) await mover.unreadable(file, error);
    }
  }
  passStep("submit.files_taken");
  if (!options.dryRun) await delivery.deliverUnfinished();
  passStep("submit.done");
  return {
    dryRun: options.dryRun,
    exports,
    unreadable,
    batches: await delivery.batches(),
    problems: delivery.problems(),
  };
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

/** Delivers whatever is unfinished, each batch once a run, until nothing is left or nothing can go on. */
class Delivery {
  readonly #context: PipelineContext;
  readonly #handled = new Set<number>();
  readonly #problems = new Map<string, Problem>();
  #halted = false;

  constructor(context: PipelineContext) {
    this.#context = context;
  }

  async deliverUnfinished(): Promise<void> {
    // A batch that became too late plans a new one with its fresh rows, so look again until nothing new turns up.
    for (;;) {
      const todo = (await this.#context.ledger.batches("unfinished")).filter(
        (batch) => !this.#handled.has(batch.batchId),
      );
      if (todo.length === 0) return;
      await archiveBatches(
        this.#context,
        todo.filter((batch) => batch.state === "planned"),
      );
      for (const batch of todo) await this.#deliver(batch);
    }
  }

  async batches(): Promise<BatchRecord[]> {
    const ids = [...this.#handled].toSorted((a, b) => a - b);
    return Promise.all(ids.map((id) => currentBatch(this.#context, id)));
  }

  problems(): Problem[] {
    return [...this.#problems.values()];
  }

  async #deliver(batch: BatchRecord): Promise<void> {
    this.#handled.add(batch.batchId);
    // Never archived, so there is nothing on the server to look for: only a person can settle it.
    const isBeyondLooking = batch.state === "uncertain" && batch.content === undefined;
    if (this.#halted || isBeyondLooking) return;
    try {
      checkStop(this.#context);
      await deliverBatch(this.#context, batch.batchId);
    } catch (error) {
      if (!(error instanceof Problem) || error.code === "locked" || error.code === "ledger_damaged") throw error;
      if (!this.#problems.has(error.code)) this.#problems.set(error.code, error);
      // The server answered for this one batch only (a full disk, a quota): the next, smaller one may still fit.
      this.#halted = error.code !== "remote_failed" && error.code !== "disk_failed";
    }
  }
}
