/**
 * The JSON documents of the pipeline's verbs (docs/json.md): one per merchant, one a line, fields only ever added.
 * `type`, `schema`, `merchant` and `exit_status` are added where a document is printed.
 */

import { mayBeWithProvider } from "../domain/batch.ts";
import type { MoneyTotal } from "../domain/money.ts";
import type { Problem } from "../domain/problem.ts";
import type { BatchRecord, BreakRecord } from "../ledger/ledger.ts";
import { remotePathOf } from "../pipeline/batch-facts.ts";
import type { Collection } from "../pipeline/collect.ts";
import type { Reconciliation } from "../pipeline/reconcile.ts";
import type { Submission } from "../pipeline/submit.ts";
import type { ValidatedFile } from "../pipeline/validate.ts";

export type Document = Readonly<Record<string, unknown>>;

export function validationDocument(files: readonly ValidatedFile[]): Document {
  return { files: files.map(validatedFile) };
}

function validatedFile({ file, problem, screening, problems, problemsTruncated }: ValidatedFile): Document {
  return {
    file,
    problem: problem ? problemDocument(problem) : null,
    rows: screening?.rows ?? 0,
    accepted: screening?.accepted ?? 0,
    skipped: screening?.skipped ?? 0,
    skipped_by_code: screening?.skippedByCode ?? {},
    rejected: screening?.rejected ?? 0,
    rejected_by_code: screening?.rejectedByCode ?? {},
    totals: (screening?.totals ?? []).map(moneyDocument),
    rejects: problems,
    rejects_truncated: problemsTruncated,
    notes: screening?.notes ?? [],
  };
}

export function submissionDocument(submission: Submission, inbound: string): Document {
  const { exports } = submission;
  return {
    dry_run: submission.dryRun,
    files: [
      ...exports.map((taken) => ({
        file: taken.file,
        sha256: taken.sha256,
        rows: taken.rows,
        accepted: taken.accepted,
        skipped: taken.skipped,
        rejected: taken.rejected,
        problem: taken.problem ? problemDocument(taken.problem) : null,
        rejects_file: taken.rejectsPath,
        notes: taken.notes,
      })),
      ...submission.unreadable.map(({ file, problem }) => ({ file, problem: problemDocument(problem) })),
    ],
    // What was rejected as a whole sends nothing, so its accepted rows do not count as accepted for sending.
    accepted: sum(exports.filter((taken) => !taken.problem).map((taken) => taken.accepted)),
    skipped: sum(exports.map((taken) => taken.skipped)),
    skipped_by_code: sumByCode(exports.map((taken) => taken.skippedByCode)),
    rejected: sum(exports.map((taken) => taken.rejected)),
    rejected_by_code: sumByCode(exports.map((taken) => taken.rejectedByCode)),
    batches: submission.batches.map((batch) => batchDocument(batch, inbound)),
    problems: submission.problems.map(problemDocument),
  };
}

export function batchDocument(batch: BatchRecord, inbound: string): Document {
  return {
    batch_id: batch.batchId,
    name: batch.name,
    remote_path: batch.name === "" ? "" : remotePathOf(inbound, batch.name),
    rows: batch.content?.rows ?? 0,
    totals: (batch.content?.totals ?? []).map(moneyDocument),
    sha256: batch.content?.sha256 ?? "",
    state: batch.state,
    may_be_with_provider: mayBeWithProvider(batch.state),
    detail: batch.detail,
  };
}

export function collectionDocument({ files }: Collection): Document {
  return {
    files: files.map(({ name, sizeBytes, sha256, state, reason }) => ({
      name,
      size: sizeBytes,
      sha256,
      state,
      reason,
    })),
  };
}

export function reconciliationDocument(reconciliation: Reconciliation): Document {
  const { files, rows, applied, repeated, breaks } = reconciliation;
  return { files, rows, applied, repeated, breaks: breaks.map(breakDocument), breaks_by_code: countByCode(breaks) };
}

export function breakDocument(found: BreakRecord): Document {
  const { breakId, code, orderId, file, line, message } = found;
  return { break_id: breakId, code, order_id: orderId, file, line, message };
}

export function problemDocument(problem: Problem): Document {
  return { code: problem.code, message: problem.message, hint: problem.hint };
}

export function moneyDocument({ currency, count, amountMinor }: MoneyTotal): Document {
  return { currency, count, amount_minor: amountMinor.toString() };
}

function countByCode(items: readonly { readonly code: string }[]): Record<string, number> {
  return sumByCode(items.map(({ code }) => ({ [code]: 1 })));
}

function sumByCode(counts: readonly Readonly<Partial<Record<string, number>>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const count of counts) {
    for (const [code, number] of Object.entries(count)) total[code] = (total[code] ?? 0) + (number ?? 0);
  }
  return total;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
