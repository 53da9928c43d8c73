/** `submit FILE…`: sends exports to the provider, each rebill exactly once. */
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { formatInstant } from "../../domain/instant.ts";
import { Problem } from "../../domain/problem.ts";
import type { PipelineContext } from "../../pipeline/context.ts";
import { createInboxMover } from "../../pipeline/inbox.ts";
import { type Submission, submit } from "../../pipeline/submit.ts";
import { anyNumber, defineCommand, flag, option, readDays, readText } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { submissionDocument } from "../documents.ts";
import { worst } from "../exit-status.ts";
import { complainAbout, forEachMerchant } from "../merchants.ts";
import { linesOf } from "../output.ts";
import { statusOfBreaks, statusOfSubmission } from "../statuses.ts";
import { describeSubmission, explainSubmission, problemsOf } from "../summaries.ts";
import { type Ended, withPipeline } from "../wiring.ts";

export const command = defineCommand({
  arguments: { files: anyNumber("file", "exports to send; none: only finish what is unfinished") },
  options: {
    dryRun: flag("--dry-run", "show what would be sent; send and record nothing"),
    yes: flag("--yes", "do not ask, even on a terminal"),
    maxAge: option("--max-age <days>", "send declines up to this old, such as 3d; needs --reason", readDays),
    reason: option("--reason <text>", "why late declines are sent; it is recorded", readText),
  },
  about:
    "First finishes what an earlier run left unfinished, oldest first; then validates the files, claims their rebills in\n" +
    "the ledger and delivers them in batches. A rebill that was sent before is skipped, whatever file it comes in.",
  examples: [
    "submit inbox/rebills.csv",
    "submit --dry-run rebills.csv",
    'submit --max-age 3d --reason "cron was down" rebills.csv',
  ],
  exitStatuses: [0, 2, 3, 10, 11, 12, 13, 130],
  run: (context, { files }, options) => {
    if (options.maxAge !== undefined && options.reason === undefined) {
      throw new Problem("usage", "--max-age needs a --reason", {
        hint: "Nothing was sent. Say why late declines are sent; the reason is recorded.",
      });
    }
    const paths = files.map((file) => resolve(context.io.cwd, file));
    return forEachMerchant(context, files.length > 0 ? "one" : "all", async (merchant, config) => {
      const { status, value } = await withPipeline(
        context,
        config,
        merchant,
        { command: "submit", maxAgeDays: options.maxAge, dryRun: options.dryRun },
        (pipeline) => send(context, pipeline, paths, options),
      );
      sayProblems(context, merchant.id, value);
      return {
        exitStatus: status,
        type: "submission",
        document: submissionDocument(value, merchant.sftp.inbound),
        details: linesOf(explainSubmission(value)),
        verdict: describeSubmission(value),
      };
    });
  },
});

interface SendOptions {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly reason: string | undefined;
}

async function send(
  context: CommandContext,
  pipeline: PipelineContext,
  files: readonly string[],
  { dryRun, yes, reason = "" }: SendOptions,
): Promise<Ended<Submission>> {
  if (context.options.asOf !== undefined && !dryRun) {
    context.speech.note(`judged as of ${formatInstant(context.options.asOf)} (--as-of); what is sent is really sent`);
  }
  const mover = createInboxMover(pipeline);
  if (!dryRun && !yes && files.length > 0 && asksQuestions(context)) {
    const preview = await submit(pipeline, files, { dryRun: true, reason }, mover);
    await confirm(context, describeSubmission(preview));
  }
  const value = await submit(pipeline, files, { dryRun, reason }, mover);
  const open = dryRun ? 0 : await pipeline.ledger.countOpenBreaks();
  return { status: worst([statusOfSubmission(value, "given"), statusOfBreaks(open)]), value };
}

/** What went wrong goes to stderr, as words or as JSON lines; the result goes on to say what went right. */
function sayProblems(context: CommandContext, merchant: string, submission: Submission): void {
  for (const problem of problemsOf(submission)) complainAbout(context, merchant, problem);
}

/** A person at both ends: cron, pipes and scripts are never asked. */
function asksQuestions({ io, options }: CommandContext): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY && !options.json && !options.quiet;
}

async function confirm(context: CommandContext, preview: string): Promise<void> {
  const prompt = createInterface({ input: context.io.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${preview}. Send? [y/N] `, { signal: context.stop });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    prompt.close();
  }
  throw new Problem("usage", "not confirmed", { hint: "Nothing was sent." });
}
