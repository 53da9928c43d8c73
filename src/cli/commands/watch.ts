/** `watch`: a night whenever an export arrives or the poll interval is over, until a signal. */
import { watch as watchFolder } from "chokidar";
import { MINUTE_MS } from "../../domain/instant.ts";
import { defineCommand, optionOr, readDuration } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { ExitStatus, worst } from "../exit-status.ts";
import { selectMerchants } from "../merchants.ts";
import { runNights } from "../night.ts";

const DEFAULT_POLL_MS = 5 * MINUTE_MS;
/** Several files often arrive together: one round takes them all. */
const QUIET_MS = 500;

export const command = defineCommand({
  arguments: {},
  options: {
    poll: optionOr("--poll <duration>", "time between two looks at the provider", readDuration, DEFAULT_POLL_MS, "5m"),
  },
  about:
    "Each round is what `run` does, with its own connection and lock; a round that fails is told and the next one tries\n" +
    "again. The first SIGINT or SIGTERM finishes the current step and ends; the second stops at once.",
  examples: ["watch", "watch --poll 1m --json"],
  exitStatuses: [0, 1, 2, 10, 11, 12, 13, 130],
  run: async (context, _args, { poll }) => {
    const config = await context.loadConfig();
    const merchants = selectMerchants(config, context.options.merchant, "all");
    const bell = new Bell(context.stop, context.deadline);
    const watcher = watchFolder(
      merchants.map((merchant) => merchant.inbox),
      { depth: 0, ignoreInitial: true },
    );
    watcher.on("add", () => bell.ring());
    watcher.on("change", () => bell.ring());
    watcher.on("error", (error) => context.speech.complain("warn", `cannot watch the inbox: ${String(error)}`));
    try {
      return await rounds(context, bell, poll);
    } finally {
      await watcher.close();
    }
  },
});

/** The status of the last round: what a person who looks now must know. */
async function rounds(context: CommandContext, bell: Bell, pollMs: number): Promise<ExitStatus> {
  let status: ExitStatus | undefined;
  while (!bell.isOver) {
    bell.reset();
    const round = await runNights(context, "watch", status);
    status = round.status;
    if (round.anyGrowing) bell.ring();
    await bell.wait(pollMs);
  }
  // Ended by a signal, as every watch is: the last round says whether that is all there is to know.
  return worst([status ?? ExitStatus.ok, context.stop.aborted ? ExitStatus.interrupted : ExitStatus.ok]);
}

/** Rings when an export arrives; wakes the waiting loop, or keeps it from sleeping if it rang during a round. */
class Bell {
  readonly #over: AbortSignal;
  #hasRung = false;
  #wake: () => void = () => {};

  constructor(...ends: AbortSignal[]) {
    this.#over = AbortSignal.any(ends);
    this.#over.addEventListener("abort", () => this.#wake());
  }

  get isOver(): boolean {
    return this.#over.aborted;
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  reset(): void {
    this.#hasRung = false;
  }

  async wait(pollMs: number): Promise<void> {
    await this.#sleep(this.#hasRung ? 0 : pollMs);
    if (this.#hasRung && !this.isOver) await this.#sleep(QUIET_MS);
  }

  async #sleep(ms: number): Promise<void> {
    if (this.isOver || ms === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
