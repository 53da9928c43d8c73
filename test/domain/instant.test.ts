import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  calendarDay,
  calendarDaysBetween,
  DAY_MS,
  formatCompactUtc,
  formatDuration,
  formatInstant,
  parseDuration,
  parseInstant,
} from "../../src/domain/instant.ts";

const anyInstant = fc
  .date({ min: new Date("0001-01-02T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true })
  .map((date) => date.getTime());

describe("instants", () => {
  test("what is written is read back as the same instant, for every instant", () => {
    fc.assert(fc.property(anyInstant, (instant) => parseInstant(formatInstant(instant)) === instant));
  });

  test.each([
    ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"],
    ["2026-11-20T10:00Z", "2026-11-20T10:00:00Z"],
    ["2026-11-20T10:00:00.5Z", "2026-11-20T10:00:00.500Z"],
    ["2026-11-20T10:00:00,25Z", "2026-11-20T10:00:00.250Z"],
    ["2026-11-20T10:00:00.123999Z", "2026-11-20T10:00:00.123Z"],
    ["2026-11-20T10:00:00-05:00", "2026-11-20T15:00:00Z"],
    ["2026-11-20T10:00:00+0530", "2026-11-20T04:30:00Z"],
    ["2026-11-20T10:00:00+02", "2026-11-20T08:00:00Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
    ["0050-01-01T00:00:00Z", "0050-01-01T00:00:00Z"],
  ])("%s is %s", (text, expected) => {
    expect(formatInstant(parseInstant(text) ?? Number.NaN)).toBe(expected);
  });

  test.each([
    "",
    "2026-11-20",
    "2026-11-20T10:00:00",
    "2026-11-20 10:00:00Z",
    " 2026-11-20T10:00:00Z",
    "2026-11-20T10:00:00Z\n",
    "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-00-10T10:00:00Z",
    "2026-11-31T10:00:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T10:60:00Z",
    "2026-11-20T10:00:60Z",
    "2026-11-20T10:00:00+24:00",
    "2026-11-20T10:00:00+05:60",
    "2026-11-20T10:00:00 EST",
    "11/20/2026 10:00",
    "1763632800",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+12:00",
  ])("%j is no instant", (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  test("file names carry UTC digits only", () => {
    expect(formatCompactUtc(Date.parse("2026-11-20T23:05:09.999Z"))).toBe("20261120230509");
  });
});

describe("calendar days", () => {
  const day = (text: string, zone = "America/New_York") => calendarDay(Date.parse(text), zone);

  test("the day changes at the merchant's midnight, not at UTC's", () => {
    expect(day("2026-11-21T04:59:59Z")).toBe("2026-11-20");
    expect(day("2026-11-21T05:00:00Z")).toBe("2026-11-21");
    expect(day("2026-11-21T04:59:59Z", "UTC")).toBe("2026-11-21");
  });

  test("days of 23 and of 25 hours count as one day", () => {
    const spring = [day("2026-03-08T05:00:00Z"), day("2026-03-09T04:00:00Z")] as const;
    expect(spring).toEqual(["2026-03-08", "2026-03-09"]);
    const autumn = [day("2026-11-01T04:00:00Z"), day("2026-11-02T05:00:00Z")] as const;
    expect(autumn).toEqual(["2026-11-01", "2026-11-02"]);
    expect(day("2026-11-02T04:59:59Z")).toBe("2026-11-01");
    for (const [from, to] of [spring, autumn]) expect(calendarDaysBetween(from, to)).toBe(1);
  });

  test("an instant of any year has a day that can be counted from, so that nothing ancient passes for fresh", () => {
    fc.assert(
      fc.property(anyInstant, (instant) => {
        const days = calendarDaysBetween(calendarDay(instant, "America/New_York"), "2026-11-21");
        const exact = (Date.parse("2026-11-21T00:00:00Z") - instant) / DAY_MS;
        return Math.abs(days - exact) < 2;
      }),
    );
  });

  test("a day before is one, a day after is minus one", () => {
    expect(calendarDaysBetween("2026-12-31", "2027-01-01")).toBe(1);
    expect(calendarDaysBetween("2027-01-01", "2026-12-31")).toBe(-1);
    expect(calendarDaysBetween("2024-02-28", "2024-03-01")).toBe(2);
  });

  test("an unknown zone is an error", () => {
    expect(() => calendarDay(0, "Mars/Olympus")).toThrow(RangeError);
  });
});

describe("durations", () => {
  test.each([
    ["500ms", 500],
    ["20s", 20_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["21d", 21 * DAY_MS],
    ["0s", 0],
  ])("%s is %d ms", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(["", "5", "5 m", "-5m", "1.5h", "5w", "5M", "1e3s"])("%j is no duration", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test("what is written is read back, and in the largest unit", () => {
    expect([14 * DAY_MS, 90_000, 1_001, 0].map(formatDuration)).toEqual(["14d", "90s", "1001ms", "0ms"]);
    fc.assert(fc.property(fc.nat(999_999_999), (duration) => parseDuration(formatDuration(duration)) === duration));
  });
});
