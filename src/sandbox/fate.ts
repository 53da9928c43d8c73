/** What becomes of an order, decided when it is accepted, from the seed and the order's own row. */
import { DAY_MS, type Instant, SECOND_MS } from "../domain/instant.ts";
import type { OutcomeStatus } from "../domain/outcome.ts";
import type { ReadOrder } from "./batch-reader.ts";
import { draw } from "./draw.ts";
import { rescueChance } from "./rescue-chances.ts";

export interface FateOptions {
  readonly seed: string;
  /** The share of an ordinary night that is rescued in the end, 0 to 1. */
  readonly shareRescued: number;
  /** Of all orders, as if the customer had cancelled while the provider tried. */
  readonly shareCancelled: number;
  /** Of the rescued. */
  readonly shareRefunded: number;
  /** `expired`: the end of the window is told; `silence`: SUBMITTED until then, and never a word again. */
  readonly atEnd: "expired" | "silence";
}

/** One word the provider will say; before the first the order is pending. */
export interface Word {
  readonly status: Exclude<OutcomeStatus, "pending">;
  readonly at: Instant;
  readonly amountMinor: number;
}

/** Each day of the window is this much less likely to bring the rescue than the day before. */
const DAILY_FADING = 0.88;
const REFUND_WITHIN_DAYS = 10;

/**
 * Words in the order they are said. `key` tells attempts of one order apart; nothing is dated before `takenAt`, when the
 * provider first heard of it. Only plus, minus, times and divide: the same on every machine.
 */
export function decideFate(order: ReadOrder, key: string, takenAt: Instant, options: FateOptions): Word[] {
  const chance = (question: string): number => draw(options.seed, key, question);
  const windowDays = Math.floor((order.expiresAt - order.declinedAt) / DAY_MS);
  const inWindow = (days: number): Instant =>
    Math.max(takenAt, wholeSecond(order.declinedAt + Math.min(days, windowDays) * DAY_MS - SECOND_MS));

  if (chance("is it cancelled?") < options.shareCancelled) {
    const at = inWindow(chance("cancelled when?") * windowDays);
    return [{ status: "cancelled", at, amountMinor: order.amountMinor }];
  }
  if (chance("is it rescued?") < rescueChance(order.responseCode, order.responseCodeSource, options.shareRescued)) {
    const day = pickDay(chance("rescued on which day?"), windowDays);
    const at = inWindow(day + chance("rescued at what time?"));
    const words: Word[] = [{ status: "rescued", at, amountMinor: order.amountMinor }];
    if (chance("is it refunded?") < options.shareRefunded) {
      words.push({
        status: "refunded",
        at: wholeSecond(at + (1 + chance("refunded when?") * REFUND_WITHIN_DAYS) * DAY_MS),
        // Every other refund is partial, because sums of partial refunds are where reconciliation goes wrong.
        amountMinor: chance("refunded whole?") < 0.5 ? order.amountMinor : Math.ceil(order.amountMinor / 2),
      });
    }
    return words;
  }
  return options.atEnd === "expired"
    ? [{ status: "unrescued", at: order.expiresAt, amountMinor: order.amountMinor }]
    : [];
}

/** A day from 0 to `days - 1`, early ones likelier. */
function pickDay(chance: number, days: number): number {
  let sum = 0;
  for (let day = 0, weight = 1; day < days; day += 1, weight *= DAILY_FADING) sum += weight;
  let passed = 0;
  for (let day = 0, weight = 1; day < days; day += 1, weight *= DAILY_FADING) {
    passed += weight;
    if (passed > chance * sum) return day;
  }
  return days - 1;
}

function wholeSecond(instant: Instant): Instant {
  return Math.floor(instant / SECOND_MS) * SECOND_MS;
}
