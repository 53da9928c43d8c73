/** Breaks: what reconciliation found that a person must know. A closed list, each with what to do next. */

export const BREAK_CODES = [
  "unknown_order",
  "conflicting_outcome",
  "amount_mismatch",
  "currency_mismatch",
  "late_outcome",
  "overdue",
  "retried_while_held",
  "unrecognised_status",
  "malformed_result",
  "result_file_missing",
  "night_missed",
  "delivery_uncertain",
] as const;
export type BreakCode = (typeof BREAK_CODES)[number];

export interface Break {
  readonly code: BreakCode;
  /** What makes it the same break when it is met again, within its code: it is then counted once. */
  readonly fingerprint: string;
  /** Empty where no order is meant. */
  readonly orderId: string;
  /** The result file's name, or empty. */
  readonly file: string;
  /** The physical line in that file, or 0. */
  readonly line: number;
  readonly message: string;
}

/** While one of these is open its rebill is unaccounted, and stays on hold. */
export function isMismatch(code: BreakCode): boolean {
  return code === "amount_mismatch" || code === "currency_mismatch";
}

/** The next action, one imperative sentence for billing ops. */
export const NEXT_ACTION: Readonly<Record<BreakCode, string>> = {
  unknown_order: "Ask the provider whose order this is; it was never sent from here.",
  conflicting_outcome: "Ask the provider which of the two words holds; ours was not changed.",
  amount_mismatch: "Compare with the gateway, keep the rebill on hold, then settle with what really happened.",
  currency_mismatch: "Compare with the gateway, keep the rebill on hold, then settle with what really happened.",
  late_outcome: "Money came after the window: make sure your own retries did not charge it too.",
  overdue: "Ask the provider for its verdict; keep the rebill on hold until it answers.",
  retried_while_held: "Stop your biller's own retries for this order; the provider is still trying it.",
  unrecognised_status: "Ask the provider what the word means, then add it to the profile.",
  malformed_result: "Look at the line in the archived file and ask the provider to send it again.",
  result_file_missing: "Ask the provider why the file that was due is not there.",
  night_missed: "Find out why cron did not run; send the missed exports with --max-age and --reason.",
  delivery_uncertain: "Look at the remote folder and ask the provider, then settle the batch.",
};
