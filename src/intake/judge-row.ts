/** One row's cells → a rebill, or everything that is wrong with it. Rows are judged alone; duplicates are found elsewhere. */
import { holdsCardNumber } from "../domain/card-number.ts";
import { COLUMNS, type ColumnName } from "../domain/columns.ts";
import { currencyExponent } from "../domain/currency.ts";
import { findNeverRetryReason, hasLostLeadingZero, isApproved } from "../domain/decline.ts";
import { declineAgeDays } from "../domain/freshness.ts";
import { formatDuration, type Instant, parseInstant } from "../domain/instant.ts";
import { type AmountProblem, formatMoney, MAX_AMOUNT_MINOR, parseAmount } from "../domain/money.ts";
import { CLOCK_SKEW_MS, type ExportShape, type Policy } from "../domain/policy.ts";
import type { Rebill } from "../domain/rebill.ts";
import type { RejectCode } from "../domain/row-verdict.ts";
import { buildRebill } from "./build-rebill.ts";
import { findCellFaults, type RowCells } from "./cell-schema.ts";
import { describeAmountForm, describeCellFault } from "./describe-cell.ts";
import { describeColumn } from "./header.ts";

export interface RowRules {
  readonly shape: ExportShape;
  readonly policy: Policy;
  readonly now: Instant;
  /** Calendar days, in the policy's timezone. */
  readonly maxAgeDays: number;
}

/** A fault without its place. The message never holds the value of a cell. */
export interface RowFault {
  /** In our words; of a column we do not know, its header. Empty: the whole row. */
  readonly column: string;
  readonly code: RejectCode;
  readonly message: string;
}

export type RowVerdict =
  | { readonly rebill: Rebill; readonly neverRetry: string | undefined }
  | { readonly faults: readonly RowFault[] };

export function judgeRow(cells: RowCells, rules: RowRules): RowVerdict {
  const judging = new RowJudging(cells, rules);
  const amountMinor = judging.judgeAmount();
  judging.judgeDeclineCode();
  const expiresAt = judging.judgeTimes();
  judging.judgeCardExpiry();
  if (judging.faults.length > 0) return { faults: judging.sortedFaults() };
  if (amountMinor === undefined) throw new Error("an amount without a fault has no value");
  const declineCodeSource = rules.shape.declineCodeSource;
  const rebill = buildRebill(cells, amountMinor, { declineCodeSource, expiresAt });
  return { rebill, neverRetry: rules.policy.neverRetry === "skip" ? findNeverRetryReason(rebill) : undefined };
}

/** Every cell of every column, known or not. `columns` are the names to show, in the order of the cells. */
export function findCardNumbers(cells: readonly string[], columns: readonly string[]): RowFault[] {
  return cells.flatMap((cell, at) => {
    if (!holdsCardNumber(cell)) return [];
    const column = columns[at] ?? `column ${at + 1}`;
    const message = `${column} holds what looks like a card number; only vault tokens may be sent, so take it out of the export (policy.not_card_numbers exempts a column that only looks so)`;
    return [{ column, code: "card_number" as const, message }];
  });
}

class RowJudging {
  readonly faults: RowFault[] = [];
  readonly #cells: RowCells;
  readonly #rules: RowRules;
  readonly #faulty: ReadonlyMap<ColumnName, RejectCode>;

