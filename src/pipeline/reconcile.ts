/**
 * `reconcile`: applies collected (or given) result files to the ledger, each in one transaction, and lists the breaks
 * that this call found. Applying a file twice changes nothing: the decision is made row by row, from what is known.
 */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Instant } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import { reconcileRow } from "../domain/reconcile.ts";
import type { BatchRecord, BreakRecord, ResultFileRecord } from "../ledger/ledger.ts";
import { checkResultFile } from "../profiles/check-results.ts";
import { applyFile, type Counts, isLargeResult, recordDeliveries } from "./apply-results.ts";
import { keptName } from "./archive.ts";
import { archivePlanned } from "./archive-planned.ts";
import { currentBatch, plannedAt } from "./batch-facts.ts";
import { closeUncertainty } from "./close-findings.ts";
import { checkStop, type PipelineContext, stamp } from "./context.ts";
import { type PageSizes, readPages } from "./result-pages.ts";
import { passStep } from "./steps.ts";

/** What became known by some rows. */
export interface Applied {
  readonly applied: number;
  /** New in this call; the same break met again is `repeated`. */
  readonly breaks: readonly BreakRecord[];
}

export interface Reconciliation extends Applied {
  readonly files: readonly string[];
  readonly rows: number;
  readonly repeated: number;
}

/** Applies the given files (archived first), or every collected file that was not applied yet. */
export async function reconcile(context: PipelineContext, given: readonly string[] = []): Promise<Reconciliation> {
  // A result may make a planned batch uncertain; its bytes and control totals must exist before that.
  await archivePlanned(context, await context.ledger.batches("unfinished"));
  passStep("reconcile.begun");
  const files = given.length > 0 ? await archiveGiven(context, given) : await context.ledger.resultFiles("waiting");
  return applyFiles(context, files);
}

/**
 * Applies the files in their order, and what waited for a delivery that one of them proves before it: what the provider
 * said first is weighed first.
 */
export async function applyFiles(
  context: PipelineContext,
  files: readonly ResultFileRecord[],
  sizes?: PageSizes,
): Promise<Reconciliation> {
  const total: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
  for (const file of files) {
    checkStop(context);
    const apply = async () => {
      await recordDeliveries(context, file, sizes);
      addApplied(total, await applyWaiting(context));
      return applyFile(context, file, sizes);
    };
    const counts = await context.ledger.transaction(apply, { isLarge: isLargeResult(context, file) });
    passStep("reconcile.file_applied");
    addApplied(total, counts);
    total.rows += counts.rows;
    total.repeated += counts.repeated;
  }
  addApplied(total, await applyWaiting(context));
  passStep("reconcile.done");
  return { ...total, files: files.map((file) => file.name) };
}

/**
 * Rows that ran into an unproven delivery which is proven by now, by a look, another row or a person: their files are
 * applied again. Its finding is closed after that, so that a run which is cut off in between leaves it to the next one.
 */
export async function applyWaiting(context: PipelineContext): Promise<Applied> {
  const proven: BatchRecord[] = [];
  for (const { batchId } of await context.ledger.breaks("open", "delivery_uncertain")) {
    if (batchId === undefined) continue;
    const batch = await currentBatch(context, batchId);
    if (batch.state === "delivered") proven.push(batch);
  }
  const total: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
  if (proven.length === 0) return total;
  const planned = await Promise.all(proven.map((batch) => plannedAt(context, batch.batchId)));
  const collected = await collectedSince(context, Math.min(...planned));
  for (const file of collected.filter(({ applied }) => applied !== undefined)) {
    checkStop(context);
    addApplied(total, await applyFile(context, file));
    passStep("reconcile.file_applied");
  }
  for (const batch of proven) {
    await closeUncertainty(context, batch.batchId, batch.detail || "a look at the server proved it");
    passStep("reconcile.uncertainty_closed");
  }
  return total;
}

/** Orders of the batch that result files collected since then have a word on, applied or not. */
export async function findOrdersShown(
  context: PipelineContext,
  batchId: number,
  sinceRecordedAt: Instant,
): Promise<string[]> {
  const shown = new Set<string>();
  for (const file of await collectedSince(context, sinceRecordedAt)) {
    for await (const { rows, known } of readPages(context, file)) {
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

function addApplied(total: Counts, { applied, breaks }: Applied): void {
  total.applied += applied;
  for (const one of breaks) total.breaks.push(one);
}

async function archiveGiven(context: PipelineContext, paths: readonly string[]): Promise<ResultFileRecord[]> {
  const files = new Map<number, ResultFileRecord>();
  for (const path of paths) {
    await checkReadable(path);
    const name = basename(path);
    const archivePath = `archive/results/${context.uniqueId()}-${keptName(name)}`;
    const copied = await context.archive.copyIn(path, archivePath);
    passStep("reconcile.given_archived");
    const known = await context.ledger.findResultFile(copied.sha256);
    if (known) {
      await context.archive.remove(archivePath);
      files.set(known.resultFileId, known);
      continue;
    }
    const verdict = await checkResultFile(context.profile, context.archive.resolve(archivePath));
    // A person vouches for a file that merely lacks its last newline.
    if (verdict !== "complete" && !("unterminated" in verdict && verdict.unterminated)) {
      await context.archive.remove(archivePath);
      const why = "incomplete" in verdict ? verdict.incomplete : verdict.notResults;
      throw unreadable(path, why);
    }
    const modifiedAt = context.clock.wall();
    const file = { ...copied, name, archivePath, modifiedAt, state: "collected", source: "file" } as const;
    const record = { ...stamp(context), ...file };
    const resultFileId = await context.ledger.recordResultFile(record);
    files.set(resultFileId, { ...record, resultFileId, applied: undefined });
    passStep("reconcile.given_recorded");
  }
  return [...files.values()].toSorted((a, b) => a.resultFileId - b.resultFileId);
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
