/** `settle`: a person decides what cannot be known, with a reason. */

import { OUTCOME_STATUSES, type OutcomeStatus } from "../../domain/outcome.ts";
import { Problem } from "../../domain/problem.ts";
import type { PipelineContext } from "../../pipeline/context.ts";
import { settleBatch, settleBreak } from "../../pipeline/settle.ts";
import { formatMoney, formatNumberOf } from "../../report/words.ts";
import { choice, defineCommand, flag, option, readText, required } from "../command.ts";
import { batchDocument, breakDocument } from "../documents.ts";
import { ExitStatus } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { withPipeline } from "../wiring.ts";

export const command = defineCommand({
  arguments: {
    finding: required("batch|break", "a batch (number or name) or a break (number), as `status` and `breaks` show it"),
  },
  options: {
    delivered: flag("--delivered", "the batch is with the provider"),
    notDelivered: flag(
      "--not-delivered",
      "the batch never arrived; its rows are released, and sent again if still fresh",
    ),
    as: choice("--as <status>", "what really happened to the rebill of a break", OUTCOME_STATUSES),
    reason: option("--reason <words>", "how you know; it is recorded for ever (required)", readText),
  },
  about: "For an uncertain batch: look at the remote folder or ask the provider first. Sends nothing itself.",
  examples: [
    'settle 17 --not-delivered --reason "Flex support: file never seen, ticket 4711"',
    'settle 42 --as rescued --reason "gateway shows the full amount"',
    'settle 43 --reason "test order of the provider"',
  ],
  exitStatuses: [0, 1, 2, 3, 12],
  run: (context, { finding }, options) => {
    const decision = readDecision(finding, options);
    return forEachMerchant(context, "one", async (merchant, config) => {
      const { status, value } = await withPipeline(
        context,
        config,
        merchant,
        { command: "settle" },
        async (pipeline) => ({
          status: ExitStatus.ok,
          value: await settle(pipeline, finding, decision),
        }),
      );
      return { exitStatus: status, type: "settlement", ...value };
    });
  },
});

type Decision =
  | { readonly about: "batch"; readonly verdict: "delivered" | "not_delivered"; readonly reason: string }
  | {
      readonly about: "break";
      readonly breakId: number;
      readonly as: OutcomeStatus | undefined;
      readonly reason: string;
    };

interface SettleOptions {
  readonly delivered: boolean;
  readonly notDelivered: boolean;
  readonly as: OutcomeStatus | undefined;
  readonly reason: string | undefined;
}

/** A batch is settled as delivered or not; anything else is about a break. */
function readDecision(finding: string, { delivered, notDelivered, as, reason }: SettleOptions): Decision {
  const refuse = (message: string) =>
    new Problem("usage", message, { hint: "Nothing was changed. See rescue settle --help." });
  if (reason === undefined) throw refuse("settle needs a --reason: it is what the next person will read");
  if (delivered && notDelivered) throw refuse("--delivered and --not-delivered exclude each other");
  if (delivered || notDelivered) {
    if (as !== undefined) throw refuse("--as is about the rebill of a break, not about a batch");
    return { about: "batch", verdict: delivered ? "delivered" : "not_delivered", reason };
  }
  if (!/^[1-9]\d{0,14}$/.test(finding)) {
    throw refuse(`"${finding}" is no number of a break; for a batch say --delivered or --not-delivered`);
  }
  return { about: "break", breakId: Number(finding), as, reason };
}

async function settle(pipeline: PipelineContext, finding: string, decision: Decision) {
  if (decision.about === "break") {
    const settled = await settleBreak(pipeline, decision.breakId, decision.as, decision.reason);
    return {
      document: { ...breakDocument(settled), as: decision.as ?? null, reason: decision.reason },
      verdict: `break ${settled.breakId} (${settled.code}) is settled${decision.as ? ` as ${decision.as}` : ""}`,
    };
  }
  const { batch, replanned, released, reconciliation } = await settleBatch(
    pipeline,
    finding,
    decision.verdict,
    decision.reason,
  );
  const words =
    decision.verdict === "delivered"
      ? `is delivered; ${formatNumberOf(reconciliation?.applied ?? 0, "waiting result row")} applied`
      : `was not delivered; ${formatNumberOf(replanned, "rebill")} will be sent again by the next submit, ` +
        `${formatNumberOf(released.length, "rebill")} too late to send and yours again`;
  return {
    document: {
      batch: batchDocument(batch, pipeline.merchant.inbound),
      replanned,
      released: released.map(({ orderId, amountMinor, currency }) => ({
        order_id: orderId,
        amount_minor: String(amountMinor),
        currency,
      })),
      applied: reconciliation?.applied ?? 0,
      reason: decision.reason,
    },
    details: released
      .map(({ orderId, amountMinor, currency }) => `released: ${orderId} ${formatMoney(amountMinor, currency)}\n`)
      .join(""),
    verdict: `batch ${batch.name || batch.batchId} ${words}`,
  };
}
