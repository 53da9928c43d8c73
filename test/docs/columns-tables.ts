/** What docs/export-columns.md and fixtures/example-export.csv say of the column table, made from the table itself. */
import { stringify } from "csv-stringify/sync";
import { COLUMNS, type Column, type ColumnKind, type ColumnName } from "../../src/domain/columns.ts";
import { NEVER_RETRY } from "../../src/domain/decline.ts";
import { markdownTable } from "./page.ts";

const FORMS: Record<ColumnKind, (column: Column) => string> = {
  order_id: (column) => `${lengthOf(column)} of \`A-Z a-z 0-9 . _ : -\``,
  ascii_id: (column) => `${lengthOf(column)} printable ASCII characters`,
  text: (column) => `up to ${column.max} characters`,
  instant: () => "ISO 8601 instant with `Z` or an offset",
  amount: () => "plain decimal in major units, such as `19.99`",
  currency: () => "3 capital letters",
  country: () => "2 capital letters",
  digits: (column) => `${lengthOf(column)} digits`,
  month: () => "`1` to `12`, or `01` to `12`",
  year: () => "4 digits",
  positive_integer: (column) => `whole number from 1, up to ${column.max} digits`,
};

function lengthOf({ min, max }: Column): string {
  return min === max ? String(max) : `${min}-${max}`;
}

export function columnsTable(): string {
  const rows = COLUMNS.map((column: Column) => [
    `\`${column.name}\``,
    column.required ? "yes" : "",
    FORMS[column.kind](column),
    column.about,
  ]);
  return markdownTable(["column", "required", "form", "what it is"], rows);
}

export function neverRetryTable(): string {
  const rows = NEVER_RETRY.map(({ source, codes, reason, published, asOf }) => [
    source === "advice" ? "`advice_code`, any source" : `\`${source}\``,
    codes.map((code) => `\`${code}\``).join(" "),
    reason,
    `[read ${asOf}](${published})`,
  ]);
  return markdownTable(["source", "codes", "why", "published"], rows);
}

/** One cell for each row of the example; a column without them does not compile. */
const EXAMPLE: Record<ColumnName, readonly [string, string, string]> = {
  order_id: ["ord-1001", "ord-1002", "ord-1003"],
  transaction_id: ["txn-90011", "txn-90012", "txn-90013"],
  subscription_id: ["sub-501", "sub-502", "sub-503"],
  customer_id: ["cus-71", "cus-72", "cus-73"],
  declined_at: ["2026-11-20T01:12:09Z", "2026-11-19T22:40:31-05:00", "2026-11-20T05:03:00.250Z"],
  amount: ["19.99", "1980", "4.750"],
  currency: ["USD", "JPY", "KWD"],
  decline_code: ["51", "05", "91"],
  decline_code_source: ["visa", "mastercard", ""],
  decline_message: ["Insufficient funds", "Do not honor", "Issuer, or switch, is unavailable"],
  advice_code: ["", "02", ""],
  payment_token: ["tok_3f9a", "tok_81bc", "tok_c07d"],
  card_bin: ["411111", "55555555", ""],
  card_last4: ["1111", "4444", ""],
  card_brand: ["visa", "mastercard", ""],
  card_exp_month: ["4", "09", ""],
  card_exp_year: ["2028", "2027", ""],
  customer_email: ["ada@example.com", "", ""],
  first_name: ["Ada", "花子", ""],
  last_name: ["Example", "例", ""],
  address1: ["1 Sample Street", "", ""],
  city: ["Boston", "", ""],
  state: ["MA", "", ""],
  postal_code: ["02101", "", ""],
  country: ["US", "JP", ""],
  expires_at: ["", "2026-12-11T00:00:00Z", ""],
  attempt: ["1", "2", ""],
  sense_key: ["sk-7d31", "", ""],
  site_id: ["site-1", "", ""],
  customer_ip: ["192.0.2.17", "2001:db8::17", ""],
};

export function exampleExport(): string {
  const rows = [0, 1, 2].map((row) => COLUMNS.map(({ name }) => EXAMPLE[name][row]));
  return stringify([COLUMNS.map(({ name }) => name), ...rows]);
}
