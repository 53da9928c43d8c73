/** One result file → the ledger, in one transaction. */
import type { BreakCode } from "../domain/break.ts";
import type { Outcome } from "../domain/outcome.ts";
import { type ResultRow, type RowVerdict, reconcileRow } from "../domain/reconcile.ts";
import type {
  BatchFact,
  BreakRecord,
  Ledger,
  NewBreak,
  NewOutcome,
  ResultFileRecord,
  Stamp,
} from "../ledger/ledger.ts";
import { areThreadsWorthIt } from "../thread/worth-it.ts";
import { Asked } from "./asked.ts";
import { closeOverdue } from "./close-findings.ts";
import { type PipelineContext, stamp } from "./context.ts";
import type { KnownAttempts } from "./known-attempts.ts";
import { pagesOf } from "./pages.ts";
import { type PageSizes, type ResultPage, readPages } from "./result-pages.ts";
import { RowFindings } from "./row-findings.ts";
import { passStep } from "./steps.ts";

export interface Counts {
  rows: number;
  applied: number;
  repeated: number;
  breaks: BreakRecord[];
}

/**
 * Records what rows of the file say of deliveries, and nothing else: rows that waited for one that is proven here come before
 * its own.
 */
export async function recordDeliveries(
  context: PipelineContext,
  file: ResultFileRecord,
  sizes?: PageSizes,
): Promise<void> {
  const unfinished = await context.ledger.batches("unfinished");
  if (unfinished.length === 0) return;
  await context.ledger.transaction(async () => {
    for await (const { rows, known } of readPages(context, file, sizes)) {
      for (const row of rows) {
        const verdict = reconcileRow(row, known.candidatesFor(row), file.name);
        await settleBatchBy(context, known, verdict, row);
      }
    }
  });
}

export async function applyFile(context: PipelineContext, file: ResultFileRecord, sizes?: PageSizes): Promise<Counts> {
  const { ledger } = context;
  const apply = async () => {
    const counts: Counts = { rows: 0, applied: 0, repeated: 0, breaks: [] };
    passStep("reconcile.file_begun");
    // One for all pages: by it `verify` knows what was applied together, and plays a file again for each that it finds.
    const now = stamp(context);
    const findings = new RowFindings(context, file);
    const appended = new Asked<ResultFileRecord, void>();
    for await (const page of readPages(context, file, sizes)) {
      counts.rows += page.rows.length + page.malformed.length;
      await applyPage(context, file, page, { counts, findings, now, appended });
      while (appended.count > (page.endsStretch ? 0 : MOST_WAITING)) await appended.take();
      if (page.endsStretch) await recordBreaks(context, await findings.take(), counts);
      passStep("reconcile.rows_applied");
    }
    await recordBreaks(context, findings.rest(), counts);
    if (file.applied === undefined) {
      const { rows, applied, repeated } = counts;
      await ledger.markApplied(file.resultFileId, { ...stamp(context), rows, applied, repeated });
      passStep("reconcile.marked_applied");
    }
    return counts;
  };
  return ledger.transaction(apply, { isLarge: isLargeResult(context, file) });
}

export function isLargeResult({ intakePath }: PipelineContext, { sizeBytes }: ResultFileRecord): boolean {
  return areThreadsWorthIt(intakePath ?? "auto", sizeBytes);
}

/** So many calls may wait for the ledger, while the next page is decided. */
const MOST_WAITING = 4;

interface Applying {
  readonly counts: Counts;
  readonly findings: RowFindings;
  readonly now: Stamp;
  /** Whatever is asked later is answered after them. */
  readonly appended: Asked<ResultFileRecord, void>;
}

async function applyPage(
  context: PipelineContext,
  file: ResultFileRecord,
  { rows, malformed, known }: ResultPage,
  { counts, findings, now, appended }: Applying,
): Promise<void> {
  const outcomes: NewOutcome[] = [];
  for (const row of rows) {
    const verdict = reconcileRow(row, known.candidatesFor(row), file.name);
    if (verdict.verdict === "repeated") {
      counts.repeated += 1;
    } else if (verdict.verdict === "break") {
      findings.add(verdict.found);
      await settleBatchBy(context, known, verdict, row);
    } else {
      const { attempt, outcome } = verdict;
      counts.applied += 1;
      await settleBatchBy(context, known, verdict, row);
      for (const late of verdict.breaks) findings.add(late);
      outcomes.push(newOutcome(file, row, outcome, attempt.attemptId, now));
      known.learn(attempt, outcome, row.sessionKey);
    }
  }
  // Those of one attempt keep their order.
  outcomes.sort((a, b) => a.attemptId - b.attemptId);
  for (const some of pagesOf(outcomes)) appended.put(file, context.ledger.appendOutcomes(some));
  await closeOverdue(context, new Set(outcomes.map((outcome) => outcome.attemptId)), `a verdict came in ${file.name}`);
  await findings.endPage(malformed);
}

function newOutcome(
  { source, resultFileId }: ResultFileRecord,
  { line, responseCode, message, sessionKey }: ResultRow,
  outcome: Outcome,
  attemptId: number,
  { at, recordedAt }: Stamp,
): NewOutcome {
  return { ...outcome, attemptId, at, recordedAt, source, resultFileId, line, responseCode, message, sessionKey };
}

async function recordBreaks({ ledger }: PipelineContext, found: readonly NewBreak[], counts: Counts): Promise<void> {
  if (found.length === 0) return;
  const met = await contradictionsMet(ledger, found, counts.breaks[0]?.breakId);
  const fresh = found.filter(({ code, fingerprint }) => !isContradiction(code) || !met.has(fingerprint));
  const recorded: BreakRecord[] = [];
  for (const page of pagesOf(fresh)) recorded.push(...(await ledger.recordBreaks(page)));
  counts.repeated += found.filter(({ code }) => code !== "late_outcome").length;
  counts.repeated -= recorded.filter(({ code }) => code !== "late_outcome").length;
  for (const one of recorded) counts.breaks.push(one);
}

const CONTRADICTIONS: readonly BreakCode[] = ["conflicting_outcome", "amount_mismatch", "currency_mismatch"];

function isContradiction(code: BreakCode): boolean {
  return CONTRADICTIONS.includes(code);
}

/**
 * The same words again, from another file, are the same contradiction, whatever a person made of them since: a mismatch that
 * was settled would otherwise come back as a conflict with the settlement.
 */
async function contradictionsMet(
  ledger: Ledger,
  found: readonly NewBreak[],
  firstOfThisFile = Number.POSITIVE_INFINITY,
): Promise<ReadonlySet<string>> {
  const fingerprints = new Set(found.filter(({ code }) => isContradiction(code)).map(({ fingerprint }) => fingerprint));
  const met = new Set<string>();
  for (const page of pagesOf([...fingerprints])) {
    for (const code of CONTRADICTIONS) {
      for (const { breakId, fingerprint } of await ledger.findBreaks(code, page)) {
        if (breakId < firstOfThisFile) met.add(fingerprint);
      }
    }
  }
  return met;
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

async function settleBatchBy(
  context: PipelineContext,
  known: KnownAttempts,
  verdict: RowVerdict,
  row: ResultRow,
): Promise<void> {
  if (verdict.verdict === "break" && verdict.makesUncertain) {
    await settleBatch(context, known, verdict.found.batchId, "uncertain", row);
  } else if (verdict.verdict === "applied" && verdict.provesDelivery) {
    await settleBatch(context, known, verdict.attempt.batchId, "delivered", row);
  }
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
