/**
 * What the merchant's own biller must do with each order: hold (never retry: the provider may still charge the card),
 * release (theirs again), paid. One row an order, for its latest attempt, streamed: a biller reads all of them.
 */
import {
  type AttemptFacts,
  awaitedUntil,
  bucketOf,
  type Placement,
  type UnaccountedReason,
  type WindowRule,
} from "../domain/bucket.ts";
import { formatInstant, type Instant } from "../domain/instant.ts";
import { formatMajor } from "../domain/money.ts";
import { csvLines } from "./csv.ts";
import type { Pages } from "./findings.ts";
import { instantOrNull } from "./report-json.ts";

export const HOLD_LISTS = ["hold", "release", "paid"] as const;
export type HoldList = (typeof HOLD_LISTS)[number];

export interface HoldAttempt extends AttemptFacts {
  readonly attemptNumber: number;
  readonly orderId: string;
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface HoldRow {
  readonly list: HoldList;
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly orderId: string;
  readonly currency: string;
  readonly amountMinor: number;
  /**
   * From then on silence releases it by itself. Undefined: not on hold, or on hold until the provider or a person has a
   * word; no date would be safe to act on.
   */
  readonly holdUntil: Instant | undefined;
  /** Its bucket; of a rescued one `refunded` or `charged_back` where that came after. */
  readonly state: string;
  readonly reason: string;
}

export interface HoldsInput {
  /** Every attempt in the order of its id, in pages. */
  readonly attempts: Pages<HoldAttempt>;
  /** Orders with more than one attempt, and the number of the last; read before the attempts. */
  readonly sentAgain: ReadonlyMap<string, number>;
  readonly now: Instant;
  readonly window: WindowRule;
  /** Undefined: all three. */
  readonly list?: HoldList | undefined;
}

/** From a ledger, in the order in which they must be read. */
export async function holdsFacts(ledger: {
  holds(): Pages<HoldAttempt>;
  ordersSentAgain(): Promise<ReadonlyMap<string, number>>;
}): Promise<Pick<HoldsInput, "attempts" | "sentAgain">> {
  const sentAgain = await ledger.ordersSentAgain();
  return { attempts: ledger.holds(), sentAgain };
}

/** The heaviest first: what may still be charged is held, whatever another attempt of the order came to. */
const WEIGHT: Readonly<Record<HoldList, number>> = { hold: 2, paid: 1, release: 0 };

interface Order {
  readonly latestAttempt: number;
  /** Of its attempts before the latest. */
  earlier: HoldList;
}

export async function* listHolds(input: HoldsInput): AsyncGenerator<HoldRow[]> {
  // An earlier attempt always comes before a later one.
  const orders = new Map<string, Order>();
  for (const [orderId, latestAttempt] of input.sentAgain) orders.set(orderId, { latestAttempt, earlier: "release" });
  for await (const page of input.attempts) {
    const rows = page.flatMap((attempt) => {
      const placement = bucketOf(attempt, input.now, input.window);
      const order = orders.get(attempt.orderId);
      const isLatest = attempt.attemptNumber === (order?.latestAttempt ?? 1);
      if (!isLatest && order) order.earlier = heavier(order.earlier, listOf(placement));
      // Money of an earlier attempt has a line of its own, so that the paid lines add up to what the report calls rescued.
      const isPaidEarlier = order?.earlier === "paid" && listOf(placement) === "release";
      if (isLatest ? isPaidEarlier : listOf(placement) !== "paid") return [];
      return [rowOf(attempt, placement, isLatest ? (order?.earlier ?? "release") : "release", input.window)];
    });
    const wanted = rows.filter((row) => input.list === undefined || row.list === input.list);
    if (wanted.length > 0) yield wanted;
  }
}

function listOf({ bucket }: Placement): HoldList {
  if (bucket === "rescued") return "paid";
  return bucket === "unrescued" || bucket === "cancelled" || bucket === "released" ? "release" : "hold";
}

function heavier(one: HoldList, other: HoldList): HoldList {
  return WEIGHT[other] > WEIGHT[one] ? other : one;
}

function rowOf(attempt: HoldAttempt, placement: Placement, earlier: HoldList, window: WindowRule): HoldRow {
  const { orderId, subscriptionId, customerId, currency, amountMinor } = attempt;
  const { bucket } = placement;
  // An earlier attempt that is still open keeps the order on hold past any date of the latest one.
  const isHeldEarlier = earlier === "hold";
  const endsBySilence = bucket === "pending" && window.afterWindow === "presume_unrescued";
  return {
    list: isHeldEarlier ? "hold" : listOf(placement),
    subscriptionId,
    customerId,
    orderId,
    currency,
    amountMinor,
    holdUntil: endsBySilence && !isHeldEarlier ? awaitedUntil(attempt, window) : undefined,
    state: bucket === "rescued" ? placement.state : bucket,
    reason: isHeldEarlier ? "an earlier attempt of this order is still open" : reasonOf(placement),
  };
}

const UNACCOUNTED: Readonly<Record<UnaccountedReason, string>> = {
  delivery_unproven: "the delivery of its batch is not proven",
  mismatch_open: "the result does not match what was sent",
  overdue: "the window is over without a verdict",
};

function reasonOf({ bucket, state, presumed, reason }: Placement): string {
  if (reason !== undefined) return UNACCOUNTED[reason];
  switch (bucket) {
    case "pending":
      return "the provider is trying it";
    case "unsent":
      return "taken, and about to be sent";
    case "unrescued":
      return presumed ? "presumed: the window is over and nothing came" : "the provider could not collect it";
    case "cancelled":
      return "the provider does not try it any more";
    case "released":
      return "never sent: its batch was not delivered";
    default:
      return state === "rescued" ? "the provider collected it" : "the provider collected it; money went back since";
  }
}

const HEADER = [
  "merchant",
  "list",
  "subscription_id",
  "customer_id",
  "order_id",
  "currency",
  "amount",
  "hold_until",
  "state",
  "reason",
];

/** An order id is unique within its merchant only, so that stands in front. `header: false` for merchants after the first. */
export async function* holdsCsv(
  pages: Pages<HoldRow>,
  merchant: string,
  { header = true }: { readonly header?: boolean } = {},
): AsyncGenerator<string> {
  if (header) yield csvLines([HEADER]);
  for await (const page of pages) {
    yield csvLines(
      page.map((row) => [
        merchant,
        row.list,
        row.subscriptionId,
        row.customerId,
        row.orderId,
        row.currency,
        formatMajor(row.amountMinor, row.currency),
        row.holdUntil === undefined ? "" : formatInstant(row.holdUntil),
        row.state,
        row.reason,
      ]),
    );
  }
}

/**
 * One JSON document on one line, in pieces. `envelope` (`type: "holds"`, `schema`, …) comes first; `holds` is last, so
 * that it can be written while it is read.
 */
export async function* holdsJson(
  pages: Pages<HoldRow>,
  envelope: Readonly<Record<string, unknown>>,
  { now, list }: Pick<HoldsInput, "now" | "list">,
): AsyncGenerator<string> {
  const head = JSON.stringify({ ...envelope, as_of: formatInstant(now), list: list ?? null });
  yield `${head.slice(0, -1)},"holds":[`;
  let separator = "";
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield separator + page.map((row) => JSON.stringify(holdDocument(row))).join(",");
    separator = ",";
  }
  yield "]}\n";
}

function holdDocument(row: HoldRow) {
  return {
    list: row.list,
    subscription_id: row.subscriptionId,
    customer_id: row.customerId,
    order_id: row.orderId,
    currency: row.currency,
    amount_minor: row.amountMinor.toString(),
    hold_until: instantOrNull(row.holdUntil),
    state: row.state,
    reason: row.reason,
  };
}
