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
    const century = pair(bytes, start);
    const year = pair(bytes, start + 2);
    const month = pair(bytes, start + 5);
    const day = pair(bytes, start + 8);
    const hour = pair(bytes, start + 11);
    const minute = pair(bytes, start + 14);
    const second = pair(bytes, start + 17);
    const separators =
      bytes[start + 4] === BYTE.dash &&
      bytes[start + 7] === BYTE.dash &&
      bytes[start + 10] === BYTE.upperT &&
      bytes[start + 13] === BYTE.colon &&
      bytes[start + 16] === BYTE.colon;
    // Negative as soon as one of them is.
    const all = century | year | month | day | hour | minute | second;
    if (!separators || all < 0 || hour > 23 || minute > 59 || second > 59) return -1;
    const date = (century * 100 + year) * 10_000 + month * 100 + day;
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
    const offset = bytes[at] === BYTE.upperZ && at + 1 === end ? 0 : readOffset(bytes, at, end);
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

/** Minutes east of UTC: `+hh`, `+hhmm`, `+hh:mm`. Not a number: none of these. */
function readOffset(bytes: Buffer, at: number, end: number): number {
  const sign = bytes[at];
  const length = end - at;
  if (sign !== BYTE.plus && sign !== BYTE.dash) return Number.NaN;
  const hasColon = length === 6 && bytes[at + 3] === BYTE.colon;
  if (length !== 3 && length !== 5 && !hasColon) return Number.NaN;
  const hours = pair(bytes, at + 1);
  const minutes = length === 3 ? 0 : pair(bytes, end - 2);
  if ((hours | minutes) < 0 || hours > 23 || minutes > 59) return Number.NaN;
  return (sign === BYTE.dash ? -1 : 1) * (hours * 60 + minutes);
}

/** Two digits; -1: they are none. */
function pair(bytes: Buffer, at: number): number {
  const tens = (bytes[at] as number) - BYTE.zero;
  const ones = (bytes[at + 1] as number) - BYTE.zero;
  return tens >>> 0 <= 9 && ones >>> 0 <= 9 ? tens * 10 + ones : -1;
}
