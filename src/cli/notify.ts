/**
 * Tells the machines that watch over a night how it went: a heartbeat, a command, a metrics file. None of them may change
 * what the night came to: whatever fails here is a warning.
 */
import { spawn } from "node:child_process";
import { rename, writeFile } from "node:fs/promises";
import type { NotifyConfig } from "../config/config.ts";
import { type Instant, SECOND_MS } from "../domain/instant.ts";
import type { Report } from "../report/model.ts";
import type { CommandContext } from "./context.ts";
import { EXIT_STATUS_MEANINGS, ExitStatus } from "./exit-status.ts";

/** A watchdog that does not answer must not keep cron from its next job. */
const NOTIFY_TIMEOUT_MS = 20 * SECOND_MS;

export interface NightEnd {
  readonly merchant: string;
  readonly status: ExitStatus;
  readonly at: Instant;
  /** Undefined: it ended before there was one. */
  readonly report: Report | undefined;
}

export async function notify(
  context: CommandContext,
  { heartbeatUrl, onProblem, textfile }: NotifyConfig,
  { status, nights, isNews }: { status: ExitStatus; nights: readonly NightEnd[]; isNews: boolean },
): Promise<void> {
  // Rejected rows and open breaks are work for people; the night itself was done.
  const isAlive = status === ExitStatus.ok || status === ExitStatus.needsAttention;
  if (heartbeatUrl !== undefined && isAlive) await orWarn(context, "heartbeat_url", () => beat(heartbeatUrl));
  if (onProblem !== undefined && status !== ExitStatus.ok && isNews) {
    await orWarn(context, "on_problem", () => runCommand(onProblem, status, nights, context));
  }
  if (textfile !== undefined) await orWarn(context, "textfile", () => writeMetrics(textfile, nights));
}

async function orWarn(context: CommandContext, key: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.speech.complain("warn", `notify.${key}: ${reason}; the night itself is not affected`);
  }
}

async function beat(url: string): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(NOTIFY_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}

/** A command line of the merchant's own config; it gets what happened in its environment, and what it prints goes to stderr. */
async function runCommand(
  commandLine: string,
  status: ExitStatus,
  nights: readonly NightEnd[],
  { io, speech }: CommandContext,
): Promise<void> {
  const concerned = nights.filter((night) => night.status !== ExitStatus.ok).map((night) => night.merchant);
  const child = spawn(commandLine, {
    shell: true,
    cwd: io.cwd,
    timeout: NOTIFY_TIMEOUT_MS,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...io.env,
      RESCUE_EXIT_STATUS: String(status),
      RESCUE_EXIT_NAME: EXIT_STATUS_MEANINGS[status].name,
      RESCUE_MERCHANTS: concerned.join(" "),
    },
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes) => {
      for (const line of String(bytes).trimEnd().split("\n")) speech.detail(`  ${line}`);
    });
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`the command ended with ${signal ?? `status ${code}`}`));
    });
  });
}

/** In the form of Prometheus' textfile collector, renamed into place. Money in minor units of its currency. */
async function writeMetrics(path: string, nights: readonly NightEnd[]): Promise<void> {
  const lines = [
    "# HELP rescue_exit_status Exit status of the last night.",
    "# TYPE rescue_exit_status gauge",
    ...nights.map(({ merchant, status }) => `rescue_exit_status{merchant="${merchant}"} ${status}`),
    "# HELP rescue_last_run_timestamp_seconds When the last night ended.",
    "# TYPE rescue_last_run_timestamp_seconds gauge",
    ...nights.map(({ merchant, at }) => `rescue_last_run_timestamp_seconds{merchant="${merchant}"} ${at / SECOND_MS}`),
    "# HELP rescue_open_breaks Findings that wait for a person.",
    "# TYPE rescue_open_breaks gauge",
    ...nights.flatMap(({ merchant, report }) =>
      Object.entries(report?.breaksByCode ?? {}).map(
        ([code, count]) => `rescue_open_breaks{merchant="${merchant}",code="${code}"} ${count}`,
      ),
    ),
    "# HELP rescue_money_minor Where the submitted money stands, in minor units.",
    "# TYPE rescue_money_minor gauge",
    ...nights.flatMap(({ merchant, report }) => moneyLines(merchant, report)),
  ];
  await writeFile(`${path}.part`, `${lines.join("\n")}\n`, { mode: 0o644 });
  await rename(`${path}.part`, path);
}

const PARTS = ["submitted", "rescued", "pending", "unrescued", "cancelled", "unaccounted"] as const;

function moneyLines(merchant: string, report: Report | undefined): string[] {
  return (report?.currencies ?? []).flatMap((entry) =>
    PARTS.map((part) => {
      const labels = `merchant="${merchant}",currency="${entry.currency}",part="${part}"`;
      return `rescue_money_minor{${labels}} ${entry[part].amountMinor}`;
    }),
  );
}
