/** `status`: what is unfinished, pending, uncertain or silent right now. */
import { isUnproven } from "../../domain/batch.ts";
import { buildStatus, renderStatusText, statusDocument } from "../../report/status.ts";
import { defineCommand } from "../command.ts";
import { ExitStatus, worst } from "../exit-status.ts";
import { countOpenFindings, placesOf } from "../make-report.ts";
import { forEachMerchant } from "../merchants.ts";
import { statusOfBreaks } from "../statuses.ts";
import { withLedger } from "../wiring.ts";

export const command = defineCommand({
  arguments: {},
  options: {},
  about:
    "Reads the ledger only; works while another run is busy. Says what to look at where a delivery cannot be proven.",
  examples: ["status", "status --merchant acme --json"],
  exitStatuses: [0, 1, 2, 3, 13],
  run: (context) =>
    forEachMerchant(context, "all", (merchant, config) =>
      withLedger(context, config, merchant, async (open) => {
        const { ledger, profile } = open;
        const batches = await ledger.batches("unfinished");
        const status = await buildStatus({
          merchant: merchant.id,
          attempts: ledger.standings(),
          batches,
          runs: await ledger.runs(),
          collections: await ledger.collections(),
          lockHolder: await ledger.lockHolder(),
          inbound: merchant.sftp.inbound,
          places: placesOf(open),
          now: context.clock.now(),
          window: profile.window,
        });
        const openBreaks = await countOpenFindings(open, context.clock.now());
        const anyUnproven = batches.some((batch) => isUnproven(batch.state));
        return {
          exitStatus: worst([anyUnproven ? ExitStatus.uncertain : ExitStatus.ok, statusOfBreaks(openBreaks)]),
          type: "status",
          document: { ...statusDocument(status), open_breaks: openBreaks },
          result: renderStatusText(status),
        };
      }),
    ),
});
