/**
 * Which merchants a command is about, and the loop over them: one after another, each isolated from the others' failures,
 * because one merchant's wrong password must not keep another's rebills from being sent.
 */
import type { Config, MerchantConfig } from "../config/config.ts";
import { findNearest } from "../domain/nearest.ts";
import { Problem } from "../domain/problem.ts";
import type { CommandContext } from "./context.ts";
import { ExitStatus, worst } from "./exit-status.ts";
import { describeFailure, reportFailure } from "./failure.ts";
import type { Level } from "./output.ts";

/** What came of one merchant, for people and for scripts. */
export interface MerchantResult {
  readonly exitStatus: ExitStatus;
  /** The JSON document's `type`. */
  readonly type: string;
  /** The rest of it; `schema`, `merchant` and `exit_status` are added here. */
  readonly document: object;
  /** What was asked for; printed under `--quiet` too. */
  readonly result?: string;
  /** The same, made by a renderer of src/report with `speech.style`. */
  readonly rendered?: string;
  /** Lines beside it; not under `--quiet`. */
  readonly details?: string;
  /** One sentence, the last line; under `--quiet` only if the status is not 0. */
  readonly verdict?: string;
}

/**
 * All merchants, or the one of `--merchant`. A command that was given files is about one merchant: with several configured
 * it must be named. Problem `not_found` or `usage`.
 */
export function selectMerchants(
  config: Config,
  wanted: string | undefined,
  about: "all" | "one",
): readonly MerchantConfig[] {
  const ids = config.merchants.map(({ id }) => id);
  if (wanted !== undefined) {
    const found = config.merchants.filter(({ id }) => id === wanted);
    if (found.length > 0) return found;
    const nearest = findNearest(wanted, ids);
    throw new Problem("not_found", `there is no merchant ${JSON.stringify(wanted)} in ${config.path}`, {
      hint: nearest === undefined ? `Configured are: ${ids.join(", ")}.` : `Did you mean ${nearest}?`,
    });
  }
  if (about === "one" && ids.length > 1) {
    throw new Problem("usage", `this is about one merchant, and ${ids.length} are configured`, {
      hint: `Say which with --merchant: ${ids.join(", ")}.`,
    });
  }
  return config.merchants;
}

/** Runs the work for each selected merchant, prints what comes of it, and returns the worst status. */
export async function forEachMerchant(
  context: CommandContext,
  about: "all" | "one",
  work: (merchant: MerchantConfig, config: Config) => Promise<MerchantResult>,
): Promise<ExitStatus> {
  const config = await context.loadConfig();
  const merchants = selectMerchants(config, context.options.merchant, about);
  const statuses: ExitStatus[] = [];
  for (const merchant of merchants) {
    try {
      checkBeforeMerchant(context);
      const outcome = await work(merchant, config);
      statuses.push(outcome.exitStatus);
      await printResult(context, merchant.id, outcome, config.merchants.length > 1);
    } catch (error) {
      statuses.push(complainAbout(context, merchant.id, error));
    }
  }
  return worst(statuses);
}

/** Says on stderr what went wrong, and with what exit status. */
export function complainAbout(context: CommandContext, merchant: string | null, error: unknown): ExitStatus {
  const failure = describeFailure(error);
  reportFailure(context.speech, failure, merchant, context.options);
  return failure.exitStatus;
}

function checkBeforeMerchant({ stop, deadline }: CommandContext): void {
  if (stop.aborted) throw new Problem("interrupted", "stopped by a signal before this merchant's turn");
  if (deadline.aborted) {
    throw new Problem("deadline_reached", "the deadline was reached before this merchant's turn", {
      hint: "Nothing of it was begun; run again, with a longer --deadline or with --merchant.",
    });
  }
}

async function printResult(
  { options, speech }: CommandContext,
  merchant: string,
  { exitStatus, type, document, result = "", rendered = "", details = "", verdict = "" }: MerchantResult,
  isOneOfSeveral: boolean,
): Promise<void> {
  if (options.json) {
    await speech.document({ type, schema: 1, merchant, exit_status: exitStatus, ...document });
    return;
  }
  await speech.result(result);
  await speech.rendered(rendered);
  await speech.text(details);
  if (verdict !== "") await speech.verdict(levelOf(exitStatus), isOneOfSeveral ? `${merchant}: ${verdict}` : verdict);
}

function levelOf(status: ExitStatus): Level {
  if (status === ExitStatus.ok) return "ok";
  return status === ExitStatus.needsAttention || status === ExitStatus.pending ? "warn" : "fail";
}
