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
  if (currency !== "" && currencyExponent(currency) === undefined) return "the currency is not an active ISO 4217 code";
  if (unit === "minor" && isFewDigits(cell)) return { minor: Number(cell) };
  const text = cell.trim();
  if (text === "") return { minor: undefined };
  if (currency === "" && unit === "major") return "an amount in major units, and no currency to read it by";
  const amount = parseAmount(text, currency, unit);
  if ("amountMinor" in amount) return { minor: amount.amountMinor };
  if (amount.problem === "amount_not_positive" && !text.startsWith("-")) return { minor: 0 };
  const form = unit === "minor" ? "a whole number of minor units" : `a plain decimal in ${currency}`;
  return `the amount is not ${form}`;
}

/** No sign, no space, and few enough to be exact: what most amounts are. */
function isFewDigits(cell: string): boolean {
  if (cell.length === 0 || cell.length > 12) return false;
  for (let at = 0; at < cell.length; at++) if (!isDigit(cell.charCodeAt(at))) return false;
  return true;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Programs write "no date" as 0001-01-01 or 1970-01-01; believed, it would place a verdict before its own decline. */
const EARLIEST_INSTANT = Date.UTC(2000, 0, 1);
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/;

/** ISO 8601; without a zone it is UTC, because the column is named so. A blank is undefined. */
export function parseResultInstant(cell: string): { readonly instant: Instant | undefined } | string {
  const plain = parsePlainInstant(cell);
  if (plain !== undefined && plain >= EARLIEST_INSTANT) return { instant: plain };
  const text = cell.trim().replace(/^(\d{4}-\d\d-\d\d) +(?=\d)/, "$1T");
  if (text === "") return { instant: undefined };
  const instant = parseInstant(WITHOUT_ZONE.test(text) ? `${text}Z` : text);
  if (instant === undefined) return "the time of processing is not an ISO 8601 instant";
  if (instant < EARLIEST_INSTANT) return "the time of processing lies before the year 2000";
  return { instant };
}

const MOST_DAYS = 1_000;
const midnights = new Map<string, Instant | undefined>();

/** `2026-11-20T06:00:00Z` or with `.000`, to the letter; anything else is undefined, and read the long way. */
function parsePlainInstant(cell: string): Instant | undefined {
  const isPlain =
    (cell.length === 20 || (cell.length === 24 && cell[19] === ".")) &&
    cell[10] === "T" &&
    cell[13] === ":" &&
    cell[16] === ":" &&
    cell.endsWith("Z");
  if (!isPlain) return undefined;
  const [hours, minutes, seconds] = [twoDigits(cell, 11), twoDigits(cell, 14), twoDigits(cell, 17)];
  if (!(hours < 24 && minutes < 60 && seconds < 60)) return undefined;
  const millis = cell.length === 20 ? 0 : threeDigits(cell, 20);
  const instant =
    (midnightOf(cell.slice(0, 10)) ?? Number.NaN) + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis;
  return Number.isNaN(instant) ? undefined : instant;
}

/** A file speaks of few days, a million times. */
function midnightOf(day: string): Instant | undefined {
  if (midnights.has(day)) return midnights.get(day);
  if (midnights.size >= MOST_DAYS) midnights.clear();
  const midnight = parseInstant(`${day}T00:00:00Z`);
  midnights.set(day, midnight);
  return midnight;
}

function twoDigits(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
  return isDigit(tens) && isDigit(ones) ? (tens - 48) * 10 + ones - 48 : Number.NaN;
}

function threeDigits(text: string, at: number): number {
  const hundreds = text.charCodeAt(at);
  return isDigit(hundreds) ? (hundreds - 48) * 100 + twoDigits(text, at + 1) : Number.NaN;
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** May this be kept as an order id or session key: short, and nothing that hides or moves on a screen? Empty may. */
export function isPlainKey(key: string): boolean {
  return isShortAscii(key) || (key.length <= 128 && !CONTROL.test(key) && !key.includes("\uFFFD"));
}

/** What nearly all keys are; asked without the tables of Unicode. */
function isShortAscii(key: string): boolean {
  if (key.length > 128) return false;
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** The provider's own words for people: one line, cut at a length, with any card number masked. */
export function toShortWords(cell: string, maxLength: number): string {
  const line = maskCardNumbers(cell.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " "));
  if (line.length <= maxLength) return line;
  // By characters, not halves of them.
  return `${[...line].slice(0, maxLength - 1).join("")}…`;
}

/** The same few words, a million times: each is made short once. */
export class ShortWords {
  readonly #maxLength: number;
  readonly #known = new Map<string, string>();

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  of(cell: string): string {
    const known = this.#known.get(cell);
    if (known !== undefined) return known;
    // A file may hold as many different messages as rows.
    if (this.#known.size >= MOST_WORDS) this.#known.clear();
    const words = copyOf(toShortWords(cell, this.#maxLength));
    this.#known.set(copyOf(cell), words);
    return words;
  }
}

const MOST_WORDS = 1_000;

/** A cell is a view into its whole chunk of the file; what is kept must not keep that alive. */
function copyOf(cell: string): string {
  return ` ${cell}`.slice(1);
}
