/**
 * The report as one file for a browser, a phone or paper: no script, nothing loaded from anywhere, every text escaped.
 * Colour only doubles what a word says.
 */
import { formatInstant } from "../domain/instant.ts";
import type { MoneyTotal } from "../domain/money.ts";
import type { Place } from "./layout.ts";
import { type CurrencyReport, type Report, rescueRates } from "./model.ts";
import { partsToShow } from "./parts.ts";
import { escapeHtml } from "./printable.ts";
import { answerOf } from "./report-text.ts";
import { formatAmount, formatCount, formatMoney, formatTotals, formatWhen, percentOf } from "./words.ts";

export interface ReportHtmlOptions {
  readonly places?: readonly Place[];
}

export function renderReportHtml(report: Report, { places = [] }: ReportHtmlOptions = {}): string {
  const title = escapeHtml(`${report.merchant}: rescue report as of ${formatWhen(report.asOf)}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>
${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(report.merchant)}</h1>
<p>Rescue report as of <time datetime="${formatInstant(report.asOf)}">${formatWhen(report.asOf)}</time></p>
${[
  answers(report),
  toDo(report),
  ...report.currencies.map(currencyTable),
  pending(report),
  nights(report),
  declineCodes(report),
  whereThingsLie(places),
]
  .filter((section) => section !== "")
  .join("\n")}
</main>
</body>
</html>
`;
}

function answers(report: Report): string {
  if (report.currencies.length === 0) return "<p>Nothing has been taken yet.</p>";
  const answer = (entry: CurrencyReport) =>
    `<li class="${entry.balanced ? "good" : "bad"}">${escapeHtml(answerOf(entry))}</li>`;
  return `<ul class="answers">\n${report.currencies.map(answer).join("\n")}\n</ul>`;
}

function toDo(report: Report): string {
  if (report.toDo.length === 0) return "<h2>To do</h2>\n<p>Nothing.</p>";
  const items = report.toDo.map((item) => {
    const money = item.totals.length === 0 ? "" : ` (${formatTotals(item.totals)})`;
    const what = escapeHtml(`${item.what}: ${formatCount(item.count)}${money}`);
    return `<li><strong>${what}</strong><br>${escapeHtml(item.nextAction)}</li>`;
  });
  return `<h2>To do</h2>\n<ol>\n${items.join("\n")}\n</ol>`;
}

function currencyTable(entry: CurrencyReport): string {
  const rows = partsToShow(entry).map(({ level, label, total }) => {
    const share = level === 1 ? percentOf(total.amountMinor, entry.submitted.amountMinor) : undefined;
    return row([label, ...moneyCells(total), share === undefined ? "" : `${share} %`], level === 2 ? "within" : "");
  });
  const { byCount, byAmount } = rescueRates(entry);
  const rates =
    byCount.ofDecided === undefined
      ? ""
      : `\n<p>Of what has a verdict, ${byCount.ofDecided} % of the rebills were rescued, ${byAmount.ofDecided ?? "0.0"} % by amount.</p>`;
  return table(entry.currency, ["", "rebills", "amount", "share"], rows) + rates;
}

function moneyCells({ count, amountMinor, currency }: MoneyTotal): string[] {
  return [formatCount(count), formatAmount(amountMinor, currency)];
}

function pending({ pendingAgeing }: Report): string {
  if (pendingAgeing === undefined) return "";
  const { oldestDeclinedAt, nextWindowEnd } = pendingAgeing;
  const end =
    nextWindowEnd === undefined ? "all windows have ended" : `the next window ends ${formatWhen(nextWindowEnd)}`;
  return `<p>Pending: the oldest was declined ${formatWhen(oldestDeclinedAt)}; ${end}.</p>`;
}

const COHORT_COLUMNS = ["", "rebills", "submitted", "rescued", "share"];

function cohortRow(
  label: string,
  { currency, submitted, rescued }: Pick<CurrencyReport, "currency" | "submitted" | "rescued">,
) {
  const share = percentOf(rescued.amountMinor, submitted.amountMinor);
  const money = [submitted, rescued].map((total) => formatMoney(total.amountMinor, currency));
  return row([label, formatCount(submitted.count), ...money, share === undefined ? "" : `${share} %`]);
}

function nights(report: Report): string {
  if (report.nights.length === 0) return "";
  const rows = report.nights.map((night) => cohortRow(night.declinedOn, night));
  return table("By the day of the decline", COHORT_COLUMNS, rows);
}

function declineCodes(report: Report): string {
  if (report.declineCodes.length === 0) return "";
  const rows = report.declineCodes.map((cohort) =>
    cohortRow(`${cohort.declineCodeSource} ${cohort.declineCode}`.trim(), cohort),
  );
  return table("By decline code", COHORT_COLUMNS, rows);
}

function whereThingsLie(places: readonly Place[]): string {
  if (places.length === 0) return "";
  const items = places.map(({ what, path }) => `<dt>${escapeHtml(what)}</dt><dd>${escapeHtml(path)}</dd>`);
  return `<h2>Where things lie</h2>\n<dl>\n${items.join("\n")}\n</dl>`;
}

function table(title: string, columns: readonly string[], rows: readonly string[]): string {
  const head = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join("");
  return [
    `<h2>${escapeHtml(title)}</h2>`,
    '<div class="table">',
    "<table>",
    `<thead><tr>${head}</tr></thead>`,
    "<tbody>",
    ...rows,
    "</tbody>",
    "</table>",
    "</div>",
  ].join("\n");
}

function row([label = "", ...cells]: readonly string[], className = ""): string {
  const attribute = className === "" ? "" : ` class="${className}"`;
  const data = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("");
  return `<tr${attribute}><th scope="row">${escapeHtml(label)}</th>${data}</tr>`;
}

const STYLE = `:root { color-scheme: light dark; --line: #ccc; --good: #0a6b2d; --bad: #a3180f; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --good: #6fd08f; --bad: #ff8f85; } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 52rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.1rem; }
.answers { list-style: none; padding: 0; font-size: 1.2rem; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.5rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
tbody th { font-weight: normal; }
.within th { padding-left: 1.5rem; }
dt { font-weight: 600; }
dd { margin: 0 0 0.5rem; overflow-wrap: anywhere; }
@media print { main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr, li { break-inside: avoid; } }
`;
