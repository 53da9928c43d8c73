/**
 * `reconcile`: applies collected (or given) result files to the ledger, each in one transaction, and lists the breaks
 * that this call found. Applying a file twice changes nothing: the decision is made row by row, from what is known.
 */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { Problem } from "../domain/problem.ts";
import { type KnownAttempt, type ResultRow, reconcileRow } from "../domain/reconcile.ts";
import type { AttemptRecord, BreakRecord, NewBreak, NewOutcome, ResultFileRecord } from "../ledger/ledger.ts";
import { checkResultFile } from "../profiles/check-results.ts";
import { readResults } from "../profiles/decode.ts";
import { closeOverdue, closeUncertainty } from "./close-findings.ts";
import { checkStop, type PipelineContext, stamp } from "./context.ts";
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
  passStep("reconcile.begun");
  const files = given.length > 0 ? await archiveGiven(context, given) : await notApplied(context);
  return applyFiles(context, files);
}

/** Applies files again that were collected since an instant: after a person settled what their rows ran into. */
export async function reconcileAgain(context: PipelineContext, sinceRecordedAt: number): Promise<Reconciliation> {
  const files = (await context.ledger.resultFiles()).filter((file) => file.recordedAt >= sinceRecordedAt);
  return applyFiles(
    context,
    files.filter((file) => file.state === "collected"),
  );
}

async function applyFiles(context: PipelineContext, files: readonly ResultFileRecord[]): Promise<Reconciliation> {
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
    const archivePath = `archive/results/${context.uniqueId()}-${name}`;
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
  return ledger.transaction(async () => {
    const counts: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
    passStep("reconcile.file_begun");
    for await (const lines of readResults(context.profile, context.archive.resolve(file.archivePath))) {
      const rows = lines.filter((line): line is ResultRow => !("malformed" in line));
      const malformed = lines.filter((line) => "malformed" in line);
      counts.rows += lines.length;
      const breaks = malformed.map(({ line, malformed: why }) => malformedBreak(context, file, line, why));
      await applyRows(context, file, rows, counts, breaks);
      passStep("reconcile.rows_applied");
    }
    if (file.applied === undefined) {
      const { rows, applied, repeated } = counts;
      await ledger.markApplied(file.resultFileId, { ...stamp(context), rows, applied, repeated });
      passStep("reconcile.marked_applied");
    }
    return counts;
  });
}

async function applyRows(
  context: PipelineContext,
  file: ResultFileRecord,
  rows: readonly ResultRow[],
  counts: Counts,
  breaks: NewBreak[],
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

async function settleBatch(
  context: PipelineContext,
  known: KnownAttempts,
  batchId: number | undefined,
  state: "delivered" | "uncertain",
  row: ResultRow,
): Promise<void> {
  if (batchId === undefined) return;
  const detail =
    state === "delivered" ? "a result row proves it" : "the provider has a result for a batch never committed";
  await context.ledger.recordBatchState(batchId, state, {
    ...stamp(context),
    try: 0,
    detail: `${detail} (line ${row.line})`,
  });
  passStep("reconcile.batch_settled");
  known.setBatchState(batchId, state);
  if (state === "delivered") await closeUncertainty(context, batchId, detail);
}

function malformedBreak(context: PipelineContext, file: ResultFileRecord, line: number, why: string): NewBreak {
  return {
    ...stamp(context),
    code: "malformed_result",
    fingerprint: `file ${file.sha256} line ${line}`,
    orderId: "",
    file: file.name,
    line,
    message: why,
    attemptId: undefined,
    batchId: undefined,
  };
}

/** The attempts that a page of rows may belong to, kept up to date while the page is applied. */
class KnownAttempts {
  readonly #byOrder: Map<string, KnownAttempt[]>;
  readonly #all: Map<number, KnownAttempt>;

  private constructor(attempts: readonly KnownAttempt[]) {
    this.#all = new Map(attempts.map((attempt) => [attempt.attemptId, attempt]));
    this.#byOrder = Map.groupBy(attempts, (attempt) => attempt.orderId);
  }

  static async load(context: PipelineContext, rows: readonly ResultRow[]): Promise<KnownAttempts> {
    const orderIds = [...new Set(rows.map((row) => row.orderId).filter((id) => id !== ""))];
    const sessionKeys = [...new Set(rows.map((row) => row.sessionKey).filter((key) => key !== ""))];
    const attempts = await context.ledger.findAttemptsForResults({ orderIds, sessionKeys });
    const uploaded = new Map<number, boolean>();
    for (const { batchId, batchState } of attempts) {
      if (batchState === "delivered" || uploaded.has(batchId)) continue;
      const events = await context.ledger.batchEvents(batchId);
      uploaded.set(
        batchId,
        events.some((event) => event.state === "uploaded"),
      );
    }
    return new KnownAttempts(attempts.map((attempt) => toKnown(attempt, uploaded.get(attempt.batchId) ?? true)));
  }

  candidatesFor(row: ResultRow): KnownAttempt[] {
    const ofOrder = this.#byOrder.get(row.orderId) ?? [];
    if (ofOrder.length > 0 || row.sessionKey === "") return ofOrder.map((attempt) => this.#current(attempt));
    const bySession = [...this.#all.values()].filter((attempt) => attempt.sessionKey === row.sessionKey);
    return bySession;
  }

  learn(attemptId: number, outcome: KnownAttempt["outcomes"][number], sessionKey: string): void {
    const attempt = this.#all.get(attemptId);
    if (!attempt) return;
    const learned = sessionKey === "" ? attempt.sessionKey : (attempt.sessionKey ?? sessionKey);
    this.#all.set(attemptId, { ...attempt, outcomes: [...attempt.outcomes, outcome], sessionKey: learned });
  }

  setBatchState(batchId: number, batchState: KnownAttempt["batchState"]): void {
    for (const [id, attempt] of this.#all)
      if (attempt.batchId === batchId) this.#all.set(id, { ...attempt, batchState });
  }

  #current(attempt: KnownAttempt): KnownAttempt {
    return this.#all.get(attempt.attemptId) ?? attempt;
  }
}

function toKnown(attempt: AttemptRecord, batchWasUploaded: boolean): KnownAttempt {
  return { ...attempt, batchWasUploaded };
}
