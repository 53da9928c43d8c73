/** The orders a provider has accepted, what it will say about each, and what it has said. */
import { DAY_MS, type DurationMs, type Instant } from "../domain/instant.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { ReadOrder } from "./batch-reader.ts";
import { drawUuid } from "./draw.ts";
import { decideFate, type FateOptions, type Word } from "./fate.ts";
import type { Manners } from "./manners.ts";
import type { ResultRow } from "./result-file.ts";

interface Order extends ReadOrder {
  /** 1, or more after earlier sendings that ended unrescued. */
  readonly attempt: number;
  readonly sessionKey: string;
  /** How far the provider's clock ran ahead of the merchant's when the order came; its times are the merchant's. */
  readonly shiftMs: DurationMs;
  words: readonly Word[];
  /** So many of the words have been told. */
  told: number;
}

/** Counts and money per currency. */
export interface ProviderTotals {
  /** Of accepted rows; the sum of the next four. */
  readonly submitted: readonly MoneyTotal[];
  /** Collected at some time, refunded later or not. */
  readonly rescued: readonly MoneyTotal[];
  readonly pending: readonly MoneyTotal[];
  /** Expired, or past its window without a word. */
  readonly unrescued: readonly MoneyTotal[];
  readonly cancelled: readonly MoneyTotal[];
  /** Of the rescued; the refunds' own amounts. */
  readonly refunded: readonly MoneyTotal[];
}

export class OrderBook {
  readonly #fates: FateOptions;
  readonly #manners: Manners;
  readonly #orders: Order[] = [];
  /** The last sending of each order and of each transaction. */
  readonly #latest = new Map<string, Order>();

  constructor(fates: FateOptions, manners: Manners) {
    this.#fates = fates;
    this.#manners = manners;
  }

  get isEmpty(): boolean {
    return this.#orders.length === 0;
  }

  /** Why an order may not be taken again; undefined: it may. */
  findDuplicate(order: ReadOrder, at: Instant): string | undefined {
    for (const [what, id] of [
      ["order", order.orderId],
      ["transaction", order.transactionId],
    ] as const) {
      const earlier = this.#latest.get(`${what} ${id}`);
      if (!earlier) continue;
      const ownTime = at - earlier.shiftMs;
      const state = stateOf(earlier, knownWords(earlier, ownTime), ownTime);
      if (state === "pending") return `this ${what} is still in its window`;
      if (state === "rescued") return `this ${what} has been rescued already`;
    }
    return undefined;
  }

  accept(order: ReadOrder, at: Instant, shiftMs: DurationMs): void {
    const attempt = (this.#latest.get(`order ${order.orderId}`)?.attempt ?? 0) + 1;
    const key = attempt === 1 ? order.orderId : `${order.orderId} ${attempt}`;
    const accepted: Order = {
      ...order,
      attempt,
      sessionKey: drawUuid(this.#fates.seed, key, "session key"),
      shiftMs,
      words: decideFate(order, key, at - shiftMs, this.#fates),
      told: 0,
    };
    this.#orders.push(accepted);
    this.#latest.set(`order ${order.orderId}`, accepted);
    this.#latest.set(`transaction ${order.transactionId}`, accepted);
  }

  /** What there is to say at a result time, marked as told. By order id, so that the order of arrival does not show. */
  tell(at: Instant): ResultRow[] {
    const rows: ResultRow[] = [];
    const sorted = this.#orders.toSorted((a, b) => (a.orderId < b.orderId ? -1 : a.orderId > b.orderId ? 1 : 0));
    for (const order of sorted) {
      const ownTime = at - order.shiftMs;
      this.#rescueLate(order, ownTime);
      const known = knownWords(order, ownTime);
      for (const word of this.#manners.has("cumulative") ? known : known.slice(order.told)) {
        rows.push(toRow(order, word.status, word.amountMinor, word.at));
      }
      if (known.length === 0 && ownTime < order.expiresAt)
        rows.push(toRow(order, "pending", order.amountMinor, ownTime));
      order.told = known.length;
    }
    return rows;
  }

  /** By the words told so far; `at` is when the last of them were told. */
  totals(at: Instant): ProviderTotals {
    const parts = {
      submitted: MoneyTotals.of(this.#orders),
      rescued: new MoneyTotals(),
      pending: new MoneyTotals(),
      unrescued: new MoneyTotals(),
      cancelled: new MoneyTotals(),
      refunded: new MoneyTotals(),
    };
    for (const order of this.#orders) {
      const told = order.words.slice(0, order.told);
      parts[stateOf(order, told, at - order.shiftMs)].add(order.currency, order.amountMinor);
      const refund = told.find((word) => word.status === "refunded");
      if (refund) parts.refunded.add(order.currency, refund.amountMinor);
    }
    return {
      submitted: parts.submitted.toArray(),
      rescued: parts.rescued.toArray(),
      pending: parts.pending.toArray(),
      unrescued: parts.unrescued.toArray(),
      cancelled: parts.cancelled.toArray(),
      refunded: parts.refunded.toArray(),
    };
  }

  /** The manner `late`: at the end of the window not a word, a day later the money. */
  #rescueLate(order: Order, ownTime: Instant): void {
    const endsUnrescued = order.words.length === 0 || order.words[0]?.status === "unrescued";
    if (!endsUnrescued || order.told > 0 || ownTime < order.expiresAt) return;
    if (!this.#manners.hits("late", order.orderId)) return;
    order.words = [{ status: "rescued", at: order.expiresAt + DAY_MS, amountMinor: order.amountMinor }];
  }
}

function knownWords(order: Order, ownTime: Instant): readonly Word[] {
  return order.words.filter((word) => word.at <= ownTime);
}

/** The words said by now decide; refunds come after a rescue, so the first does. */
function stateOf(
  order: Order,
  known: readonly Word[],
  ownTime: Instant,
): "pending" | "rescued" | "unrescued" | "cancelled" {
  const [word] = known;
  if (word) return word.status === "cancelled" || word.status === "unrescued" ? word.status : "rescued";
  // Silence past the end means unrescued, unless a word is still to come (the manner `late`).
  return ownTime < order.expiresAt || order.words.length > 0 ? "pending" : "unrescued";
}

function toRow(order: Order, status: ResultRow["status"], amountMinor: number, processedAt: Instant): ResultRow {
  const { orderId, sessionKey, currency } = order;
  const responseCode = status === "rescued" || status === "refunded" ? "00" : order.responseCode;
  return { orderId, sessionKey, status, amountMinor, currency, processedAt, responseCode };
}
