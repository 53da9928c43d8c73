/** The report for a spreadsheet: one row for each currency and part. */
import { formatInstant } from "../domain/instant.ts";
import { formatMajor } from "../domain/money.ts";
import { csvLines } from "./csv.ts";
import type { Report } from "./model.ts";
import { partsOf } from "./parts.ts";

const HEADER = ["merchant", "as_of", "currency", "part", "count", "amount", "amount_minor", "balanced"];

/** `header: false` for the merchants after the first, so that one file can hold them all. */
export function renderReportCsv(report: Report, { header = true }: { readonly header?: boolean } = {}): string {
  const records = report.currencies.flatMap((entry) =>
    partsOf(entry).map(({ name, total }) => [
      report.merchant,
      formatInstant(report.asOf),
      entry.currency,
      name,
      total.count,
      formatMajor(total.amountMinor, entry.currency),
      total.amountMinor.toString(),
      entry.balanced ? "yes" : "no",
    ]),
  );
  return csvLines(header ? [HEADER, ...records] : records);
}
