/**
 * `reconcile`: applies collected (or given) result files to the ledger, each in one transaction, and lists the breaks
 * that this call found. Applying a file twice changes nothing: the decision is made row by row, from what is known.
 */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { type BreakCode, isMismatch } from "../domain/break.ts";
import type { Instant } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import { type ResultRow, reconcileRow } from "../domain/reconcile.ts";
import type { BatchFact, BatchRecord, BreakRecord, NewBreak, NewOutcome, ResultFileRecord } from "../ledger/ledger.ts";
import { checkResultFile } from "../profiles/check-results.ts";
import { readResults } from "../profiles/decode.ts";
import { keptName } from "./archive.ts";
import { archiveBatches } from "./archive-batches.ts";
import { currentBatch, plannedAt } from "./batch-facts.ts";
import { closeOverdue, closeUncertainty } from "./close-findings.ts";
import { checkStop, type PipelineContext, stamp } from "./context.ts";
import { KnownAttempts } from "./known-attempts.ts";
import { MalformedRows } from "./malformed-rows.ts";
import { passStep } from "./steps.ts";

export interface Reconciliation {
  readonly files: readonly string[];
  readonly rows: number;
  readonly applied: number;
  readonly repeated: number;
  /** New in this call; the same break met again is `repeated`. */
  readonly breaks: readonly BreakRecord[];
}

interface Counts {
  rows: number;
  applied: number;
  repeated: number;
  breaks: BreakRecord[];
}

/** Applies the given files (archived first), or every collected file that was not applied yet. */
export async function reconcile(context: PipelineContext, given: readonly string[] = []): Promise<Reconciliation> {
  await archivePlanned(context);
  passStep("reconcile.begun");
  const files = given.length > 0 ? await archiveGiven(context, given) : await notApplied(context);
  const now = await applyFiles(context, files);
  const waited = await applyWaiting(context);
  return { ...now, applied: now.applied + waited.applied, breaks: [...now.breaks, ...waited.breaks] };
}

/**
 * Rows that ran into an unproven delivery which is proven by now, by a look, another row or a person: their files are
 * applied again. Its finding is closed after that, so that a run which is cut off in between leaves it to the next one.
 */
export async function applyWaiting(context: PipelineContext): Promise<Reconciliation> {
  const proven: BatchRecord[] = [];
  for (const { code, batchId } of await context.ledger.breaks("open")) {
    if (code !== "delivery_uncertain" || batchId === undefined) continue;
    const batch = await currentBatch(context, batchId);
    if (batch.state === "delivered") proven.push(batch);
  }
  if (proven.length === 0) return { files: [], rows: 0, applied: 0, repeated: 0, breaks: [] };
  const planned = await Promise.all(proven.map((batch) => plannedAt(context, batch.batchId)));
  const applied = await applyFiles(context, await collectedSince(context, Math.min(...planned)));
  for (const batch of proven) {
    await closeUncertainty(context, batch.batchId, batch.detail || "a look at the server proved it");
    passStep("reconcile.uncertainty_closed");
  }
  return applied;
}

/** A result may make a planned batch uncertain; its bytes and control totals must exist before that. */
async function archivePlanned(context: PipelineContext): Promise<void> {
  const unfinished = await context.ledger.batches("unfinished");
  await archiveBatches(
    context,
    unfinished.filter((batch) => batch.state === "planned"),
  );
}

/** Orders of the batch that result files collected since then have a word on, applied or not. */
export async function findOrdersShown(
  context: PipelineContext,
  batchId: number,
  sinceRecordedAt: Instant,
): Promise<string[]> {
  const shown = new Set<string>();
  for (const file of await collectedSince(context, sinceRecordedAt)) {
    for await (const lines of readResults(context.profile, context.archive.resolve(file.archivePath))) {
      const rows = lines.filter((line): line is ResultRow => !("malformed" in line));
      const known = await KnownAttempts.load(context, rows);
      for (const row of rows) {
        const verdict = reconcileRow(row, known.candidatesFor(row), file.name);
        const spokenOf = verdict.verdict === "applied" ? verdict.attempt : verdict.verdict === "break" && verdict.found;
        if (spokenOf && spokenOf.batchId === batchId) shown.add(spokenOf.orderId);
      }
    }
  }
  return [...shown];
}

