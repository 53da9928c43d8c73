/** The cells of one rebill, as a gateway and a CRM would write them; nothing here is anybody's. */
import type { ColumnName } from "../../src/domain/columns.ts";
import type { Dice } from "./dice.ts";

export type Cells = Partial<Record<ColumnName, string>>;

/** What a result file says again of a rebill. These are drawn first, so that they can be known without the rest. */
export interface Identity {
  readonly orderId: string;
  readonly currency: string;
  readonly amountMinor: number;
  /** An accepted row when false; otherwise one reject kind is built in. */
  readonly isBad: boolean;
}

const HOUR_MS = 3_600_000;
const CURRENCIES = ["USD", "USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "CAD", "AUD", "BRL", "JPY", "KWD"];
const DECIMALS: Readonly<Record<string, number>> = { JPY: 0, KWD: 3 };
/** Codes that may be tried again, each with a message. */
const DECLINES = [
  ["51", "Insufficient funds"],
  ["05", "Do not honor"],
  ["61", "Exceeds withdrawal amount limit"],
  ["65", "Exceeds withdrawal frequency limit"],
  ["91", "Issuer or switch is inoperative"],
  ["54", "Expired card"],
  ["62", "Restricted card"],
  ["96", "System malfunction"],
] as const;
const ASCII_NAMES = [
  "Ada",
  "Grace",
  "Linus",
  "Barbara",
  "Edsger",
  "Tony",
  "Ken",
  "Dennis",
  "Frances",
  "Donald",
  "Radia",
];
const ASCII_SURNAMES = ["Example", "Sample", "Placeholder", "Tester", "Nobody", "Anyone", "Fixture", "Mocksmith"];
const OTHER_NAMES = ["Zoë", "José", "Łukasz", "Søren", "Jürgen", "花子", "Ірина", "Μαρία", "Çağla", "Nguyễn"];
const ASCII_CITIES = ["Boston", "Springfield", "Columbus", "Portland", "Manchester", "Leeds", "Perth", "Toronto"];
const OTHER_CITIES = ["München", "São Paulo", "Kraków", "東京都", "Αθήνα", "Malmö", "Québec", "Київ"];
const STREETS = ["Sample Street", "Example Avenue", "Placeholder Road", "Nowhere Lane", "Fixture Boulevard"];
const BRANDS = ["visa", "visa", "mastercard", "mastercard", "amex", "discover"];
const COUNTRIES = ["US", "US", "US", "CA", "GB", "DE", "FR", "BR", "JP", "AU"];

/** Orders are numbered within a night; no two nights share one. */
export function makeIdentity(dice: Dice, night: number, row: number): Identity {
  const currency = dice.pick(CURRENCIES);
  const cents = 499 + dice.below(49_500);
  return {
    orderId: `ord-${String(night).padStart(3, "0")}-${String(row).padStart(8, "0")}`,
    currency,
    amountMinor: currency === "KWD" ? cents * 10 : cents,
    isBad: dice.chance(1),
  };
}

/** With the dice that drew its identity. `nowMs`: the instant of the run, some hours after the declines. */
export function makeCells(dice: Dice, identity: Identity, nowMs: number, width: number): Cells {
  const isForeign = dice.chance(20);
  const declinedAt = nowMs - 5 * 60_000 - dice.below(20 * HOUR_MS);
  const [code, message] = dice.pick(DECLINES);
  const brand = dice.pick(BRANDS);
  const first = isForeign ? dice.pick(OTHER_NAMES) : dice.pick(ASCII_NAMES);
  const surname = dice.pick(ASCII_SURNAMES);
  return {
    order_id: identity.orderId,
    transaction_id: `txn_${dice.hex(2)}`,
    subscription_id: `sub_${dice.digits(9)}`,
    customer_id: `cus_${dice.hex(1)}`,
    declined_at: formatDeclined(dice, declinedAt),
    amount: formatMajor(identity),
    currency: identity.currency,
    decline_code: code,
    decline_code_source: brand === "mastercard" || brand === "visa" ? brand : "iso8583",
    decline_message: widen(dice, message, width),
    advice_code: brand === "mastercard" && dice.chance(40) ? dice.pick(["01", "02", "24"]) : "",
    payment_token: `tok_${dice.hex(3)}`,
    card_bin: dice.chance(50) ? dice.digits(6) : dice.digits(8),
    card_last4: dice.digits(4),
    card_brand: brand,
    card_exp_month: String(1 + dice.below(12)).padStart(dice.below(2) + 1, "0"),
    card_exp_year: String(2027 + dice.below(6)),
    customer_email: `${surname.toLowerCase()}.${dice.hex(1)}@example.com`,
    first_name: first,
    last_name: surname,
    address1: widen(dice, `${1 + dice.below(9_999)} ${dice.pick(STREETS)}`, width),
    city: isForeign ? dice.pick(OTHER_CITIES) : dice.pick(ASCII_CITIES),
    state: dice.pick(["MA", "NY", "CA", "TX", "OH", "WA"]),
    postal_code: dice.digits(5),
    country: dice.pick(COUNTRIES),
    expires_at: dice.chance(50) ? formatInstant(declinedAt + (15 + dice.below(20)) * 24 * HOUR_MS) : "",
    attempt: String(1 + dice.below(3)),
    sense_key: dice.hex(3),
    site_id: `site-${1 + dice.below(9)}`,
    customer_ip: `192.0.2.${dice.below(256)}`,
  };
}

/** 15 % of the rows hold a cell that must be quoted whatever the delimiter is. */
export function addQuotedCell(dice: Dice, cells: Cells): void {
  if (!dice.chance(15)) return;
  const kind = dice.below(100);
  if (kind < 55) cells.address1 += ", Apt 4; rear";
  else if (kind < 95) cells.decline_message = `Issuer said "${cells.decline_message}"`;
  else cells.address1 += ",\nSecond Floor";
}

function widen(dice: Dice, text: string, width: number): string {
  let wide = text;
  for (let time = 1; time < width; time++) wide += ` ${dice.pick(STREETS)} ${dice.pick(ASCII_SURNAMES)}`;
  return wide;
}

function formatMajor({ amountMinor, currency }: Identity): string {
  const decimals = DECIMALS[currency] ?? 2;
  if (decimals === 0) return String(amountMinor);
  const digits = String(amountMinor).padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function formatDeclined(dice: Dice, ms: number): string {
  if (dice.chance(85)) return formatInstant(ms);
  // A gateway on the east coast of America, in winter.
  return `${new Date(ms - 5 * HOUR_MS).toISOString().slice(0, 19)}-05:00`;
}
