/**
 * Instants and durations. An instant is a number: milliseconds since 1970-01-01T00:00:00Z. Zones appear only where
 * a person's calendar day matters (freshness), and then the zone is an argument.
 */

/** Milliseconds since the epoch, UTC. */
export type Instant = number;

/** Milliseconds. */
export type DurationMs = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
/** A rescue window counts days of 24 hours; calendar days (freshness) are counted with `calendarDaysBetween`. */
export const DAY_MS = 24 * HOUR_MS;

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)$/;

/** Outside these the year has not four digits, in UTC or in some zone; what `formatInstant` writes could not be read again. */
const EARLIEST = Date.parse("0001-01-02T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * An ISO 8601 instant with `Z` or an offset; digits past the millisecond are cut. Anything else is undefined, and so is
 * what falls outside the years 1 to 9999.
 */
export function parseInstant(text: string): Instant | undefined {
  const match = INSTANT.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second = "00", fraction = "", zone = ""] = match;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (mo < 1 || mo > 12 || d < 1 || d > daysInMonth(y, mo) || h > 23 || mi > 59 || s > 59) return undefined;
  const offset = parseOffsetMinutes(zone);
  if (offset === undefined) return undefined;
  const millis = Number(fraction.padEnd(3, "0").slice(0, 3));
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi, s, millis);
  const instant = date.getTime() - offset * MINUTE_MS;
  return instant >= EARLIEST && instant <= LATEST ? instant : undefined;
}

function parseOffsetMinutes(zone: string): number | undefined {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = zone.length > 3 ? Number(zone.slice(-2)) : 0;
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** `yyyy-MM-ddTHH:mm:ssZ`, with `.SSS` only where the milliseconds are not zero. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** UTC digits for file names: `yyyyMMddHHmmss`. */
export function formatCompactUtc(instant: Instant): string {
  return new Date(instant).toISOString().replace(/[-:T]/g, "").slice(0, 14);
}

const dayFormats = new Map<string, Intl.DateTimeFormat>();

/** The calendar day of an instant in an IANA zone, as `yyyy-MM-dd`. Throws a RangeError for an unknown zone. */
export function calendarDay(instant: Instant, timeZone: string): string {
  // The first format of a process costs as much as half a start of node.
  if (timeZone === "UTC" && instant >= 0) return new Date(instant).toISOString().slice(0, 10);
  let format = dayFormats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    dayFormats.set(timeZone, format);
  }
  // The format pads months and days, but not years before 1000.
  return format.format(instant).padStart(10, "0");
}

/** Whole calendar days from one `yyyy-MM-dd` day to a later one (negative when it is earlier). */
export function calendarDaysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS);
}

const UNITS_MS: Record<string, number> = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** `500ms`, `20s`, `5m`, `2h`, `21d` → milliseconds; anything else is undefined. */
export function parseDuration(text: string): DurationMs | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * (UNITS_MS[match[2] ?? ""] ?? Number.NaN);
}

/** The largest unit that divides it: 1209600000 → `14d`, 90000 → `90s`. */
export function formatDuration(duration: DurationMs): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const size = UNITS_MS[unit] ?? 1;
    if (duration >= size && duration % size === 0) return `${duration / size}${unit}`;
  }
  return `${duration}ms`;
}
