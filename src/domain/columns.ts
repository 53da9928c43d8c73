/**
 * The canonical export, one table. The zod schema, the canonical archive, the columns page of the docs and the
 * example fixture all follow from it; a column exists here or nowhere.
 */

export type ColumnKind =
  /** 1-64 of `A-Z a-z 0-9 . _ : -` */
  | "order_id"
  /** printable ASCII without outer spaces */
  | "ascii_id"
  /** any text without control characters (line breaks and tabs are allowed) */
  | "text"
  | "instant"
  | "amount"
  | "currency"
  | "country"
  | "digits"
  | "month"
  | "year"
  | "positive_integer";

export interface Column {
  /** The name in exports, config, JSON and docs. */
  readonly name: string;
  /** The same, as a property of a Rebill. */
  readonly property: string;
  readonly kind: ColumnKind;
  readonly required: boolean;
  /** Length limits in characters (code points); for `digits` the allowed number of digits. */
  readonly min: number;
  readonly max: number;
  /** For the docs page. */
  readonly about: string;
}

const column = <const N extends string, const P extends string>(
  name: N,
  property: P,
  kind: ColumnKind,
  required: boolean,
  [min, max]: readonly [number, number],
  about: string,
) => ({ name, property, kind, required, min, max, about }) satisfies Column;

export const COLUMNS = [
  column("order_id", "orderId", "order_id", true, [1, 64], "the merchant's own id of this rebill"),
  column("transaction_id", "transactionId", "ascii_id", true, [1, 64], "the gateway's id of the declined try"),
  column("subscription_id", "subscriptionId", "ascii_id", true, [1, 64], "the subscription billed"),
  column("customer_id", "customerId", "ascii_id", true, [1, 64], "the customer billed"),
  column("declined_at", "declinedAt", "instant", true, [1, 40], "when the gateway declined it"),
  column("amount", "amountMinor", "amount", true, [1, 20], "positive, no more decimals than the currency has"),
  column("currency", "currency", "currency", true, [3, 3], "ISO 4217 alpha-3"),
  column("decline_code", "declineCode", "ascii_id", true, [1, 32], "verbatim from the gateway"),
  column("decline_code_source", "declineCodeSource", "ascii_id", false, [1, 32], "whose code it is"),
  column("decline_message", "declineMessage", "text", false, [1, 256], "the gateway's words"),
  column("advice_code", "adviceCode", "ascii_id", false, [2, 2], "Mastercard merchant advice code"),
  column("payment_token", "paymentToken", "ascii_id", true, [1, 128], "the vault's token, never a card number"),
  column("card_bin", "cardBin", "digits", false, [6, 8], "first 6 to 8 digits"),
  column("card_last4", "cardLast4", "digits", false, [4, 4], "last 4 digits"),
  column("card_brand", "cardBrand", "text", false, [1, 32], "visa, mastercard, …"),
  column("card_exp_month", "cardExpMonth", "month", false, [1, 2], "1 to 12; with card_exp_year"),
  column("card_exp_year", "cardExpYear", "year", false, [4, 4], "4 digits; with card_exp_month"),
  column("customer_email", "customerEmail", "text", false, [1, 254], "where the customer is written to"),
  column("first_name", "firstName", "text", false, [1, 100], "billing name"),
  column("last_name", "lastName", "text", false, [1, 100], "billing name"),
  column("address1", "address1", "text", false, [1, 200], "billing address"),
  column("city", "city", "text", false, [1, 100], "billing address"),
  column("state", "state", "text", false, [1, 100], "billing address"),
  column("postal_code", "postalCode", "text", false, [1, 20], "billing address"),
  column("country", "country", "country", false, [2, 2], "ISO 3166 alpha-2"),
  column("expires_at", "expiresAt", "instant", false, [1, 40], "end of the rescue window; default from the policy"),
  column("attempt", "attempt", "positive_integer", false, [1, 6], "which try this was, default 1"),
  column("sense_key", "senseKey", "text", false, [1, 128], "the checkout's fingerprint key"),
  column("site_id", "siteId", "text", false, [1, 64], "the provider's id of the site"),
  column("customer_ip", "customerIp", "text", false, [1, 45], "IPv4 or IPv6"),
] as const;

export type ColumnName = (typeof COLUMNS)[number]["name"];

const byName: ReadonlyMap<string, Column> = new Map(COLUMNS.map((entry) => [entry.name, entry]));

export function findColumn(name: string): Column | undefined {
  return byName.get(name);
}
