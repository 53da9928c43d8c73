/** The report for a terminal: the answer first, then the figures, then what to do, then where things lie. */
import { alignTable, clip, PLAIN, type Place, renderPlaces, type Style, type TableColumn, wrap } from "./layout.ts";
import { type CurrencyReport, type Report, rescueRates } from "./model.ts";
import { type Part, partsToShow } from "./parts.ts";
import { printable } from "./printable.ts";
import type { ToDo } from "./to-do.ts";
import { formatAmount, formatCount, formatMoney, formatTotals, formatWhen, percentOf } from "./words.ts";

export interface ReportTextOptions {
  readonly style?: Style;
  readonly places?: readonly Place[];
  /** By night and by decline code as well: for a file, or for who asks; a screen shows the answer and what to do. */
  readonly detailed?: boolean;
}

const NIGHTS_SHOWN = 7;
const DECLINE_CODES_SHOWN = 10;
const LABEL_WIDTH = 22;
const INDENT = { 0: "", 1: "", 2: "  ", apart: "" };

export function renderReportText(
  report: Report,
  { style = PLAIN, places = [], detailed = false }: ReportTextOptions = {},
): string {
  const title = `${printable(report.merchant)}: report as of ${formatWhen(report.asOf)}`;
  const lines = [
    style("heading", title),
    "",
    ...answers(report, style),
    ...report.currencies.flatMap((entry) => currencyTable(entry, style)),
    ...pendingLines(report),
    ...(detailed ? [...nightsTable(report, style), ...declineCodesTable(report, style)] : []),
    ...toDoLines(report.toDo, style),
    ...renderPlaces(places, style),
  ];
  return `${lines.join("\n")}\n`;
}

/** `USD 12,345.67 rescued of 45,678.90 submitted (27.0 %); balanced: yes` */
export function answerOf(entry: CurrencyReport): string {
  const { currency, rescued, submitted, balanced } = entry;
  const share = percentOf(rescued.amountMinor, submitted.amountMinor);
  const rescuedMoney = formatMoney(rescued.amountMinor, currency);
  const submittedMoney = formatAmount(submitted.amountMinor, currency);
  const percent = share === undefined ? "" : ` (${share} %)`;
  return `${rescuedMoney} rescued of ${submittedMoney} submitted${percent}; balanced: ${balanced ? "yes" : "NO"}`;
}

function answers(report: Report, style: Style): string[] {
  if (report.currencies.length === 0) return ["Nothing has been taken yet."];
  return report.currencies.flatMap((entry) =>
    wrap(answerOf(entry)).map((line) => style(entry.balanced ? "good" : "bad", line)),
  );
}

const MONEY_COLUMNS: readonly TableColumn[] = [
  { title: "", align: "left" },
  { title: "rebills", align: "right" },
  { title: "amount", align: "right" },
  { title: "share", align: "right" },
];

function currencyTable(entry: CurrencyReport, style: Style): string[] {
  const rows = partsToShow(entry).map((part) => [
    INDENT[part.level] + part.label,
    formatCount(part.total.count),
    formatAmount(part.total.amountMinor, entry.currency),
    shareOf(part, entry),
  ]);
  const [header, ...table] = alignTable([{ title: entry.currency, align: "left" }, ...MONEY_COLUMNS.slice(1)], rows);
  return ["", style("heading", header ?? ""), ...table, ...ratesLine(entry)];
}

function shareOf(part: Part, entry: CurrencyReport): string {
  if (part.level !== 1) return "";
  const share = percentOf(part.total.amountMinor, entry.submitted.amountMinor);
  return share === undefined ? "" : `${share} %`;
}

function ratesLine(entry: CurrencyReport): string[] {
  const { byCount, byAmount } = rescueRates(entry);
  if (byCount.ofDecided === undefined) return [];
  const amount = byAmount.ofDecided === undefined ? "" : `, ${byAmount.ofDecided} % by amount`;
  return wrap(`Of what has a verdict, ${byCount.ofDecided} % of the rebills were rescued${amount}.`, "  ");
}

function pendingLines({ pendingAgeing }: Report): string[] {
  if (pendingAgeing === undefined) return [];
  const { oldestDeclinedAt, nextWindowEnd } = pendingAgeing;
  const end =
    nextWindowEnd === undefined ? "all windows have ended" : `the next window ends ${formatWhen(nextWindowEnd)}`;
  return ["", ...wrap(`Pending: the oldest was declined ${formatWhen(oldestDeclinedAt)}; ${end}.`)];
}

const COHORT_COLUMNS: readonly TableColumn[] = [
  { title: "", align: "left" },
  { title: "rebills", align: "right" },
  { title: "submitted", align: "right" },
  { title: "rescued", align: "right" },
  { title: "share", align: "right" },
];

function cohortTable(
  title: string,
  cohorts: readonly (readonly [string, Cohort])[],
  more: number,
  style: Style,
): string[] {
  if (cohorts.length === 0) return [];
  const rows = cohorts.map(([label, { currency, submitted, rescued }]) => [
    clip(printable(label), LABEL_WIDTH),
    formatCount(submitted.count),
    formatMoney(submitted.amountMinor, currency),
    formatMoney(rescued.amountMinor, currency),
    `${percentOf(rescued.amountMinor, submitted.amountMinor) ?? "0.0"} %`,
  ]);
  const [header, ...table] = alignTable([{ title, align: "left" }, ...COHORT_COLUMNS.slice(1)], rows);
  const rest = more > 0 ? [`  and ${formatCount(more)} more, in --json`] : [];
  return ["", style("heading", header ?? ""), ...table, ...rest];
}

type Cohort = Pick<CurrencyReport, "currency" | "submitted" | "rescued">;

function nightsTable({ nights }: Report, style: Style): string[] {
  const shown = nights.slice(0, NIGHTS_SHOWN).map((night) => [night.declinedOn, night] as const);
  return cohortTable("declined on", shown, nights.length - shown.length, style);
}

function declineCodesTable({ declineCodes }: Report, style: Style): string[] {
  const shown = declineCodes
    .slice(0, DECLINE_CODES_SHOWN)
    .map((cohort) => [`${cohort.declineCodeSource} ${cohort.declineCode}`.trim(), cohort] as const);
  return cohortTable("decline code", shown, declineCodes.length - shown.length, style);
}

function toDoLines(toDo: readonly ToDo[], style: Style): string[] {
  if (toDo.length === 0) return ["", style("good", "To do: nothing.")];
  const items = toDo.flatMap((item) => {
    const money = item.totals.length === 0 ? "" : ` (${formatTotals(item.totals)})`;
    return [...wrap(`${item.what}: ${formatCount(item.count)}${money}`, "  "), ...wrap(item.nextAction, "      ")];
  });
  return ["", style("bad", "To do"), ...items, ...wrap("`rescue breaks` lists each of them.", "  ")];
}
