/** The end of a report: what a person has to do, how much money hangs on it, and the next action in one sentence. */
import { BREAK_CODES, type BreakCode, NEXT_ACTION } from "../domain/break.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { OpenFinding } from "./findings.ts";
import type { CurrencyReport, ReportAttempt, ReportBatch } from "./model.ts";

export interface ToDo {
  readonly code: BreakCode | "unbalanced" | "unsent";
  /** What there is to do something about, without numbers. */
  readonly what: string;
  readonly count: number;
  /** The rebills that it is about, each counted once; empty where it is about none of ours. */
  readonly totals: readonly MoneyTotal[];
  readonly nextAction: string;
}

const WHAT: Readonly<Record<BreakCode, string>> = {
  unknown_order: "results for orders that were never sent from here",
  conflicting_outcome: "results that contradict an earlier one",
  amount_mismatch: "results with another amount than was sent",
  currency_mismatch: "results in another currency than was sent",
  late_outcome: "rescues after the window had ended",
  overdue: "rebills past their window without a verdict",
  retried_while_held: "orders that were retried while the provider had them",
  unrecognised_status: "results with a word that the profile does not know",
  malformed_result: "result rows that cannot be read",
  result_file_missing: "result files that were due and did not come",
  night_missed: "nights without a run",
  delivery_uncertain: "deliveries that cannot be proven",
};

/** Gathers the money behind each finding while the attempts pass by. */
export class ToDoList {
  readonly #findings: readonly OpenFinding[];
  readonly #codesByAttempt = new Map<number, Set<BreakCode>>();
  readonly #money = new Map<BreakCode, MoneyTotals>();

  constructor(findings: readonly OpenFinding[], batches: readonly ReportBatch[]) {
    this.#findings = findings;
    const doubtfulBatches = new Set<number>();
    for (const { code, attemptId, batchId } of findings) {
      if (attemptId !== undefined) {
        const codes = this.#codesByAttempt.get(attemptId) ?? new Set();
        this.#codesByAttempt.set(attemptId, codes.add(code));
      } else if (batchId !== undefined && code === "delivery_uncertain") {
        doubtfulBatches.add(batchId);
      }
    }
    for (const batch of batches) {
      if (doubtfulBatches.has(batch.batchId)) this.#of("delivery_uncertain").addAll(batch.content?.totals ?? []);
    }
  }

  add({ attemptId, currency, amountMinor }: ReportAttempt): void {
    for (const code of this.#codesByAttempt.get(attemptId) ?? []) this.#of(code).add(currency, amountMinor);
  }

  /** The worst first: figures that cannot be trusted, then the findings, then what the next run does by itself. */
  items(currencies: readonly CurrencyReport[]): ToDo[] {
    return [...unbalanced(currencies), ...BREAK_CODES.flatMap((code) => this.#item(code)), ...unsent(currencies)];
  }

  #item(code: BreakCode): ToDo[] {
    const count = this.#findings.filter((found) => found.code === code).length;
    if (count === 0) return [];
    const totals = this.#of(code).toArray();
    return [{ code, what: WHAT[code], count, totals, nextAction: NEXT_ACTION[code] }];
  }

  #of(code: BreakCode): MoneyTotals {
    const known = this.#money.get(code) ?? new MoneyTotals();
    this.#money.set(code, known);
    return known;
  }
}

function unbalanced(currencies: readonly CurrencyReport[]): ToDo[] {
  const wrong = currencies.filter((entry) => !entry.balanced);
  if (wrong.length === 0) return [];
  return [
    {
      code: "unbalanced",
      what: "currencies whose parts do not add up to what was submitted",
      count: wrong.length,
      totals: wrong.map((entry) => entry.submitted),
      nextAction: "Book nothing from this report yet; compare the archived batches with the ledger.",
    },
  ];
}

function unsent(currencies: readonly CurrencyReport[]): ToDo[] {
  const totals = currencies.map((entry) => entry.unsent).filter((total) => total.count > 0);
  if (totals.length === 0) return [];
  return [
    {
      code: "unsent",
      what: "rebills that are taken but not sent yet",
      count: totals.reduce((sum, total) => sum + total.count, 0),
      totals,
      nextAction: "Run `rescue run` again before they are too old to send; it goes on where it stopped.",
    },
  ];
}
