/** `explain`: the whole story of one order, from its decline to its last word. */
import { Problem } from "../../domain/problem.ts";
import type { AttemptRecord, Ledger } from "../../ledger/ledger.ts";
import { explainOrder, explanationDocument } from "../../report/explain.ts";
import { renderExplanationText } from "../../report/explain-text.ts";
import { defineCommand, required } from "../command.ts";
import { ExitStatus } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { withLedger } from "../wiring.ts";

export const command = defineCommand({
  arguments: { order: required("order", "the order id, as your export has it") },
  options: {},
  about: "When it was declined, in which file and line it went, what came back, what follows for your own biller.",
  examples: ["explain ord-1042", "explain ord-1042 --merchant acme --json"],
  exitStatuses: [0, 1, 2],
  run: (context, { order }) =>
    forEachMerchant(context, "one", (merchant, config) =>
      withLedger(context, config, merchant, async ({ ledger, profile }) => {
        const attempts = await ledger.findAttemptsForResults({ orderIds: [order], sessionKeys: [] });
        const breaks = await ledger.breaks("all");
        if (attempts.length === 0 && !breaks.some((found) => found.orderId === order)) {
          throw new Problem("not_found", `the ledger of ${merchant.id} knows no order ${JSON.stringify(order)}`, {
            hint: "It was never accepted from an export: look into the rejects files, or at the id's spelling.",
          });
        }
        const explanation = explainOrder({
          merchant: merchant.id,
          orderId: order,
          attempts,
          exports: await ledger.exports(),
          batches: await batchesOf(ledger, attempts),
          breaks,
          now: context.clock.now(),
          window: profile.window,
        });
        return {
          exitStatus: ExitStatus.ok,
          type: "explanation",
          document: explanationDocument(explanation),
          result: renderExplanationText(explanation),
        };
      }),
    ),
});

async function batchesOf(ledger: Ledger, attempts: readonly AttemptRecord[]) {
  const ids = [...new Set(attempts.map((attempt) => attempt.batchId))];
  return Promise.all(
    ids.map(async (batchId) => ({
      batchId,
      name: (await ledger.findBatch(String(batchId)))?.name ?? "",
      events: await ledger.batchEvents(batchId),
    })),
  );
}
