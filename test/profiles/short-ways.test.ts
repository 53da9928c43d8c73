/**
 * Result rows are read by short ways where a cell or a line is plain, and by the long way (csv-parse, the parsers of the
 * domain) where it is not. Whatever a short way accepts, the long way accepts with the same values.
 */
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitQuotedLine } from "../../src/profiles/result-records.ts";
import {
  isPlainKey,
  parseResultAmount,
  parseResultInstant,
  ShortWords,
  toShortWords,
} from "../../src/profiles/result-values.ts";

const RUNS = { numRuns: 5_000 };

function readByCsvParse(line: string, delimiter: string): string[] | "damaged" {
  try {
    const [cells = []] = parse(line, { delimiter, record_delimiter: ["\r\n", "\n"], relax_column_count: true });
    return cells as unknown as string[];
  } catch {
    return "damaged";
  }
}

describe("a line with quotes", () => {
  const noise = fc.string({
    unit: fc.constantFrom('"', '"', ",", ";", "a", " ", "\r", "ä", "\ufeff", "\u0000"),
    maxLength: 14,
  });
  const written = fc
    .array(fc.string({ unit: fc.constantFrom('"', ",", ";", "a", " ", "é"), maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    })
    .map((cells) => cells.map((cell) => (/[",;]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(","));
  const mutated = fc.tuple(written, fc.nat(), fc.constantFrom('"', ",", "", "a")).map(([line, at, put]) => {
    const place = at % (line.length + 1);
    return line.slice(0, place) + put + line.slice(place + 1);
  });

  test("that is split the short way has the same cells for csv-parse", () => {
    let decided = 0;
    fc.assert(
      fc.property(fc.oneof(noise, written, mutated), fc.constantFrom(",", ";"), (line, delimiter) => {
        const cells = line.includes('"') ? splitQuotedLine(line, delimiter) : undefined;
        if (cells === undefined) return;
        decided += 1;
        expect(cells).toEqual(readByCsvParse(line, delimiter));
      }),
      RUNS,
    );
    expect(decided).toBeGreaterThan(500);
  });

  test("goes the short way if a program wrote it", () => {
    expect(splitQuotedLine('a,"b, ""c""",,"",d', ",")).toEqual(["a", 'b, "c"', "", "", "d"]);
    expect(splitQuotedLine('"a",', ",")).toEqual(["a", ""]);
  });

  test.each(['a"b', '"a"b', '"a', '"a" ,b', 'a, "b"', '"""'])("is left to csv-parse: %s", (line) => {
    expect(splitQuotedLine(line, ",")).toBeUndefined();
  });
});

/** An outer space is cut off by the long way and refused by the short one. */
const theLongWay = (cell: string) => `${cell} `;

describe("a cell", () => {
  const digits = fc.string({ unit: fc.constantFrom("0", "1", "9", ".", "-", "+", "e", "٣"), maxLength: 14 });

  test("that is an amount means the same by both ways", () => {
    fc.assert(
      fc.property(
        digits,
        fc.constantFrom("USD", "JPY", "", "usd"),
        fc.constantFrom("minor", "major"),
        (cell, currency, unit) => {
          expect(parseResultAmount(cell, currency, unit)).toEqual(parseResultAmount(theLongWay(cell), currency, unit));
        },
      ),
      RUNS,
    );
    expect(parseResultAmount("000000001999", "USD", "minor")).toEqual({ minor: 1999 });
    expect(parseResultAmount("1000000000000", "USD", "minor")).toBeTypeOf("string");
  });

  test("that is an instant means the same by both ways", () => {
    const part = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, "0"));
    const near = fc
      .tuple(
        fc.integer({ min: 1995, max: 2030 }),
        part(13),
        part(32),
        part(25),
        part(61),
        part(61),
        fc.constantFrom("", ".000", ".250", ".9", ".x00", ",123"),
      )
      .map(
        ([year, month, day, hour, minute, second, fraction]) =>
          `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`,
      );
    const mutated = fc
      .tuple(near, fc.nat({ max: 23 }), fc.constantFrom(" ", "T", ":", "-", "0", "z", "٣", ""))
      .map(([cell, at, put]) => cell.slice(0, at) + put + cell.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(near, mutated), (cell) => {
        expect(parseResultInstant(cell)).toEqual(parseResultInstant(theLongWay(cell)));
      }),
      RUNS,
    );
    expect(parseResultInstant("2026-11-20T06:00:00.250Z")).toEqual({ instant: Date.UTC(2026, 10, 20, 6, 0, 0, 250) });
  });

  test("that is a key is plain, or not, whatever its letters", () => {
    const key = fc.string({
      unit: fc.constantFrom("a", "-", " ", "~", "\u007f", "\u0000", "é", "\u200b", "\ufffd", "\u2028"),
      maxLength: 131,
    });
    fc.assert(
      fc.property(key, (text) => {
        expect(isPlainKey(text)).toBe(text.length <= 128 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u.test(text));
      }),
      RUNS,
    );
  });

  test("with words for people is made short the same way each time, however many there are", () => {
    const words = new ShortWords(20);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 1_500; n++) {
        const cell = `message\t${n} of a card 4111111111111111`;
        expect(words.of(cell)).toBe(toShortWords(cell, 20));
      }
    }
  });
});
