/**
 * One record's cells → accepted, in canonical form; or: look closer. Each check mirrors a rule of cell-schema.ts or
 * judge-row.ts, and may be stricter than it.
 */
import type { ColumnName } from "../../domain/columns.ts";
import { isCountry } from "../../domain/country.ts";
import { declineAgeDays } from "../../domain/freshness.ts";
import { type Instant, MINUTE_MS } from "../../domain/instant.ts";
import { CLOCK_SKEW_MS } from "../../domain/policy.ts";
import { currencyIndex } from "../currency-index.ts";
import { PRINT_WORDS } from "../duplicates.ts";
import { fingerprintBytes } from "../fingerprint.ts";
import type { RowRules } from "../judge-row.ts";
import { DIGIT, MASKING, PLUS } from "./byte-classes.ts";
import { BYTE, isDigit } from "./bytes.ts";
import { handOver } from "./checks.ts";
import { type ColumnPlan, planColumns } from "./column-plan.ts";
import { CurrencyTable } from "./currency-table.ts";
import { DeclineVerdicts } from "./decline-verdicts.ts";
import { InstantReader } from "./instant-bytes.ts";
import type { CellSpans, ScanSetup } from "./row-scanner.ts";
import { type RowValues, RowWriter } from "./row-writer.ts";
import { NEVER_RETRY, type ScannedRows, SHORT_US_POSTAL_CODE } from "./scanned-rows.ts";

const LETTERS = 26;
/** By two capital letters: 1 where they are a country. */
const COUNTRIES = Uint8Array.from({ length: LETTERS * LETTERS }, (_, index) =>
  isCountry(String.fromCharCode(BYTE.upperA + Math.floor(index / LETTERS), BYTE.upperA + (index % LETTERS))) ? 1 : 0,
);

/** No zone changes its offset within one. */
const QUARTER_HOUR_MS = 15 * MINUTE_MS;

/** MAX_AMOUNT_MINOR has so many digits. */
const MOST_AMOUNT_DIGITS = 12;

export class RowJudge {
  readonly #plans: readonly ColumnPlan[];
  readonly #byName: Readonly<Record<ColumnName, ColumnPlan>>;
  /** By place: it is text for each of our columns that stand there. */
  readonly #isText: readonly boolean[];
  readonly #cells: CellSpans;
  readonly #rules: RowRules;
  readonly #keepsRows: boolean;
  readonly #currencies: CurrencyTable;
  readonly #declines: DeclineVerdicts;
  readonly #instants = new InstantReader();
  readonly #writer: RowWriter;
  readonly #freshQuarters = new Map<number, boolean>();

  /** Of the row at hand. */
  readonly #values: RowValues = { declinedAt: 0, expiresAt: 0, amountMinor: 0, exponent: 0, amountIsCanonical: false };
  #currency = 0;

  constructor({ header, rules, keepsRows }: ScanSetup, cells: CellSpans) {
    this.#keepsRows = keepsRows;
    this.#plans = planColumns(header, rules);
    this.#byName = Object.fromEntries(this.#plans.map((plan) => [plan.name, plan])) as Record<ColumnName, ColumnPlan>;
    this.#isText = header.cells.map((_, at) => this.#plans.every(({ place, kind }) => place !== at || kind === "text"));
    this.#cells = cells;
    this.#writer = new RowWriter(this.#plans, header.delimiter, cells);
    this.#rules = rules;
    this.#currencies = new CurrencyTable(rules.policy.maxAmountMinor);
    this.#declines = new DeclineVerdicts(rules.policy.neverRetry);
  }

  /** Before the records of other bytes. */
  readFrom(bytes: Buffer): void {
    this.#writer.readFrom(bytes);
  }

