/** `collect`: fetches the provider's result files, each once; with --wait until nothing is pending. */
import type { MerchantConfig } from "../../config/config.ts";
import { bucketOf } from "../../domain/bucket.ts";
import { type Collection, collect } from "../../pipeline/collect.ts";
import type { PipelineContext } from "../../pipeline/context.ts";
import { reconcile } from "../../pipeline/reconcile.ts";
import { defineCommand, option, optionOr, readDuration } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { collectionDocument } from "../documents.ts";
import { ExitStatus, worst } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { statusOfBreaks, statusOfCollection } from "../statuses.ts";
import { describeCollection } from "../summaries.ts";
import { type Ended, withPipeline } from "../wiring.ts";

const DEFAULT_POLL_MS = 30_000;

export const command = defineCommand({
  arguments: {},
  options: {
    wait: option(
      "--wait <duration>",
      "keep looking, and reconciling, until nothing is pending or this time is over",
      readDuration,
    ),
    poll: optionOr(
      "--poll <duration>",
      "with --wait: time between two looks (default: 30s)",
      readDuration,
      DEFAULT_POLL_MS,
    ),
  },
  about:
    "A file is taken when two looks agree on it and it is complete; it is archived and left alone on the server.\n" +
    "`reconcile` applies what was collected. With --wait it is applied at once, to know what is still pending.",
  examples: ["collect", "collect --wait 2h"],
  exitStatuses: [0, 3, 4, 10, 11, 12, 130],
  run: (context, _args, { wait, poll }) =>
    forEachMerchant(context, "all", async (merchant, config) => {
      const { status, value } = await withPipeline(context, config, merchant, { command: "collect" }, (pipeline) =>
        wait === undefined ? once(pipeline) : untilNothingIsPending(context, pipeline, merchant, wait, poll),
      );
      return {
        exitStatus: status,
        type: "collection",
        document: collectionDocument(value),
        details: value.files
          .filter((file) => file.state !== "seen")
          .map((file) => `${file.name}: ${file.state}${file.reason === "" ? "" : ` (${file.reason})`}\n`)
          .join(""),
        verdict: describeCollection(value),
      };
    }),
});

async function once(pipeline: PipelineContext): Promise<Ended<Collection>> {
  const value = await collect(pipeline);
  return { status: statusOfCollection(value), value };
}

async function untilNothingIsPending(
  context: CommandContext,
  pipeline: PipelineContext,
  merchant: MerchantConfig,
  waitMs: number,
  pollMs: number,
): Promise<Ended<Collection>> {
  const until = context.clock.wall() + waitMs;
  const files = new Map<string, Collection["files"][number]>();
  for (;;) {
    for (const file of (await collect(pipeline)).files) {
      if (file.state !== "seen" || !files.has(file.name)) files.set(file.name, file);
    }
    await reconcile(pipeline);
    const value = { files: [...files.values()] };
    const open = await pipeline.ledger.breaks("open");
    const soFar = [statusOfCollection(value), statusOfBreaks(open.length)];
    if (!(await isAnythingPending(pipeline))) return { status: worst(soFar), value };
    const left = until - context.clock.wall();
    if (left <= 0) return { status: worst([...soFar, ExitStatus.pending]), value };
    if (context.stop.aborted) return { status: worst([...soFar, ExitStatus.interrupted]), value };
    if (context.deadline.aborted) return { status: worst([...soFar, ExitStatus.unreachable]), value };
    context.speech.progress(`${merchant.id}: waiting for results`);
    // An idle connection is cut by many servers; the next look makes a new one.
    if (pollMs > 10_000) await pipeline.remote.close();
    await pipeline.delay(Math.min(pollMs, left));
  }
}

async function isAnythingPending({ ledger, profile, clock }: PipelineContext): Promise<boolean> {
  for await (const page of ledger.attempts()) {
    for (const attempt of page) {
      const { bucket, reason } = bucketOf(attempt, clock.now(), profile.window);
      if (bucket === "pending" || reason === "delivery_unproven") return true;
    }
  }
  return false;
}
