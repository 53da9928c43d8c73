/** What can be said of a row of an export. Both lists are closed and public: they stand in JSON and rejects files. */

/** Nothing wrong, nothing to send. `already_closed` is ours: see docs/adr/0006-row-identity.md. */
export const SKIP_CODES = ["already_pending", "already_rescued", "already_closed", "never_retry"] as const;
export type SkipCode = (typeof SKIP_CODES)[number];

export const REJECT_CODES = [
  "missing",
  "malformed",
  "too_long",
  "bad_currency",
  "amount_precision",
  "amount_not_positive",
  "amount_over_limit",
  "not_declined",
  "stale_decline",
  "future_decline",
  "window_too_short",
  "card_number",
  "duplicate_in_file",
  "column_count",
  "bad_quoting",
  "bad_encoding",
] as const;
export type RejectCode = (typeof REJECT_CODES)[number];

/** One thing wrong with one row. Never holds the value of a cell. */
export interface RowProblem {
  readonly row: number;
  readonly line: number;
  /** The export's column in our words; empty where the whole row is meant. */
  readonly column: string;
  readonly code: RejectCode;
  readonly message: string;
}

export interface SkippedRow {
  readonly row: number;
  readonly line: number;
  readonly orderId: string;
  readonly code: SkipCode;
  readonly message: string;
}
