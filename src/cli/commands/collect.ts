/** `collect`: fetches the provider's result files, each once; with --wait until nothing is pending. */
import type { Config, MerchantConfig } from "../../config/config.ts";
import { bucketOf } from "../../domain/bucket.ts";
import type { DurationMs, Instant } from "../../domain/instant.ts";
import { isProblem } from "../../domain/problem.ts";
import { type Collection, collect } from "../../pipeline/collect.ts";
import type { PipelineContext } from "../../pipeline/context.ts";
import { reconcile } from "../../pipeline/reconcile.ts";
import { defineCommand, option, optionOr, readDuration } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { collectionDocument } from "../documents.ts";
import { ExitStatus, worst } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { linesOf } from "../output.ts";
import { statusOfBreaks, statusOfCollection } from "../statuses.ts";
import { describeCollection } from "../summaries.ts";
import { type Ended, sleepUnlessStopped, withPipeline } from "../wiring.ts";

const DEFAULT_POLL_MS = 30_000;
const COLLECT = { command: "collect", connects: true };

export const command = defineCommand({
  arguments: {},
  options: {
    wait: option(
      "--wait <duration>",
      "keep looking, and reconciling, until nothing is pending or this time is over",
      readDuration,
    ),
    poll: optionOr("--poll <duration>", "with --wait: time between two looks", readDuration, DEFAULT_POLL_MS, "30s"),
  },
  about:
    "A file is taken when two looks agree on it and it is complete; it is archived and left alone on the server.\n" +
    "`reconcile` applies what was collected. With --wait it is applied at once, to know what is still pending.",
  examples: ["collect", "collect --wait 2h"],
  exitStatuses: [0, 3, 4, 10, 11, 12, 130],
  run: (context, _args, { wait, poll }) =>
    forEachMerchant(context, "all", async (merchant, config) => {
      const { status, value } =
        wait === undefined
          ? await withPipeline(context, config, merchant, COLLECT, collectOnce)
          : await new Waiting(context, config, merchant).until(context.clock.wall() + wait, poll);
      return {
        exitStatus: status,
        type: "collection",
        document: collectionDocument(value),
        details: linesOf(
          value.files
            .filter((file) => file.state !== "seen")
            .map((file) => `${file.name}: ${file.state}${file.reason === "" ? "" : ` (${file.reason})`}`),
        ),
        verdict: describeCollection(value),
      };
    }),
});

async function collectOnce(pipeline: PipelineContext): Promise<Ended<Collection>> {
  const value = await collect(pipeline);
  const open = await pipeline.ledger.countOpenBreaks();
  return { status: worst([statusOfCollection(value), statusOfBreaks(open)]), value };
}

/** Looks again and again. Between two looks it holds neither the lock nor a connection: the night's run must not wait for it. */
class Waiting {
  readonly #context: CommandContext;
  readonly #config: Config;
  readonly #merchant: MerchantConfig;
  readonly #files = new Map<string, Collection["files"][number]>();

  constructor(context: CommandContext, config: Config, merchant: MerchantConfig) {
    this.#context = context;
    this.#config = config;
    this.#merchant = merchant;
  }

  async until(end: Instant, pollMs: DurationMs): Promise<Ended<Collection>> {
    const { clock, stop, deadline, speech } = this.#context;
    for (;;) {
      const { status, value: isPending } = await this.#look();
      const value = { files: [...this.#files.values()] };
      const left = end - clock.wall();
      if (!isPending) return { status, value };
      if (left <= 0) return { status: worst([status, ExitStatus.pending]), value };
      speech.progress(`${this.#merchant.id}: waiting for results`);
      await sleepUnlessStopped(Math.min(pollMs, left), this.#context);
      if (stop.aborted) return { status: worst([status, ExitStatus.interrupted]), value };
      if (deadline.aborted) return { status: worst([status, ExitStatus.unreachable]), value };
    }
  }

  /** Is anything pending still? While another run works, that run looks. */
  async #look(): Promise<Ended<boolean>> {
    try {
      return await withPipeline(this.#context, this.#config, this.#merchant, COLLECT, (pipeline) =>
        this.#collectAndReconcile(pipeline),
      );
    } catch (error) {
      if (!isProblem(error, "locked")) throw error;
      return { status: ExitStatus.ok, value: true };
    }
  }

  async #collectAndReconcile(pipeline: PipelineContext): Promise<Ended<boolean>> {
    for (const file of (await collect(pipeline)).files) {
      if (file.state !== "seen" || !this.#files.has(file.name)) this.#files.set(file.name, file);
    }
    await reconcile(pipeline);
    const open = await pipeline.ledger.countOpenBreaks();
    const status = worst([statusOfCollection({ files: [...this.#files.values()] }), statusOfBreaks(open)]);
    return { status, value: await isAnythingPending(pipeline) };
  }
}

async function isAnythingPending({ ledger, profile, clock }: PipelineContext): Promise<boolean> {
  for await (const page of ledger.standings()) {
    for (const attempt of page) {
      const { bucket, reason } = bucketOf(attempt, clock.now(), profile.window);
      if (bucket === "pending" || reason === "delivery_unproven") return true;
    }
  }
  return false;
}
