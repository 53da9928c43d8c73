/** A night's work and its report, and how both are told; shared by `run` and `watch`. */
import type { MerchantConfig } from "../config/config.ts";
import { formatInstant } from "../domain/instant.ts";
import type { PipelineContext } from "../pipeline/context.ts";
import type { Report } from "../report/model.ts";
import { reportDocument } from "../report/report-json.ts";
import { answerOf } from "../report/report-text.ts";
import { formatNumberOf } from "../report/words.ts";
import type { CommandContext } from "./context.ts";
import { collectionDocument, problemDocument, reconciliationDocument, submissionDocument } from "./documents.ts";
import { ExitStatus, exitStatusFor, worst } from "./exit-status.ts";
import { describeFailure } from "./failure.ts";
import { makeReport, statusOfReport, writeReportFiles } from "./make-report.ts";
import { complainAbout, forEachMerchant, type MerchantResult } from "./merchants.ts";
import { type NightEnd, notify } from "./notify.ts";
import { linesOf } from "./output.ts";
import { type Night, runNight } from "./run-merchant.ts";
import { statusOfCollection, statusOfSubmission } from "./statuses.ts";
import {
  describeCollection,
  describeOpen,
  describeReconciliation,
  describeSubmission,
  explainSubmission,
  problemsOf,
} from "./summaries.ts";
import { type Ended, type OpenMerchant, withPipeline } from "./wiring.ts";

interface ReportedNight extends Night {
  readonly report: Report;
  readonly reportFolder: string;
}

/**
 * One night of every merchant that was asked for, told to people and to the machines that watch. `before`: what the round
 * before came to, so that a watch does not call for help again and again.
 */
export async function runNights(
  context: CommandContext,
  command: "run" | "watch",
  before?: ExitStatus,
): Promise<{ readonly status: ExitStatus; readonly anyGrowing: boolean }> {
  const ends: NightEnd[] = [];
  let anyGrowing = false;
  const status = await forEachMerchant(context, "all", async (merchant, config) => {
    const end = { merchant: merchant.id, at: context.clock.wall() };
    try {
      const night = await withPipeline(context, config, merchant, { command, connects: true }, (pipeline, open) =>
        playNight(context, pipeline, open),
      );
      anyGrowing ||= night.value.growing.length > 0;
      ends.push({ ...end, status: night.status, report: night.value.report });
      return nightResult(context, merchant, night.status, night.value);
    } catch (error) {
      ends.push({ ...end, status: describeFailure(error).exitStatus, report: undefined });
      throw error;
    }
  });
  await notify(context, (await context.loadConfig()).notify, { status, nights: ends, isNews: status !== before });
  return { status, anyGrowing };
}

async function playNight(
  context: CommandContext,
  pipeline: PipelineContext,
  open: OpenMerchant,
): Promise<Ended<ReportedNight>> {
  if (context.options.asOf !== undefined) {
    context.speech.note(`judged as of ${formatInstant(context.options.asOf)} (--as-of); what is sent is really sent`);
  }
  const night = await runNight(pipeline);
  const now = context.clock.now();
  const report = await makeReport(open, now);
  const reportFolder = await writeReportFiles(open, report, now);
  const status = worst([
    statusOfSubmission(night.submission, "found"),
    statusOfCollection(night.collection),
    ...night.problems.map((problem) => exitStatusFor[problem.code]),
    statusOfReport(report),
    context.stop.aborted ? ExitStatus.interrupted : ExitStatus.ok,
  ]);
  return { status, value: { ...night, report, reportFolder } };
}

function nightResult(
  context: CommandContext,
  merchant: MerchantConfig,
  exitStatus: ExitStatus,
  night: ReportedNight,
): MerchantResult {
  const problems = problemsOf({ ...night.submission, problems: [...night.submission.problems, ...night.problems] });
  for (const problem of problems) complainAbout(context, merchant.id, problem);
  return {
    exitStatus,
    type: "run",
    document: {
      submission: submissionDocument(night.submission, merchant.sftp.inbound),
      collection: collectionDocument(night.collection),
      reconciliation: reconciliationDocument(night.reconciliation),
      report: reportDocument(night.report),
      report_folder: night.reportFolder,
      problems: problems.map(problemDocument),
    },
    details: detailsOf(night),
    verdict: verdictOf(night),
  };
}

function detailsOf(night: ReportedNight): string {
  const { submission, collection, reconciliation, growing } = night;
  return linesOf([
    `submit:    ${describeSubmission(submission)}`,
    ...explainSubmission(submission).map((line) => `           ${line}`),
    ...growing.map((file) => `           ${file} still grows; it waits for the next run`),
    `collect:   ${describeCollection(collection)}`,
    `reconcile: ${describeReconciliation(reconciliation)}`,
    `report:    ${night.reportFolder}`,
  ]);
}

/** What did not happen comes first: under --quiet it is all that a person reads. */
function verdictOf({ report, submission, problems }: ReportedNight): string {
  const open = Object.values(report.breaksByCode).reduce((sum, count) => sum + (count ?? 0), 0);
  const rejected = submission.exports.reduce((sum, taken) => sum + taken.rejected, 0);
  const money = report.currencies.map(answerOf);
  return [
    ...describeOpen(submission.batches),
    ...(problems.length > 0 ? ["not everything could be looked at"] : []),
    ...(money.length > 0 ? money : ["nothing was submitted yet"]),
    ...(rejected > 0 ? [`${formatNumberOf(rejected, "row")} rejected`] : []),
    ...(open > 0 ? [`${formatNumberOf(open, "break")} open, see rescue breaks`] : []),
  ].join("; ");
}
