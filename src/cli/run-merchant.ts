/** One night of one merchant: what `run` does once and `watch` does again and again. */
import { isProblem, type Problem } from "../domain/problem.ts";
import type { BreakRecord } from "../ledger/ledger.ts";
import { type Collection, collect } from "../pipeline/collect.ts";
import type { PipelineContext } from "../pipeline/context.ts";
import { createInboxMover, type InboxListing, listInbox } from "../pipeline/inbox.ts";
import { type Reconciliation, reconcile } from "../pipeline/reconcile.ts";
import { recordSilence } from "../pipeline/record-silence.ts";
import { type Submission, submit } from "../pipeline/submit.ts";

export interface Night {
  readonly submission: Submission;
  readonly collection: Collection;
  readonly reconciliation: Reconciliation;
  /** What kept the inbox from being read or the results from being collected; neither keeps the rest from being done. */
  readonly problems: readonly Problem[];
  /** Exports that still grow, left for the next run. */
  readonly growing: readonly string[];
}

const NOTHING_COLLECTED: Collection = { files: [] };
const NOTHING_THERE: InboxListing = { ready: [], growing: [] };
const NOTHING_RECONCILED: Reconciliation = { files: [], rows: 0, applied: 0, repeated: 0, breaks: [] };

/** recover → collect → reconcile → submit all of the inbox → collect → reconcile */
export async function runNight(pipeline: PipelineContext): Promise<Night> {
  const options = { dryRun: false, reason: "" };
  const mover = createInboxMover(pipeline);
  const recovered = await submit(pipeline, [], options, mover);
  const before = await collectAndReconcile(pipeline);
  const inboxProblems: Problem[] = [];
  const inbox = pipeline.stop.aborted
    ? NOTHING_THERE
    : await orProblem(() => listInbox(pipeline), NOTHING_THERE, inboxProblems);
  const submitted = await submit(pipeline, inbox.ready, options, mover);
  const after = await collectAndReconcile(pipeline);
  return {
    submission: joinSubmissions(recovered, submitted),
    collection: joinCollections(before.collection, after.collection),
    reconciliation: joinReconciliations(before.reconciliation, after.reconciliation),
    problems: distinct([...before.problems, ...inboxProblems, ...after.problems]),
    growing: inbox.growing,
  };
}

export interface Gathered {
  readonly collection: Collection;
  readonly reconciliation: Reconciliation;
  readonly problems: readonly Problem[];
}

/** What came back, and what did not: applies what is there even if the folder could not be looked into. */
export async function collectAndReconcile(pipeline: PipelineContext): Promise<Gathered> {
  const problems: Problem[] = [];
  const collection = await orProblem(() => collect(pipeline), NOTHING_COLLECTED, problems);
  const reconciliation = await orProblem(() => reconcile(pipeline), NOTHING_RECONCILED, problems);
  const silence: BreakRecord[] = await recordSilence(pipeline);
  return {
    collection,
    reconciliation: { ...reconciliation, breaks: [...reconciliation.breaks, ...silence] },
    problems,
  };
}

async function orProblem<T>(work: () => Promise<T>, otherwise: T, problems: Problem[]): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Without the lock or a sound ledger nothing else may be written either.
    if (!isProblem(error) || error.code === "locked" || error.code === "ledger_damaged") throw error;
    problems.push(error);
    return otherwise;
  }
}

function joinSubmissions(first: Submission, second: Submission): Submission {
  const batches = new Map([...first.batches, ...second.batches].map((batch) => [batch.batchId, batch]));
  return {
    ...second,
    batches: [...batches.values()].toSorted((a, b) => a.batchId - b.batchId),
    problems: distinct([...first.problems, ...second.problems]),
  };
}

/** The second look sees again what the first took: each file is told once, by what first became of it. */
function joinCollections(first: Collection, second: Collection): Collection {
  const files = new Map(second.files.map((file) => [file.name, file]));
  for (const file of first.files) if (file.state !== "not_ready") files.set(file.name, file);
  return { files: [...files.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function joinReconciliations(first: Reconciliation, second: Reconciliation): Reconciliation {
  return {
    files: [...first.files, ...second.files],
    rows: first.rows + second.rows,
    applied: first.applied + second.applied,
    repeated: first.repeated + second.repeated,
    breaks: [...first.breaks, ...second.breaks],
  };
}

function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}
