/** Times of day at which something is due, every day, in a zone: 06:00 in New York is another instant in summer. */
import { calendarDay, DAY_MS, type Instant } from "./instant.ts";

export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

export interface DueTime extends TimeOfDay {
  /** `UTC` or an IANA zone. */
  readonly zone: string;
}

export function formatTimeOfDay({ hour, minute }: TimeOfDay): string {
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/**
 * When the clocks in that zone show this time on this `yyyy-MM-dd`. A time that the clocks skip counts as much later as
 * they were put forward; of a time that they show twice, the first counts.
 */
export function dueInstant(day: string, due: DueTime): Instant {
  const asIfUtc = Date.parse(`${day}T${formatTimeOfDay(due)}:00Z`);
  const offsetBefore = zoneOffset(asIfUtc - DAY_MS, due.zone);
  const offsetAfter = zoneOffset(asIfUtc + DAY_MS, due.zone);
  const first = asIfUtc - offsetBefore;
  const second = asIfUtc - offsetAfter;
  if (zoneOffset(first, due.zone) === offsetBefore) return first;
  return zoneOffset(second, due.zone) === offsetAfter ? second : first;
}

/** Every instant in (after, until] at which it was due, with its local day, in order. */
export function* dueInstants(
  due: DueTime,
  after: Instant,
  until: Instant,
): Generator<{ readonly day: string; readonly at: Instant }> {
  for (let day = calendarDay(after, due.zone); ; day = nextDay(day)) {
    const at = dueInstant(day, due);
    if (at > until) return;
    if (at > after) yield { day, at };
  }
}

function nextDay(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

const clockFormats = new Map<string, Intl.DateTimeFormat>();

/** How far the clocks of the zone are ahead of UTC at that instant, in milliseconds. */
function zoneOffset(instant: Instant, timeZone: string): number {
  let format = clockFormats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
    clockFormats.set(timeZone, format);
  }
  // Swedish writes ISO: 2026-11-03 06:00:00.
  const shown = Date.parse(`${format.format(instant).replace(" ", "T")}Z`);
  return shown - Math.floor(instant / 1000) * 1000;
}
