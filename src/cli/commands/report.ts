/** `report`: what was rescued, what was not, and whether every cent is accounted for. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Problem } from "../../domain/problem.ts";
import { renderReportCsv } from "../../report/report-csv.ts";
import { renderReportHtml } from "../../report/report-html.ts";
import { reportDocument } from "../../report/report-json.ts";
import { renderReportText } from "../../report/report-text.ts";
import { choiceOr, defineCommand, option, readText } from "../command.ts";
import { makeReport, placesOf, reportEnvelope, statusOfReport } from "../make-report.ts";
import { forEachMerchant } from "../merchants.ts";
import { jsonLine } from "../output.ts";
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
        const places = placesOf(open);
        const render = {
          text: () => renderReportText(report, { places, detailed: context.options.verbose }),
          csv: () =>
            renderReportCsv(report, {
              header: merchant === config.merchants[0] || context.options.merchant !== undefined,
            }),
          html: () => renderReportHtml(report, { places }),
          json: () => jsonLine(reportEnvelope(report)),
        };
        const text = render[format]();
        if (output !== undefined) await writeOutput(resolve(context.io.cwd, output), text);
        return {
          exitStatus: statusOfReport(report),
          type: "report",
          document: reportDocument(report),
          result: output === undefined ? text : "",
        };
      }),
    ),
});

async function writeOutput(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("disk_failed", `cannot write the report: ${reason}`, {
      cause: error,
      hint: "Give --output a file in a folder that exists and that you may write to.",
    });
  }
}
