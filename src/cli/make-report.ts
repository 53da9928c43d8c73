/** The ledger's facts → the report, the same for `report` and at the end of `run`; and the report's files of a day. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calendarDay, type Instant } from "../domain/instant.ts";
import { isProblem, Problem } from "../domain/problem.ts";
import { findSilence, type SilenceFacts } from "../domain/silence.ts";
import { openFindings } from "../report/findings.ts";
import { holdsCsv, holdsFacts, listHolds } from "../report/holds.ts";
import type { Place } from "../report/layout.ts";
import { buildReport, needsAttention, type Report } from "../report/model.ts";
import { renderReportCsv } from "../report/report-csv.ts";
import { renderReportHtml } from "../report/report-html.ts";
import { reportDocument } from "../report/report-json.ts";
import { renderReportText } from "../report/report-text.ts";
import { ExitStatus } from "./exit-status.ts";
import { jsonLine } from "./output.ts";
import type { OpenMerchant } from "./wiring.ts";

export async function makeReport(open: OpenMerchant, now: Instant): Promise<Report> {
  const { config, ledger, profile } = open;
  return buildReport({
    merchant: config.id,
    timezone: config.timezone,
    attempts: ledger.standings(),
    batches: await ledger.batches("all"),
    breaks: await ledger.breaks("all"),
    derived: findSilence(await silenceFacts(open), now),
    now,
    window: profile.window,
  });
}

export async function silenceFacts({ config, ledger, profile }: OpenMerchant): Promise<SilenceFacts> {
  return {
    attempts: ledger.standings(),
    batches: await ledger.batches(config.resultsDue.length > 0 ? "all" : "unfinished"),
    runs: await ledger.runs(),
    collections: await ledger.collections(),
    window: profile.window,
    resultsDue: config.resultsDue,
    expectRunBy: config.expectRunBy,
  };
}

/** The report's JSON document, whole. */
export function reportEnvelope(report: Report): object {
  const envelope = { type: "report", schema: 1, merchant: report.merchant, exit_status: statusOfReport(report) };
  return { ...envelope, ...reportDocument(report) };
}

export function statusOfReport(report: Report): ExitStatus {
  return needsAttention(report) ? ExitStatus.needsAttention : ExitStatus.ok;
}

/** Recorded breaks and the silence of just now: what `breaks` and `report` show as open. */
export async function countOpenFindings(open: OpenMerchant, now: Instant): Promise<number> {
  const derived = findSilence(await silenceFacts(open), now);
  return (await openFindings(await open.ledger.breaks("all"), derived)).length;
}

/** Where a merchant's things lie, for the end of a page. */
export function placesOf({ config, archive }: OpenMerchant): Place[] {
  return [
    { what: "ledger", path: archive.resolve("ledger.db") },
    { what: "sent and received", path: archive.resolve("archive") },
    { what: "rejected rows", path: archive.resolve("rejects") },
    { what: "reports", path: archive.resolve("reports") },
    { what: "exports", path: config.inbox },
  ];
}

/**
 * The day's report for people (text, HTML), spreadsheets (CSV), scripts (JSON) and the merchant's biller (holds.csv), in
 * `reports/<day>/`. A later run of the day replaces them. Resolves with the folder.
 */
export async function writeReportFiles(open: OpenMerchant, report: Report, now: Instant): Promise<string> {
  const folder = open.archive.resolve(join("reports", calendarDay(now, open.config.timezone)));
  const places = placesOf(open);
  const holds = listHolds({ ...(await holdsFacts(open.ledger)), now, window: open.profile.window });
  const files: Record<string, string | AsyncIterable<string>> = {
    "report.txt": renderReportText(report, { places, detailed: true }),
    "report.html": renderReportHtml(report, { places }),
    "report.csv": renderReportCsv(report),
    "report.json": jsonLine(reportEnvelope(report)),
    // One line for each order there ever was: never in memory as a whole.
    "holds.csv": holdsCsv(holds, report.merchant),
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(files)) {
      // Renamed into place: who reads it in the morning never sees half of it.
      await writeFile(join(folder, `.${name}.part`), text, { mode: 0o600 });
      await rename(join(folder, `.${name}.part`), join(folder, name));
    }
  } catch (error) {
    if (isProblem(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("disk_failed", `cannot write the report into ${folder}: ${reason}`, {
      cause: error,
      hint: "The night's work itself is done and recorded. Free space, then run `rescue report`.",
    });
  }
  return folder;
}
