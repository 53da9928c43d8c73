/** Result files as the provider writes them: the profile's header, one row per word about an order. */
import { stringify } from "csv-stringify/sync";
import { formatInstant, type Instant } from "../domain/instant.ts";
import { formatMajor } from "../domain/money.ts";
import type { OutcomeStatus } from "../domain/outcome.ts";
import type { ResultProfile } from "../profiles/profile.ts";

export interface ResultRow {
  readonly orderId: string;
  readonly sessionKey: string;
  readonly status: OutcomeStatus;
  readonly amountMinor: number;
  readonly currency: string;
  readonly processedAt: Instant;
  /** The decline's own code; an approval has `00`. */
  readonly responseCode: string;
}

const MESSAGES: Readonly<Record<OutcomeStatus, string>> = {
  pending: "still trying",
  rescued: "collected",
  unrescued: "not collected within the window",
  cancelled: "cancelled while pending",
  refunded: "paid back",
  charged_back: "charged back by the cardholder",
};

/** Columns stand in the order of the profile's fields; those it does not name are left out. */
export function encodeResults(rows: readonly ResultRow[], profile: ResultProfile): Buffer {
  const { columns } = profile;
  const fields: readonly (readonly [header: string | undefined, cell: (row: ResultRow) => string])[] = [
    [columns.order_id, (row) => row.orderId],
    [columns.session_key, (row) => row.sessionKey],
    [columns.status, (row) => wordFor(row.status, profile)],
    [columns.amount, (row) => formatAmount(row, profile)],
    [columns.currency, (row) => row.currency],
    [columns.processed_at, (row) => formatInstant(row.processedAt)],
    [columns.response_code, (row) => row.responseCode],
    [columns.message, (row) => MESSAGES[row.status]],
  ];
  const used = fields.filter(([header]) => header !== undefined);
  const table = [used.map(([header]) => header), ...rows.map((row) => used.map(([, cell]) => cell(row)))];
  return Buffer.from(stringify(table, { delimiter: profile.delimiter }));
}

/** The first word of the profile that means this: `APPROVED` before `COMPLETED`. */
function wordFor(status: OutcomeStatus, { statuses }: ResultProfile): string {
  const word = Object.keys(statuses).find((candidate) => statuses[candidate] === status);
  if (word === undefined) throw new Error(`the profile has no word for ${status}`);
  return word;
}

function formatAmount({ amountMinor, currency }: ResultRow, { amountUnit }: ResultProfile): string {
  return amountUnit === "minor" ? String(amountMinor) : formatMajor(amountMinor, currency);
}
