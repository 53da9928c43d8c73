/** `breaks`: what does not add up, with the next action for each. */
import { foldState, type RebillState } from "../../domain/outcome.ts";
import { findSilence } from "../../domain/silence.ts";
import type { BreakRecord, Ledger } from "../../ledger/ledger.ts";
import { breaksDocument, listBreaks, renderBreaksText } from "../../report/breaks.ts";
import { defineCommand } from "../command.ts";
import { silenceFacts } from "../make-report.ts";
import { forEachMerchant } from "../merchants.ts";
import { statusOfBreaks } from "../statuses.ts";
import { withLedger } from "../wiring.ts";

export const command = defineCommand({
  arguments: {},
  options: {},
  about: "Open breaks keep status 3 until they are settled.",
  examples: ["breaks", "breaks --json"],
  exitStatuses: [0, 1, 2, 3],
  run: (context) =>
    forEachMerchant(context, "all", (merchant, config) =>
      withLedger(context, config, merchant, async (open) => {
        const { ledger } = open;
        const batches = await ledger.batches("all");
        const runs = await ledger.runs();
        const breaks = await ledger.breaks("all");
        const list = await listBreaks({
          merchant: merchant.id,
          breaks,
          states: await statesOf(ledger, breaks),
          derived: findSilence(await silenceFacts(open), context.clock.now()),
          batchNames: new Map(batches.map((batch) => [batch.batchId, batch.name])),
          newSince: runs.at(-1)?.recordedAt,
        });
        return {
          exitStatus: statusOfBreaks(list.open.length),
          type: "breaks",
          document: breaksDocument(list),
          result: renderBreaksText(list),
        };
      }),
    ),
});

/** Of the rebills that open breaks are about: what may still be said of them depends on it. */
async function statesOf(ledger: Ledger, breaks: readonly BreakRecord[]): Promise<Map<number, RebillState>> {
  const orderIds = [
    ...new Set(breaks.filter((found) => !found.settled && found.attemptId).map((found) => found.orderId)),
  ];
  const attempts = await ledger.findAttemptsForResults({ orderIds, sessionKeys: [] });
  return new Map(
    attempts.map(({ attemptId, outcomes }) => [attemptId, foldState(outcomes.map(({ status }) => status))]),
  );
}