  constructor(cells: RowCells, rules: RowRules) {
    this.#cells = cells;
    this.#rules = rules;
    this.#faulty = findCellFaults(cells);
    for (const [column, code] of this.#faulty)
      this.#fault(column, code, describeCellFault(column, code, cells[column]));
  }

  judgeAmount(): number | undefined {
    if (this.#faulty.has("amount")) return undefined;
    const { amountUnit } = this.#rules.shape;
    const { amount: cell, currency } = this.#cells;
    const parsed = parseAmount(cell, currency, amountUnit);
    if ("problem" in parsed) {
      // Without a currency nobody knows how many decimals are right.
      if (parsed.problem === "amount_precision" && this.#faulty.has("currency")) return undefined;
      this.#fault("amount", parsed.problem, describeAmount(parsed.problem, cell, currency, amountUnit));
      return undefined;
    }
    const limit = this.#rules.policy.maxAmountMinor[currency];
    if (limit !== undefined && parsed.amountMinor > limit) {
      const words = `is above the limit of ${formatMoney(limit, currency)} in policy.max_amount`;
      this.#fault("amount", "amount_over_limit", words);
    }
    return parsed.amountMinor;
  }

  judgeDeclineCode(): void {
    const code = this.#cells.decline_code;
    const source = this.#cells.decline_code_source || this.#rules.shape.declineCodeSource;
    if (this.#faulty.has("decline_code")) return;
    if (isApproved(code, source)) {
      this.#fault("decline_code", "not_declined", "says that the payment was approved; only declines are sent");
    } else if (hasLostLeadingZero(code, source)) {
      const words = `has one character, codes of ${source?.toLowerCase()} have two; a spreadsheet may have dropped the zero in front: format the column as text and export it again`;
      this.#fault("decline_code", "malformed", words);
    }
  }

  /** The window's end, as far as it is known. */
  judgeTimes(): Instant | undefined {
    const { policy, now, maxAgeDays } = this.#rules;
    const declinedAt = parseInstant(this.#cells.declined_at);
    if (declinedAt === undefined) return undefined;
    const age = declineAgeDays(declinedAt, now, policy.timezone);
    const isStale = age > maxAgeDays;
    if (isStale) {
      const words = `is ${age} calendar days ago in ${policy.timezone}; at most ${maxAgeDays} may be sent (policy.max_age, or --max-age with a --reason)`;
      this.#fault("declined_at", "stale_decline", words);
    }
    if (declinedAt > now + CLOCK_SKEW_MS) {
      const words = `lies in the future by more than the ${formatDuration(CLOCK_SKEW_MS)} that clocks may differ`;
      this.#fault("declined_at", "future_decline", words);
    }
    const stated = parseInstant(this.#cells.expires_at);
    // The default follows from a decline that was already found too old.
    if (stated === undefined && (isStale || this.#faulty.has("expires_at"))) return undefined;
    const expiresAt = stated ?? declinedAt + policy.rescueWindowMs;
    this.#judgeWindow(declinedAt, expiresAt);
    return expiresAt;
  }

  judgeCardExpiry(): void {
    const { card_exp_month: month, card_exp_year: year } = this.#cells;
    if (month === "" && year !== "")
      this.#fault("card_exp_month", "missing", "is empty, though card_exp_year is given");
    if (year === "" && month !== "")
      this.#fault("card_exp_year", "missing", "is empty, though card_exp_month is given");
  }

  /** In the order of the column table. */
  sortedFaults(): RowFault[] {
    const place = (fault: RowFault): number => COLUMNS.findIndex(({ name }) => name === fault.column);
    return this.faults.toSorted((left, right) => place(left) - place(right));
  }

  #judgeWindow(declinedAt: Instant, expiresAt: Instant): void {
    const { policy, now } = this.#rules;
    if (expiresAt <= now) {
      this.#fault("expires_at", "window_too_short", "is not in the future; there is no time left to rescue it");
    } else if (expiresAt - declinedAt < policy.minimumWindowMs) {
      const words = `gives less than ${formatDuration(policy.minimumWindowMs)} from declined_at, the least the provider takes`;
      this.#fault("expires_at", "window_too_short", words);
    }
  }

  #fault(column: ColumnName, code: RejectCode, words: string): void {
    this.faults.push({ column, code, message: `${describeColumn(column, this.#rules.shape)} ${words}` });
  }
}

function describeAmount(problem: AmountProblem, cell: string, currency: string, unit: "major" | "minor"): string {
  switch (problem) {
    case "malformed":
      return describeAmountForm(cell, unit);
    case "amount_precision":
      return `has ${cell.split(".")[1]?.length} decimals; ${currency} takes ${currencyExponent(currency)}`;
    case "amount_not_positive":
      return "must be more than zero";
    case "too_long":
      return `has more than ${String(MAX_AMOUNT_MINOR).length} digits`;
  }
}
