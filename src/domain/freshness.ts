/** May a rebill still be sent? Asked when its row is read, and again before its batch is uploaded. */
import { calendarDay, calendarDaysBetween, type Instant } from "./instant.ts";
import type { Policy } from "./policy.ts";

/** Age in whole calendar days of the merchant's zone: a decline of yesterday is 1, however few hours ago it was. */
export function declineAgeDays(declinedAt: Instant, now: Instant, timezone: string): number {
  return calendarDaysBetween(calendarDay(declinedAt, timezone), calendarDay(now, timezone));
}

/** Too old for the provider, or its window is over: it must not be sent any more. */
export function isTooLate(
  rebill: { readonly declinedAt: Instant; readonly expiresAt: Instant },
  now: Instant,
  policy: Pick<Policy, "timezone">,
  maxAgeDays: number,
): boolean {
  return rebill.expiresAt <= now || declineAgeDays(rebill.declinedAt, now, policy.timezone) > maxAgeDays;
}
