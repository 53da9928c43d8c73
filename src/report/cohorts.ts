/** Submitted rebills grouped by something (a night, a decline code): how many of them were rescued. Sums only. */
import type { SubmittedBucket } from "../domain/bucket.ts";
import { calendarDay, type Instant, MINUTE_MS } from "../domain/instant.ts";
import { type Money, MoneyTally, type MoneyTotal } from "../domain/money.ts";

export interface Night {
  /** The merchant's calendar day of the decline, `yyyy-MM-dd`. */
  readonly declinedOn: string;
}

export interface DeclineCode {
  readonly declineCode: string;
  readonly declineCodeSource: string;
}

export type CohortReport<Name> = Name & {
  readonly currency: string;
  readonly submitted: MoneyTotal;
  readonly rescued: MoneyTotal;
  readonly pending: MoneyTotal;
};

interface Cohort<Name> {
  readonly name: Name;
  readonly byCurrency: Map<string, Tallies>;
}

class Tallies {
  readonly submitted = new MoneyTally();
  readonly rescued = new MoneyTally();
  readonly pending = new MoneyTally();
}

/** An export full of made-up decline codes must not fill the memory: what comes after so many goes under `other`. */
const MOST_COHORTS = 2_000;
/** No night or code has this key. */
const OTHER = ["other", "\n"] as const;

export class Cohorts<Name extends object> {
  /** By the two parts of its key: to put them together, a million times, costs as much as the sums. */
  readonly #byKey = new Map<string, Map<string, Cohort<Name>>>();
  readonly #other: Name;
  #count = 0;

  constructor(other: Name) {
    this.#other = other;
  }

  /** By its key a cohort is found and ordered. */
  add(
    [first, second]: readonly [string, string],
    name: Name,
    { currency, amountMinor }: Money,
    bucket: SubmittedBucket,
  ): void {
    const { byCurrency } = this.#byKey.get(first)?.get(second) ?? this.#begin(first, second, name);
    let tallies = byCurrency.get(currency);
    if (!tallies) {
      tallies = new Tallies();
      byCurrency.set(currency, tallies);
    }
    tallies.submitted.add(amountMinor);
    if (bucket === "rescued") tallies.rescued.add(amountMinor);
    if (bucket === "pending") tallies.pending.add(amountMinor);
  }

  /** One entry for each name and currency, in the order of the names. */
  list(): CohortReport<Name>[] {
    const cohorts = valuesInOrder(this.#byKey).flatMap(valuesInOrder);
    return cohorts.flatMap(({ name, byCurrency }) =>
      [...byCurrency]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, { submitted, rescued, pending }]) => ({
          ...name,
          currency,
          submitted: submitted.totalIn(currency),
          rescued: rescued.totalIn(currency),
          pending: pending.totalIn(currency),
        })),
    );
  }

  #begin(first: string, second: string, name: Name): Cohort<Name> {
    const isOneTooMany = this.#count >= MOST_COHORTS;
    const [keptFirst, keptSecond] = isOneTooMany ? OTHER : [first, second];
    const bySecond = this.#byKey.get(keptFirst) ?? new Map<string, Cohort<Name>>();
    this.#byKey.set(keptFirst, bySecond);
    const known = bySecond.get(keptSecond);
    if (known) return known;
    const cohort = { name: isOneTooMany ? this.#other : name, byCurrency: new Map() };
    bySecond.set(keptSecond, cohort);
    this.#count += 1;
    return cohort;
  }
}

function valuesInOrder<Value>(map: ReadonlyMap<string, Value>): Value[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** Formatting a day costs more than the rest of the fold, and the quarter hours of a year are few. */
const QUARTER_MS = 15 * MINUTE_MS;

export class DayOf {
  readonly #timezone: string;
  readonly #byQuarter = new Map<number, string>();

  constructor(timezone: string) {
    this.#timezone = timezone;
  }

  /** No zone of today changes its day within a quarter of an hour. */
  of(instant: Instant): string {
    const quarter = Math.floor(instant / QUARTER_MS);
    let day = this.#byQuarter.get(quarter);
    if (day === undefined) {
      day = calendarDay(quarter * QUARTER_MS, this.#timezone);
      this.#byQuarter.set(quarter, day);
    }
    return day;
  }
}
