/** Numbers, money and times as people read them. Everything is cut from digits of integers: no float touches an amount. */
import { formatInstant, type Instant } from "../domain/instant.ts";
import { formatMajor, type MoneyTotal } from "../domain/money.ts";

/** 1234567 → `1,234,567` */
export function formatCount(count: number | bigint): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** 1234567 USD → `12,345.67` */
export function formatAmount(amountMinor: number | bigint, currency: string): string {
  const [whole = "", fraction] = formatMajor(amountMinor, currency).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** 1234567 USD → `USD 12,345.67` */
export function formatMoney(amountMinor: number | bigint, currency: string): string {
  return `${currency} ${formatAmount(amountMinor, currency)}`;
}

/** `USD 1.00, JPY 5`; empty for none. */
export function formatTotals(totals: readonly MoneyTotal[]): string {
  return totals.map((total) => formatMoney(total.amountMinor, total.currency)).join(", ");
}

/** `1 rebill`, `1,234 rebills` */
export function formatNumberOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : noun.endsWith("ch") ? "es" : "s"}`;
}

/** A share in percent with one digit, cut and never rounded up: `100.0` only if all of it. Undefined of nothing. */
export function percentOf(part: number | bigint, whole: number | bigint): string | undefined {
  if (BigInt(whole) === 0n) return undefined;
  const tenths = (BigInt(part) * 1000n) / BigInt(whole);
  return `${tenths / 10n}.${tenths % 10n}`;
}

/** `2026-11-20 06:00 UTC`; seconds are for machines. */
export function formatWhen(instant: Instant): string {
  return `${formatInstant(instant).slice(0, 16).replace("T", " ")} UTC`;
}

/** `2026-11-20 06:00:07Z`, where the order within a minute tells the story. */
export function formatMoment(instant: Instant): string {
  return `${formatInstant(instant).slice(0, 19).replace("T", " ")}Z`;
}
