/** Instants, read from and written to bytes. Only the years 1970 to 9998: the others are for the truth to judge. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../domain/instant.ts";
import { BYTE, isDigit } from "./bytes.ts";

/** Where `yyyy-MM-ddTHH:mm:ss` ends. */
const SECONDS_END = 19;

/** Dates of somebody else's choosing must not fill the memory. */
const MOST_DAYS = 4096;

/** Keeps the days it met: the declines of a night fall on one or two. */
export class InstantReader {
  readonly #days = new Map<number, number>();

  /** What parseInstant says of the same characters, or -1: look closer. */
  read(bytes: Buffer, start: number, end: number): number {
    if (end - start < SECONDS_END + 1) return -1;
    const date = digits(bytes, start, 4) * 10_000 + digits(bytes, start + 5, 2) * 100 + digits(bytes, start + 8, 2);
    const hour = digits(bytes, start + 11, 2);
    const minute = digits(bytes, start + 14, 2);
    const second = digits(bytes, start + 17, 2);
    const separators =
      bytes[start + 4] === BYTE.dash &&
      bytes[start + 7] === BYTE.dash &&
      bytes[start + 10] === BYTE.upperT &&
      bytes[start + 13] === BYTE.colon &&
      bytes[start + 16] === BYTE.colon;
    // Not a number where there was no digit: every comparison is false then.
    if (!(separators && hour <= 23 && minute <= 59 && second <= 59)) return -1;
    const dayMs = this.#readDay(date);
    if (!(dayMs >= 0)) return -1;
    let at = start + SECONDS_END;
    let millis = 0;
    if (bytes[at] === BYTE.dot) {
      const from = at + 1;
      at = from;
      while (at < end && isDigit(bytes[at] as number)) at += 1;
      if (at === from || at - from > 9) return -1;
      for (let place = 0; place < 3; place++) {
        millis = millis * 10 + (from + place < at ? (bytes[from + place] as number) - BYTE.zero : 0);
      }
    }
    const offset = readOffset(bytes, at, end);
    return dayMs + hour * HOUR_MS + (minute - offset) * MINUTE_MS + second * SECOND_MS + millis;
  }

  /** `yyyyMMdd`. */
  #readDay(date: number): number {
    const known = this.#days.get(date);
    if (known !== undefined) return known;
    const dayMs = readDate(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100);
    if (this.#days.size < MOST_DAYS) this.#days.set(date, dayMs);
    return dayMs;
  }
}

function readDate(year: number, month: number, day: number): number {
  if (!(year >= 1970 && year <= 9998 && month >= 1 && month <= 12 && day >= 1)) return -1;
  const dayMs = Date.UTC(year, month - 1, day);
  // 31 June would be 1 July.
  return new Date(dayMs).getUTCDate() === day ? dayMs : -1;
}

/** Minutes east of UTC: `Z`, `+hh`, `+hhmm`, `+hh:mm`. Not a number: none of these. */
function readOffset(bytes: Buffer, at: number, end: number): number {
  const sign = bytes[at];
  const length = end - at;
  if (sign === BYTE.upperZ) return length === 1 ? 0 : Number.NaN;
  if (sign !== BYTE.plus && sign !== BYTE.dash) return Number.NaN;
  const hasColon = length === 6 && bytes[at + 3] === BYTE.colon;
  if (length !== 3 && length !== 5 && !hasColon) return Number.NaN;
  const hours = digits(bytes, at + 1, 2);
  const minutes = length === 3 ? 0 : digits(bytes, end - 2, 2);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (sign === BYTE.dash ? -1 : 1) * (hours * 60 + minutes);
}

/** Two or four of them; not a number if one is none. */
function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let place = at; place < at + count; place++) {
    const byte = bytes[place] as number;
    if (!isDigit(byte)) return Number.NaN;
    value = value * 10 + byte - BYTE.zero;
  }
  return value;
}
