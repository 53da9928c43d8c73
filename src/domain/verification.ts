/** What `verify` may find wrong, and the one rule by which a fact of the ledger and its replay are compared. */
import type { Break } from "./break.ts";

export const DAMAGE_CODES = [
  /** an archived file is not there */
  "missing",
  /** it is shorter than it was when it was archived */
  "cut_short",
  /** its bytes are others than those that were archived */
  "altered",
  /** it is there, and the disk or its permissions do not let us read it */
  "unreadable",
  /** a batch file of which the ledger knows nothing: an older ledger was put in place */
  "unknown_batch",
  /** the database itself is damaged or gone */
  "ledger_damaged",
  /** the ledger says something else than the archive */
  "contradiction",
] as const;
export type DamageCode = (typeof DAMAGE_CODES)[number];

export interface Damage {
  readonly code: DamageCode;
  /** Relative to the merchant's data folder. */
  readonly path: string;
  readonly message: string;
}

/** A ruined archive may have as many damages as a year has rebills: all are counted, the first are kept. */
export class Damages {
  readonly #limit: number;
  readonly #listed: Damage[] = [];
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(code: DamageCode, path: string, message: string): void {
    this.#count += 1;
    if (this.#listed.length < this.#limit) this.#listed.push({ code, path, message });
  }

  get count(): number {
    return this.#count;
  }

  get listed(): readonly Damage[] {
    return this.#listed;
  }
}

/**
 * In which of these fields the two differ, in words. Values are compared by what they hold, so that two records of two
 * ledgers are the same when they say the same.
 */
export function describeDifferences<Fact extends object>(
  kept: Fact,
  replayed: Fact,
  fields: readonly (keyof Fact & string)[],
): string[] {
  return fields.flatMap((field) => {
    const [one, other] = [written(kept[field]), written(replayed[field])];
    return one === other ? [] : [`${field} is ${one} in the ledger, and ${other} by the archive`];
  });
}

/** Sums are bigint, and an absent field is the same as an undefined one. */
function written(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? item.toString() : item)) ?? "nothing";
}

/** Breaks that applying an archived result file makes again. */
export function isFromResultRow({ code, file, line }: Pick<Break, "code" | "file" | "line">): boolean {
  switch (code) {
    case "unknown_order":
    case "conflicting_outcome":
    case "amount_mismatch":
    case "currency_mismatch":
    case "late_outcome":
    case "unrecognised_status":
      return true;
    case "malformed_result":
      // Line 0: the whole file, found while it was collected.
      return line > 0;
    case "delivery_uncertain":
      return file !== "";
    default:
      return false;
  }
}

/** The same finding in both ledgers. */
export function keyOfBreak({ code, fingerprint }: Pick<Break, "code" | "fingerprint">): string {
  return `${code} ${fingerprint}`;
}