async function collectedSince(context: PipelineContext, sinceRecordedAt: Instant): Promise<ResultFileRecord[]> {
  const files = await context.ledger.resultFiles();
  return files.filter((file) => file.state === "collected" && file.recordedAt >= sinceRecordedAt);
}

export async function applyFiles(
  context: PipelineContext,
  files: readonly ResultFileRecord[],
): Promise<Reconciliation> {
  const total: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
  for (const file of files) {
    checkStop(context);
    const counts = await applyFile(context, file);
    passStep("reconcile.file_applied");
    total.rows += counts.rows;
    total.applied += counts.applied;
    total.repeated += counts.repeated;
    total.breaks.push(...counts.breaks);
  }
  passStep("reconcile.done");
  return { ...total, files: files.map((file) => file.name) };
}

async function notApplied(context: PipelineContext): Promise<ResultFileRecord[]> {
  const files = await context.ledger.resultFiles();
  return files.filter((file) => file.state === "collected" && file.applied === undefined);
}

async function archiveGiven(context: PipelineContext, paths: readonly string[]): Promise<ResultFileRecord[]> {
  const ids: number[] = [];
  for (const path of paths) {
    await checkReadable(path);
    const name = basename(path);
    const archivePath = `archive/results/${context.uniqueId()}-${keptName(name)}`;
    const copied = await context.archive.copyIn(path, archivePath);
    passStep("reconcile.given_archived");
    const known = (await context.ledger.resultFiles()).find((file) => file.sha256 === copied.sha256);
    if (known) {
      await context.archive.remove(archivePath);
      ids.push(known.resultFileId);
      continue;
    }
    const verdict = await checkResultFile(context.profile, context.archive.resolve(archivePath));
    // A person vouches for a file that merely lacks its last newline.
    if (verdict !== "complete" && !("unterminated" in verdict && verdict.unterminated)) {
      await context.archive.remove(archivePath);
      const why = "incomplete" in verdict ? verdict.incomplete : verdict.notResults;
      throw unreadable(path, why);
    }
    const file = { ...stamp(context), ...copied, name, archivePath, modifiedAt: context.clock.wall() } as const;
    ids.push(await context.ledger.recordResultFile({ ...file, state: "collected", source: "file" }));
    passStep("reconcile.given_recorded");
  }
  const files = await context.ledger.resultFiles();
  return files.filter((file) => ids.includes(file.resultFileId));
}

async function checkReadable(path: string): Promise<void> {
  try {
    const handle = await open(path, "r");
    const facts = await handle.stat().finally(() => handle.close());
    if (facts.isFile()) return;
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error));
  }
  throw unreadable(path, "it is not a file");
}

function unreadable(path: string, why: string): Problem {
  return new Problem("export_unreadable", `${path} cannot be read as a result file: ${why}`, {
    hint: "Nothing of it was applied. Check that it is a result file of this merchant's provider, and whole.",
  });
}

async function applyFile(context: PipelineContext, file: ResultFileRecord): Promise<Counts> {
  const { ledger } = context;
  const met = await contradictionsMet(context);
  return ledger.transaction(async () => {
    const counts: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
    passStep("reconcile.file_begun");
    const malformed = new MalformedRows(context, file);
    for await (const lines of readResults(context.profile, context.archive.resolve(file.archivePath))) {
      const rows = lines.filter((line): line is ResultRow => !("malformed" in line));
      counts.rows += lines.length;
      const breaks = lines.flatMap((line) => ("malformed" in line ? malformed.add(line.line, line.malformed) : []));
      await applyRows(context, file, rows, { counts, breaks, met });
      passStep("reconcile.rows_applied");
    }
    await applyRows(context, file, [], { counts, breaks: malformed.rest(), met });
    if (file.applied === undefined) {
      const { rows, applied, repeated } = counts;
      await ledger.markApplied(file.resultFileId, { ...stamp(context), rows, applied, repeated });
      passStep("reconcile.marked_applied");
    }
    return counts;
  });
}

