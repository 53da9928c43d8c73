/**
 * Bad manners of real providers, to be met before the real one shows them. Each hits only a few orders, the first ones
 * it can, so that the rest of a run stays right; which ones depends on nothing but the run.
 */
import { SECOND_MS } from "../domain/instant.ts";
import type { ResultRow } from "./result-file.ts";

export const MANNERS = [
  /** Every result file repeats all words since the beginning. */
  "cumulative",
  /** Every result file comes twice, under two names. */
  "repeat",
  /** Every result file speaks of an order that nobody sent. */
  "unknownOrder",
  /** Some orders are approved with one minor unit too many. */
  "wrongAmount",
  /** Some orders are approved, and unrescued in the next file. */
  "contradiction",
  /** Some orders are approved a day after their window; this money is real. */
  "late",
  /** Every result file lies there half written until the next step. */
  "unterminated",
  /** Every second result time goes by without a file; the next one makes up for it. */
  "silent",
] as const;
export type Manner = (typeof MANNERS)[number];

/** Each manner that picks orders picks this many. */
export const ORDERS_PER_MANNER = 3;
const UNKNOWN_ORDER_ID = "sandbox-never-sent-1";

export class Manners {
  readonly #chosen: ReadonlySet<Manner>;
  readonly #onHit: (manner: Manner, orderId: string) => void;
  /** Order id → the manner that hit it. */
  readonly #hits = new Map<string, Manner>();
  #contradictNext: ResultRow[] = [];

  constructor(chosen: Iterable<Manner>, onHit: (manner: Manner, orderId: string) => void) {
    this.#chosen = new Set(chosen);
    this.#onHit = onHit;
  }

  has(manner: Manner): boolean {
    return this.#chosen.has(manner);
  }

  /** True while the manner still wants orders, and for ever for those it got. An order is hit by one manner at most. */
  hits(manner: Manner, orderId: string): boolean {
    if (!this.has(manner)) return false;
    const hitBy = this.#hits.get(orderId);
    if (hitBy !== undefined) return hitBy === manner;
    if ([...this.#hits.values()].filter((other) => other === manner).length >= ORDERS_PER_MANNER) return false;
    this.#hits.set(orderId, manner);
    this.#onHit(manner, orderId);
    return true;
  }

  /** The rows of one result file as they will really be written. */
  spoil(rows: readonly ResultRow[]): ResultRow[] {
    const contradictions = this.#contradictNext;
    this.#contradictNext = rows
      .filter((row) => row.status === "rescued" && !this.#hits.has(row.orderId))
      .filter((row) => this.hits("contradiction", row.orderId))
      .map((row) => ({ ...row, status: "unrescued", processedAt: row.processedAt + SECOND_MS }));
    return [...rows.map((row) => this.#overcharge(row)), ...contradictions, ...this.#unknownOrder(rows)];
  }

  #overcharge(row: ResultRow): ResultRow {
    return row.status === "rescued" && this.hits("wrongAmount", row.orderId)
      ? { ...row, amountMinor: row.amountMinor + 1 }
      : row;
  }

  #unknownOrder([example]: readonly ResultRow[]): ResultRow[] {
    if (example === undefined || !this.hits("unknownOrder", UNKNOWN_ORDER_ID)) return [];
    const unknown = { orderId: UNKNOWN_ORDER_ID, sessionKey: UNKNOWN_ORDER_ID, amountMinor: 4242 };
    return [{ ...example, ...unknown, status: "rescued", responseCode: "00" }];
  }
}
