/** The report for machines: design section 7, whose fields are only ever added to. */
import { formatInstant } from "../domain/instant.ts";
import type { MoneyTotal } from "../domain/money.ts";
import type { CohortReport } from "./cohorts.ts";
import { type CurrencyReport, type PendingAgeing, type Report, type RescueRate, rescueRates } from "./model.ts";

/** Everything but the envelope (`type`, `schema`, `merchant`, `exit_status`), which the caller puts in front. */
export function reportDocument(report: Report) {
  const { pendingAgeing } = report;
  return {
    as_of: formatInstant(report.asOf),
    currencies: report.currencies.map(currencyDocument),
    breaks_by_code: report.breaksByCode,
    to_do: report.toDo.map((item) => ({
      code: item.code,
      what: item.what,
      count: item.count,
      totals: item.totals.map(moneyDocument),
      next_action: item.nextAction,
    })),
    pending_ageing: pendingAgeing ? ageingDocument(pendingAgeing) : null,
    nights: report.nights.map((night) => ({ declined_on: night.declinedOn, ...cohortDocument(night) })),
    by_decline_code: report.declineCodes.map((cohort) => ({
      decline_code: cohort.declineCode,
      decline_code_source: cohort.declineCodeSource,
      ...cohortDocument(cohort),
    })),
  };
}

function ageingDocument({ oldestDeclinedAt, nextWindowEnd }: PendingAgeing) {
  return { oldest_declined_at: formatInstant(oldestDeclinedAt), next_window_end: instantOrNull(nextWindowEnd) };
}

/** `{"currency":"USD","count":12,"amount_minor":"23988"}`: a string, because JSON numbers are floats to many readers. */
export function moneyDocument({ currency, count, amountMinor }: MoneyTotal) {
  return { currency, count, amount_minor: amountMinor.toString() };
}

export function instantOrNull(instant: number | undefined): string | null {
  return instant === undefined ? null : formatInstant(instant);
}

function part({ count, amountMinor }: MoneyTotal) {
  return { count, amount_minor: amountMinor.toString() };
}

function currencyDocument(entry: CurrencyReport) {
  const { byCount, byAmount } = rescueRates(entry);
  return {
    currency: entry.currency,
    submitted: part(entry.submitted),
    rescued: part(entry.rescued),
    pending: part(entry.pending),
    unrescued: part(entry.unrescued),
    cancelled: part(entry.cancelled),
    unaccounted: part(entry.unaccounted),
    refunded: part(entry.refunded),
    charged_back: part(entry.chargedBack),
    balanced: entry.balanced,
    presumed_unrescued: part(entry.presumed),
    unsent: part(entry.unsent),
    released: part(entry.released),
    rescued_percent: { by_count: rateDocument(byCount), by_amount: rateDocument(byAmount) },
  };
}

/** Strings such as `"27.0"`, or null where there is nothing to divide by. */
function rateDocument({ ofSubmitted, ofDecided }: RescueRate) {
  return { of_submitted: ofSubmitted ?? null, of_decided: ofDecided ?? null };
}

function cohortDocument({ currency, submitted, rescued, pending }: CohortReport<object>) {
  return { currency, submitted: part(submitted), rescued: part(rescued), pending: part(pending) };
}
