/**
 * Exact amounts: an integer of minor units beside an ISO 4217 code, never a float. One rebill's amount is a safe
 * integer (at most 12 digits); sums are bigint, because a year of rebills may pass 2^53.
 */
import { currencyExponent } from "./currency.ts";

/** The largest amount one rebill may have, in minor units: 12 digits, far inside a safe integer. */
export const MAX_AMOUNT_MINOR = 999_999_999_999;

export interface Money {
  readonly currency: string;
  readonly amountMinor: number;
}

/** A control total: how many rebills, and their sum in minor units. */
export interface MoneyTotal {
  readonly currency: string;
  readonly count: number;
  readonly amountMinor: bigint;
}

/** Of one currency. A bigint that is added to as a number while that is exact: a report adds millions of amounts. */
export class MoneyTally {
  count = 0;
  #large = 0n;
  #small = 0;

  add(amount: number | bigint, count = 1): void {
    this.count += count;
    if (typeof amount === "bigint" || Math.abs(amount) > MAX_AMOUNT_MINOR) {
      this.#large += BigInt(amount);
      return;
    }
    this.#small += amount;
    if (Math.abs(this.#small) < Number.MAX_SAFE_INTEGER - MAX_AMOUNT_MINOR) return;
    this.#large += BigInt(this.#small);
    this.#small = 0;
  }

  totalIn(currency: string): MoneyTotal {
    return { currency, count: this.count, amountMinor: this.#large + BigInt(this.#small) };
  }
}

/** Counts and sums per currency, read in the order of the currency codes. */
export class MoneyTotals {
  readonly #byCurrency = new Map<string, MoneyTally>();

  static of(items: Iterable<Money>): MoneyTotals {
    const totals = new MoneyTotals();
    for (const item of items) totals.add(item.currency, item.amountMinor);
    return totals;
  }

  add(currency: string, amountMinor: number | bigint, count = 1): void {
    let tally = this.#byCurrency.get(currency);
    if (!tally) {
      tally = new MoneyTally();
      this.#byCurrency.set(currency, tally);
    }
    tally.add(amountMinor, count);
  }

  addAll(totals: Iterable<MoneyTotal>): void {
    for (const total of totals) this.add(total.currency, total.amountMinor, total.count);
  }

  get(currency: string): MoneyTotal {
    return (this.#byCurrency.get(currency) ?? new MoneyTally()).totalIn(currency);
  }

  toArray(): MoneyTotal[] {
    return [...this.#byCurrency.keys()].sort().map((currency) => this.get(currency));
  }
}

export type AmountProblem = "malformed" | "amount_precision" | "amount_not_positive" | "too_long";

/**
 * An amount as an export writes it → minor units. `major` takes a plain decimal (`19.99`), `minor` a plain integer
 * (`1999`). No sign, no grouping, no exponent: what is not plain is `malformed`, never guessed.
 */
export function parseAmount(
  text: string,
  currency: string,
  unit: "major" | "minor",
): { amountMinor: number } | { problem: AmountProblem } {
  const match = (unit === "major" ? /^(-?)(\d+)(?:\.(\d+))?$/ : /^(-?)(\d+)$/).exec(text);
  if (!match) return { problem: "malformed" };
  const [, sign = "", whole = "", fraction = ""] = match;
  const exponent = unit === "major" ? (currencyExponent(currency) ?? 2) : 0;
  if (fraction.length > exponent) return { problem: "amount_precision" };
  const digits = (whole + fraction.padEnd(exponent, "0")).replace(/^0+/, "");
  if (digits === "" || sign === "-") return { problem: "amount_not_positive" };
  if (digits.length > 12) return { problem: "too_long" };
  return { amountMinor: Number(digits) };
}

/** Minor units → a plain decimal in major units: 1999 USD → `19.99`, 1999 JPY → `1999`. */
export function formatMajor(amountMinor: number | bigint, currency: string): string {
  const exponent = currencyExponent(currency) ?? 2;
  const negative = amountMinor < 0;
  const digits = (negative ? -amountMinor : amountMinor).toString().padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const text = exponent === 0 ? whole : `${whole}.${digits.slice(-exponent)}`;
  return negative ? `-${text}` : text;
}

/** For people: `USD 19.99`. */
export function formatMoney(amountMinor: number | bigint, currency: string): string {
  return `${currency} ${formatMajor(amountMinor, currency)}`;
}
