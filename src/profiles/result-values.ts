/** Single cells of a result file: exact, or a reason that does not hold the cell. */
import { maskCardNumbers } from "../domain/card-number.ts";
import { currencyExponent } from "../domain/currency.ts";
import { type Instant, parseInstant } from "../domain/instant.ts";
import { parseAmount } from "../domain/money.ts";

/** Zero is legal here (nothing was collected); a blank is undefined. */
export function parseResultAmount(
  cell: string,
  currency: string,
  unit: "minor" | "major",
): { readonly minor: number | undefined } | string {
  const text = cell.trim();
  if (currency !== "" && currencyExponent(currency) === undefined) return "the currency is not an active ISO 4217 code";
  if (text === "") return { minor: undefined };
  if (currency === "" && unit === "major") return "an amount in major units, and no currency to read it by";
  const amount = parseAmount(text, currency, unit);
  if ("amountMinor" in amount) return { minor: amount.amountMinor };
  if (amount.problem === "amount_not_positive" && !text.startsWith("-")) return { minor: 0 };
  const form = unit === "minor" ? "a whole number of minor units" : `a plain decimal in ${currency}`;
  return `the amount is not ${form}`;
}

/** Programs write "no date" as 0001-01-01 or 1970-01-01; believed, it would place a verdict before its own decline. */
const EARLIEST_INSTANT = Date.UTC(2000, 0, 1);
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/;

/** ISO 8601; without a zone it is UTC, because the column is named so. A blank is undefined. */
export function parseResultInstant(cell: string): { readonly instant: Instant | undefined } | string {
  const text = cell.trim().replace(/^(\d{4}-\d\d-\d\d) +(?=\d)/, "$1T");
  if (text === "") return { instant: undefined };
  const instant = parseInstant(WITHOUT_ZONE.test(text) ? `${text}Z` : text);
  if (instant === undefined) return "the time of processing is not an ISO 8601 instant";
  if (instant < EARLIEST_INSTANT) return "the time of processing lies before the year 2000";
  return { instant };
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** May this be kept as an order id or session key: short, and nothing that hides or moves on a screen? Empty may. */
export function isPlainKey(key: string): boolean {
  return key.length <= 128 && !CONTROL.test(key) && !key.includes("\uFFFD");
}

/** The provider's own words for people: one line, cut at a length, with any card number masked. */
export function toShortWords(cell: string, maxLength: number): string {
  const line = maskCardNumbers(cell.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " "));
  if (line.length <= maxLength) return line;
  // By characters, not halves of them.
  return `${[...line].slice(0, maxLength - 1).join("")}…`;
}
