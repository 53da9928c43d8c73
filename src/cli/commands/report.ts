/** `report`: what was rescued, what was not, and whether every cent is accounted for. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { needsAttention } from "../../report/model.ts";
import { renderReportCsv } from "../../report/report-csv.ts";
import { renderReportHtml } from "../../report/report-html.ts";
import { reportDocument } from "../../report/report-json.ts";
import { renderReportText } from "../../report/report-text.ts";
import { choiceOr, defineCommand, option, readText } from "../command.ts";
import { ExitStatus } from "../exit-status.ts";
import { makeReport, placesOf } from "../make-report.ts";
import { forEachMerchant } from "../merchants.ts";
import { withLedger } from "../wiring.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    format: choiceOr("--format <format>", "how it is written", ["text", "json", "csv", "html"], "text"),
    output: option("--output <file>", "write it to this file instead of stdout", readText),
  },
  about: "Reads the ledger only. Exits 3 while breaks are open or the money does not add up.",
  examples: ["report", "report --format html --output report.html", "report --json"],
  exitStatuses: [0, 1, 2, 3],
  run: (context, _args, { format, output }) =>
    forEachMerchant(context, output === undefined ? "all" : "one", (merchant, config) =>
      withLedger(context, config, merchant, async (open) => {
        const report = await makeReport(open, context.clock.now());
        const exitStatus = needsAttention(report) ? ExitStatus.needsAttention : ExitStatus.ok;
        const envelope = { type: "report", schema: 1, merchant: merchant.id, exit_status: exitStatus };
        const asJson = () => `${JSON.stringify({ ...envelope, ...reportDocument(report) })}\n`;
        const places = placesOf(open);
        const render = {
          text: () => renderReportText(report, { places, detailed: context.options.verbose }),
          csv: () =>
            renderReportCsv(report, {
              header: merchant === config.merchants[0] || context.options.merchant !== undefined,
            }),
          html: () => renderReportHtml(report, { places }),
          json: asJson,
        };
        const text = render[format]();
        if (output !== undefined) await writeFile(resolve(context.io.cwd, output), text, { mode: 0o600 });
        return {
          exitStatus,
          type: "report",
          document: reportDocument(report),
          result: output === undefined ? text : "",
        };
      }),
    ),
});
