/** What the verbs did, in sentences for a person: what went, what did not and why, and what to do next. */
import { basename } from "node:path";
import { isUnfinished, isUnproven } from "../domain/batch.ts";
import { MoneyTotals } from "../domain/money.ts";
import type { Problem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import type { Collection } from "../pipeline/collect.ts";
import type { Reconciliation } from "../pipeline/reconcile.ts";
import type { Submission } from "../pipeline/submit.ts";
import type { TakenExport } from "../pipeline/take-export.ts";
import { formatNumberOf, formatTotals } from "../report/words.ts";

/** Of rows that were skipped this many are named; all of them are counted, and `explain` tells of each. */
const SHOWN_SKIPS = 3;

/** The verdict of a submission, one sentence. */
export function describeSubmission(submission: Submission): string {
  const { exports, batches } = submission;
  if (submission.dryRun) return `dry run: ${describeAccepted(exports)}; nothing was sent`;
  const delivered = batches.filter((batch) => batch.state === "delivered");
  const parts = [
    delivered.length === 0
      ? "nothing was sent"
      : `${describeBatches(delivered)} delivered in ${formatNumberOf(delivered.length, "batch")}`,
    ...describeOpen(batches),
    ...describeRows(exports),
    ...(submission.unreadable.length > 0
      ? [`${formatNumberOf(submission.unreadable.length, "file")} could not be read`]
      : []),
  ];
  return parts.join("; ");
}

function describeAccepted(exports: readonly TakenExport[]): string {
  const sendable = exports.filter((taken) => !taken.problem);
  const totals = new MoneyTotals();
  for (const taken of sendable) totals.addAll(taken.totals);
  const accepted = sendable.reduce((sum, taken) => sum + taken.accepted, 0);
  const rows = describeRows(exports);
  return [
    `${formatNumberOf(accepted, "rebill")} would be sent${inBrackets(formatTotals(totals.toArray()))}`,
    ...rows,
  ].join("; ");
}

function describeBatches(batches: readonly BatchRecord[]): string {
  const totals = new MoneyTotals();
  for (const batch of batches) totals.addAll(batch.content?.totals ?? []);
  const rows = batches.reduce((sum, batch) => sum + (batch.content?.rows ?? 0), 0);
  return `${formatNumberOf(rows, "rebill")}${inBrackets(formatTotals(totals.toArray()))}`;
}

/** Of these batches, what is not with the provider for sure. */
export function describeOpen(batches: readonly BatchRecord[]): string[] {
  const open = batches.filter((batch) => isUnfinished(batch.state));
  const unproven = open.filter((batch) => isUnproven(batch.state));
  const waiting = open.filter((batch) => !unproven.includes(batch));
  return [
    ...(unproven.length > 0 ? [`${describeBatches(unproven)}: delivery not proven, see rescue status`] : []),
    ...(waiting.length > 0 ? [`${describeBatches(waiting)} not sent yet; the next run goes on`] : []),
  ];
}

function describeRows(exports: readonly TakenExport[]): string[] {
  const skipped = exports.reduce((sum, taken) => sum + taken.skipped, 0);
  const rejected = exports.reduce((sum, taken) => sum + taken.rejected, 0);
  return [...(skipped > 0 ? [`${skipped} skipped`] : []), ...(rejected > 0 ? [`${rejected} rejected`] : [])];
}

function inBrackets(text: string): string {
  return text === "" ? "" : ` (${text})`;
}

/** Whatever kept a file or a batch from being sent; of the server's refusals the first of each kind. */
export function problemsOf({ exports, unreadable, problems }: Submission): Problem[] {
  const ofFiles = [...unreadable, ...exports].flatMap(({ problem }) => problem ?? []);
  return [...new Map(problems.map((problem) => [problem.code, problem])).values(), ...ofFiles];
}

/** Notes of each file, what was skipped, where the rejects lie. */
export function explainSubmission(submission: Submission): string[] {
  return submission.exports.flatMap(explainExport);
}

function explainExport(taken: TakenExport): string[] {
  const name = basename(taken.file);
  const lines = taken.notes.map((note) => `${name}: ${note}`);
  if (taken.skipped > 0) lines.push(`${name}: skipped ${describeCodes(taken.skippedByCode)}; the first of them:`);
  for (const { line, message } of taken.skippedRows.slice(0, SHOWN_SKIPS)) lines.push(`  line ${line}: ${message}`);
  if (taken.rejectsPath !== "") {
    lines.push(
      `${name}: ${formatNumberOf(taken.rejected, "row")} rejected for ${describeCodes(taken.rejectedByCode)}; to be mended and sent again:`,
    );
    lines.push(`  ${taken.rejectsPath}`);
  }
  for (const found of taken.newBreaks)
    lines.push(`break ${found.breakId}, ${found.code}, order ${found.orderId}: ${found.message}`);
  return lines;
}

function describeCodes(counts: Readonly<Partial<Record<string, number>>>): string {
  const codes = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return codes.map(([code, count]) => `${code} ${count}`).join(", ");
}

export function describeCollection({ files }: Collection): string {
  const count = (state: string) => files.filter((file) => file.state === state).length;
  const parts = [
    `${formatNumberOf(count("collected"), "result file")} collected`,
    ...(count("not_ready") > 0 ? [`${count("not_ready")} not ready yet`] : []),
    ...(count("quarantined") > 0 ? [`${count("quarantined")} unreadable, put into quarantine`] : []),
  ];
  return parts.join("; ");
}

export function describeReconciliation({ rows, applied, repeated, breaks }: Reconciliation): string {
  const parts = [`${formatNumberOf(rows, "result row")}: ${applied} applied, ${repeated} repeated`];
  if (breaks.length > 0) parts.push(`${formatNumberOf(breaks.length, "new break")}`);
  return parts.join("; ");
}
