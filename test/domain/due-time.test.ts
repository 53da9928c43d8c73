import fc from "fast-check";
import { expect, test } from "vitest";
import { dueInstant, dueInstants } from "../../src/domain/due-time.ts";
import { calendarDay, DAY_MS, formatInstant, HOUR_MS, parseInstant } from "../../src/domain/instant.ts";

const at = (text: string) => parseInstant(text) ?? Number.NaN;

test.each([
  ["2026-11-03", 15, 0, "UTC", "2026-11-03T15:00:00Z"],
  ["2026-07-03", 6, 0, "America/New_York", "2026-07-03T10:00:00Z"],
  ["2026-12-03", 6, 0, "America/New_York", "2026-12-03T11:00:00Z"],
  ["2026-07-03", 6, 30, "Asia/Kathmandu", "2026-07-03T00:45:00Z"],
  // The clocks go from 01:59 to 03:00: 02:30 is never shown.
  ["2026-03-08", 2, 30, "America/New_York", "2026-03-08T07:30:00Z"],
  // The clocks show 01:30 twice; the first is the one of summer.
  ["2026-11-01", 1, 30, "America/New_York", "2026-11-01T05:30:00Z"],
  // Lord Howe puts its clocks forward by half an hour.
  ["2026-10-04", 2, 15, "Australia/Lord_Howe", "2026-10-03T15:45:00Z"],
] as const)("on %s %i:%i %s is %s", (day, hour, minute, zone, expected) => {
  expect(formatInstant(dueInstant(day, { hour, minute, zone }))).toBe(expected);
});

test("a due time comes once on each local day, through both changes of the clocks", () => {
  const due = { hour: 2, minute: 30, zone: "America/New_York" };
  const year = [...dueInstants(due, at("2026-01-01T07:30:00Z"), at("2027-01-01T07:30:00Z"))];
  expect(year).toHaveLength(365);
  expect(new Set(year.map((each) => each.day)).size).toBe(365);
  const gaps = year.slice(1).map((each, index) => (each.at - (year[index]?.at ?? 0)) / HOUR_MS);
  expect(gaps.filter((gap) => gap !== 24)).toEqual([23, 25]);
});

test("the first bound is left out, the second is in", () => {
  const due = { hour: 15, minute: 0, zone: "UTC" };
  const days = [...dueInstants(due, at("2026-11-03T15:00:00Z"), at("2026-11-05T15:00:00Z"))].map((each) => each.day);
  expect(days).toEqual(["2026-11-04", "2026-11-05"]);
});

test("whatever the zone and the time, the instant lies on its local day", () => {
  const zones = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"];
  fc.assert(
    fc.property(
      fc.integer({ min: at("2024-01-01T00:00:00Z") / DAY_MS, max: at("2030-01-01T00:00:00Z") / DAY_MS }),
      fc.record({ hour: fc.nat(23), minute: fc.nat(59), zone: fc.constantFrom(...zones) }),
      (dayNumber, due) => {
        const day = formatInstant(dayNumber * DAY_MS).slice(0, 10);
        expect(calendarDay(dueInstant(day, due), due.zone)).toBe(day);
      },
    ),
  );
});