  /** Appends the row, whose record stands from `start` to `end`, or says false: look closer. */
  accept(bytes: Buffer, start: number, end: number, into: ScannedRows): boolean {
    if (!this.#cellsAreRight(bytes) || !this.#readMoney(bytes) || !this.#readTimes(bytes)) return false;
    const decline = this.#judgeDecline(bytes);
    if (decline === "look_closer") return handOver("decline code");
    into.reserve();
    const row = into.plain;
    // Why a row is skipped is read from its canonical form.
    if (this.#keepsRows || decline === "never_retry") {
      into.reserveCanonical(end - start);
      into.canonicalLength = this.#writer.write(bytes, this.#values, into.canonical, into.canonicalLength);
    }
    into.canonicalEnds[row] = into.canonicalLength;
    into.row[row] = into.rows;
    into.line[row] = into.lines;
    into.start[row] = start;
    into.end[row] = end;
    this.#print(bytes, this.#byName.order_id, into.prints, row * PRINT_WORDS);
    this.#print(bytes, this.#byName.transaction_id, into.prints, row * PRINT_WORDS + 2);
    into.amountMinor[row] = this.#values.amountMinor;
    into.currency[row] = this.#currency;
    into.flags[row] = (decline === "never_retry" ? NEVER_RETRY : 0) | this.#postalFlag(bytes);
    into.plain += 1;
    into.rows += 1;
    return true;
  }

  /** What the classes and lengths of the cells leave open. */
  #cellsAreRight(bytes: Buffer): boolean {
    const { remarkable, remarkableCount } = this.#cells;
    for (let at = 0; at < remarkableCount; at++) if (!this.#isRight(bytes, remarkable[at] as number)) return false;
    const { country, card_exp_month, card_exp_year, attempt } = this.#byName;
    return (
      (this.#isCountryOrEmpty(bytes, country.place) || handOver("country")) &&
      (this.#isMonthOrEmpty(bytes, card_exp_month.place) || handOver("month")) &&
      (this.#isEmpty(card_exp_month.place) === this.#isEmpty(card_exp_year.place) || handOver("month without year")) &&
      (this.#isEmpty(attempt.place) ||
        bytes[this.#cells.starts[attempt.place] as number] !== BYTE.zero ||
        handOver("attempt"))
    );
  }

  #isRight(bytes: Buffer, place: number): boolean {
    const start = this.#cells.starts[place] as number;
    const end = this.#cells.ends[place] as number;
    const mask = this.#cells.masks[place] as number;
    if (this.#isText[place]) return !holdsLatinControl(bytes, start, end) || handOver("control character");
    if (bytes[start] === BYTE.space || bytes[end - 1] === BYTE.space) return handOver("outer space");
    // 1.2E+15 is a number that lost its digits; a masked card number begins with a digit, its separators aside, and few tokens do.
    const isNumberLike = (mask & (PLUS | MASKING)) !== 0 && beginsWithDigit(bytes, start, end);
    return !isNumberLike || handOver("lost or masked number");
  }

  #isCountryOrEmpty(bytes: Buffer, place: number): boolean {
    if (this.#isEmpty(place)) return true;
    const start = this.#cells.starts[place] as number;
    const second = (bytes[start + 1] as number) - BYTE.upperA;
    return second < LETTERS && COUNTRIES[((bytes[start] as number) - BYTE.upperA) * LETTERS + second] === 1;
  }

  #isMonthOrEmpty(bytes: Buffer, place: number): boolean {
    if (this.#isEmpty(place)) return true;
    const start = this.#cells.starts[place] as number;
    const first = (bytes[start] as number) - BYTE.zero;
    if ((this.#cells.ends[place] as number) - start === 1) return first >= 1;
    const month = first * 10 + (bytes[start + 1] as number) - BYTE.zero;
    return month >= 1 && month <= 12;
  }

  #readMoney(bytes: Buffer): boolean {
    const { starts, ends } = this.#cells;
    const { amount, currency } = this.#byName;
    const index = currencyIndex(bytes, starts[currency.place] as number, ends[currency.place] as number);
    const exponent = index === -1 ? -1 : (this.#currencies.exponents[index] as number);
    if (exponent === -1) return handOver("currency");
    const start = starts[amount.place] as number;
    const end = ends[amount.place] as number;
    const isMajor = this.#rules.shape.amountUnit === "major";
    let value = 0;
    let point = -1;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (isDigit(byte)) value = value * 10 + byte - BYTE.zero;
      else if (byte === BYTE.dot && point === -1 && at > start && isMajor) point = at;
      else return handOver("amount form");
    }
    const decimals = point === -1 ? 0 : end - point - 1;
    if (point === end - 1 || decimals > exponent) return handOver("amount decimals");
    if (end - start > MOST_AMOUNT_DIGITS) return handOver("amount range");
    if (isMajor) for (let place = decimals; place < exponent; place++) value *= 10;
    if (!(value > 0 && value < 10 ** MOST_AMOUNT_DIGITS && value <= (this.#currencies.limits[index] as number)))
      return handOver("amount range");
    this.#values.amountMinor = value;
    this.#values.exponent = exponent;
    this.#currency = index;
    const whole = (point === -1 ? end : point) - start;
    this.#values.amountIsCanonical = isMajor && decimals === exponent && (bytes[start] !== BYTE.zero || whole === 1);
    return true;
  }

  #readTimes(bytes: Buffer): boolean {
    const { policy, now } = this.#rules;
    const declinedAt = this.#readInstant(bytes, this.#byName.declined_at);
    if (!(declinedAt >= 0)) return handOver("instant");
    if (declinedAt > now + CLOCK_SKEW_MS) return handOver("future");
    if (!this.#isFresh(declinedAt)) return handOver("freshness");
    const expiresAt = this.#isEmpty(this.#byName.expires_at.place)
      ? declinedAt + policy.rescueWindowMs
      : this.#readInstant(bytes, this.#byName.expires_at);
    this.#values.declinedAt = declinedAt;
    this.#values.expiresAt = expiresAt;
    return (expiresAt > now && expiresAt - declinedAt >= policy.minimumWindowMs) || handOver("window");
  }

  #readInstant(bytes: Buffer, { place }: ColumnPlan): Instant {
    return this.#instants.read(bytes, this.#cells.starts[place] as number, this.#cells.ends[place] as number);
  }

  /** By quarter hours: asking a calendar for each row would cost more than all other checks. */
  #isFresh(declinedAt: Instant): boolean {
    const quarter = Math.floor(declinedAt / QUARTER_HOUR_MS);
    const known = this.#freshQuarters.get(quarter);
    if (known !== undefined) return known;
    const { policy, now, maxAgeDays } = this.#rules;
    const isFreshAt = (instant: Instant) => declineAgeDays(instant, now, policy.timezone) <= maxAgeDays;
    const isFresh = isFreshAt(quarter * QUARTER_HOUR_MS) && isFreshAt((quarter + 1) * QUARTER_HOUR_MS - 1);
    // As many as a century has: a file with dates of every age must not fill the memory.
    if (this.#freshQuarters.size < 100_000) this.#freshQuarters.set(quarter, isFresh);
    return isFresh;
  }

  #judgeDecline(bytes: Buffer): "send" | "never_retry" | "look_closer" {
    const { decline_code, decline_code_source, advice_code } = this.#byName;
    this.#declines.begin();
    this.#addToDecline(bytes, decline_code);
    this.#addToDecline(bytes, decline_code_source);
    this.#addToDecline(bytes, advice_code);
    return this.#declines.judge();
  }

  #addToDecline(bytes: Buffer, { place, fallback }: ColumnPlan): void {
    if (this.#isEmpty(place)) this.#declines.add(fallback, 0, fallback.length);
    else this.#declines.add(bytes, this.#cells.starts[place] as number, this.#cells.ends[place] as number);
  }

  #print(bytes: Buffer, { place }: ColumnPlan, prints: Uint32Array, at: number): void {
    const words = fingerprintBytes(bytes, this.#cells.starts[place] as number, this.#cells.ends[place] as number);
    prints[at] = words.high;
    prints[at + 1] = words.low;
  }

  #isEmpty(place: number): boolean {
    return place === -1 || this.#cells.starts[place] === this.#cells.ends[place];
  }

  #postalFlag(bytes: Buffer): number {
    const { starts, ends, masks } = this.#cells;
    const { country, postal_code } = this.#byName;
    if (country.place === -1 || postal_code.place === -1) return 0;
    const length = (ends[postal_code.place] as number) - (starts[postal_code.place] as number);
    if (length < 1 || length > 4 || masks[postal_code.place] !== DIGIT) return 0;
    const at = starts[country.place] as number;
    const isUs = ends[country.place] === at + 2 && bytes[at] === 0x55 && bytes[at + 1] === 0x53;
    return isUs ? SHORT_US_POSTAL_CODE : 0;
  }
}

/** Behind dashes and spaces, which may stand anywhere in a masked number. */
function beginsWithDigit(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && (bytes[at] === BYTE.dash || bytes[at] === BYTE.space)) at += 1;
  return at < end && isDigit(bytes[at] as number);
}

/** U+0080 to U+009F. */
function holdsLatinControl(bytes: Buffer, start: number, end: number): boolean {
  for (let at = bytes.indexOf(0xc2, start); at !== -1 && at < end; at = bytes.indexOf(0xc2, at + 1)) {
    if ((bytes[at + 1] as number) < 0xa0) return true;
  }
  return false;
}
