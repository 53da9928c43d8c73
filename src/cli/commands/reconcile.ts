/** `reconcile [FILE…]`: applies result files to the ledger and lists the breaks found in this call. */
import { resolve } from "node:path";
import { type Reconciliation, reconcile } from "../../pipeline/reconcile.ts";
import { recordSilence } from "../../pipeline/record-silence.ts";
import { anyNumber, defineCommand } from "../command.ts";
import { reconciliationDocument } from "../documents.ts";
import { forEachMerchant } from "../merchants.ts";
import { linesOf } from "../output.ts";
import { statusOfBreaks } from "../statuses.ts";
import { describeReconciliation } from "../summaries.ts";
import { withPipeline } from "../wiring.ts";

export const command = defineCommand({
  arguments: { files: anyNumber("file", "result files on this disk; none: what was collected and not applied yet") },
  options: {},
  about:
    "Each file is applied in one transaction; applying it again changes nothing. Also records what is silent: due files,\n" +
    "windows and nights. Open breaks keep the status at 3 until they are settled.",
  examples: ["reconcile", "reconcile results_2026-11-20.csv"],
  exitStatuses: [0, 2, 3, 12],
  run: (context, { files }) =>
    forEachMerchant(context, files.length > 0 ? "one" : "all", async (merchant, config) => {
      const { status, value } = await withPipeline(
        context,
        config,
        merchant,
        { command: "reconcile" },
        async (pipeline) => {
          const applied = await reconcile(
            pipeline,
            files.map((file) => resolve(context.io.cwd, file)),
          );
          const breaks = [...applied.breaks, ...(await recordSilence(pipeline))];
          const open = await pipeline.ledger.countOpenBreaks();
          return { status: statusOfBreaks(open), value: { ...applied, breaks, open } };
        },
      );
      return {
        exitStatus: status,
        type: "reconciliation",
        document: { ...reconciliationDocument(value), open_breaks: value.open },
        details: linesOf(value.breaks.map(describeBreak)),
        verdict: `${describeReconciliation(value)}${value.open > 0 ? `; ${value.open} open, see rescue breaks` : ""}`,
      };
    }),
});

function describeBreak({ breakId, code, orderId, file, line, message }: Reconciliation["breaks"][number]): string {
  const order = orderId === "" ? "" : `, order ${orderId}`;
  const place = file === "" ? "" : ` (${file}${line === 0 ? "" : ` line ${line}`})`;
  return `break ${breakId}, ${code}${order}: ${message}${place}`;
}