/**
 * The same words again are the same contradiction, whatever a person made of them since: a mismatch that was settled would
 * otherwise come back as a conflict with the settlement.
 */
async function contradictionsMet(context: PipelineContext): Promise<ReadonlySet<string>> {
  const breaks = await context.ledger.breaks("all");
  return new Set(breaks.filter((found) => isContradiction(found.code)).map((found) => found.fingerprint));
}

function isContradiction(code: BreakCode): boolean {
  return code === "conflicting_outcome" || isMismatch(code);
}

async function applyRows(
  context: PipelineContext,
  file: ResultFileRecord,
  rows: readonly ResultRow[],
  { counts, breaks, met }: { counts: Counts; breaks: NewBreak[]; met: ReadonlySet<string> },
): Promise<void> {
  const known = await KnownAttempts.load(context, rows);
  const outcomes: NewOutcome[] = [];
  for (const row of rows) {
    const verdict = reconcileRow(row, known.candidatesFor(row), file.name);
    switch (verdict.verdict) {
      case "repeated":
        counts.repeated += 1;
        break;
      case "break":
        if (isContradiction(verdict.found.code) && met.has(verdict.found.fingerprint)) {
          counts.repeated += 1;
          break;
        }
        breaks.push({ ...verdict.found, ...stamp(context) });
        if (verdict.makesUncertain) await settleBatch(context, known, verdict.found.batchId, "uncertain", row);
        break;
      case "applied": {
        const { attempt, outcome } = verdict;
        counts.applied += 1;
        if (verdict.provesDelivery) await settleBatch(context, known, attempt.batchId, "delivered", row);
        breaks.push(...verdict.breaks.map((found) => ({ ...found, ...stamp(context) })));
        const { line, responseCode, message, sessionKey } = row;
        const source = {
          source: file.source,
          resultFileId: file.resultFileId,
          line,
          responseCode,
          message,
          sessionKey,
        };
        outcomes.push({ ...outcome, ...stamp(context), ...source, attemptId: attempt.attemptId });
        known.learn(attempt.attemptId, outcome, sessionKey);
      }
    }
  }
  await context.ledger.appendOutcomes(outcomes);
  await closeOverdue(context, new Set(outcomes.map((outcome) => outcome.attemptId)), `a verdict came in ${file.name}`);
  const recorded = await context.ledger.recordBreaks(breaks);
  counts.repeated += breaks.filter((found) => found.code !== "late_outcome").length;
  counts.repeated -= recorded.filter((found) => found.code !== "late_outcome").length;
  counts.breaks.push(...recorded);
}

/** Why a result row changed the state of a batch, in the words of its event. */
const FOUND_BY_ROW = {
  delivered: "a result row proves it",
  uncertain: "the provider has a result for a batch never committed",
} as const;

/** Applying the same files again records the same state again. */
export function isFoundByRow(event: Pick<BatchFact, "detail">): boolean {
  return Object.values(FOUND_BY_ROW).some((words) => event.detail.startsWith(`${words} (line `));
}

async function settleBatch(
  context: PipelineContext,
  known: KnownAttempts,
  batchId: number | undefined,
  state: "delivered" | "uncertain",
  row: ResultRow,
): Promise<void> {
  if (batchId === undefined) return;
  const detail = FOUND_BY_ROW[state];
  await context.ledger.recordBatchState(batchId, state, {
    ...stamp(context),
    try: 0,
    detail: `${detail} (line ${row.line})`,
  });
  passStep("reconcile.batch_settled");
  known.setBatchState(batchId, state);
}
