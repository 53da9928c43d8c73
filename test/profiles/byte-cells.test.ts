import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWords, CellFinder } from "../../src/profiles/byte-cells.ts";
import { splitQuotedLine } from "../../src/profiles/result-records.ts";

const RUNS = { numRuns: 5_000 };

/** Between other bytes, as within a file. */
function cellsIn(line: string, delimiter: string): string[] | undefined {
  const bytes = Buffer.from(`x"${delimiter}${line}${delimiter}"x`);
  const start = 2 + Buffer.byteLength(delimiter);
  const cells = new CellFinder(delimiter);
  if (!cells.find(bytes, start, start + Buffer.byteLength(line))) return undefined;
  return Array.from({ length: cells.count }, (_, at) => bytes.toString("utf8", cells.from[at], cells.to[at]));
}

const noise = fc.string({ unit: fc.constantFrom('"', '"', ",", ",", ";", "a", " ", "é", "🎉"), maxLength: 14 });
const quoted = fc
  .array(fc.string({ unit: fc.constantFrom(",", ";", "a", "é"), maxLength: 4 }), { minLength: 1, maxLength: 5 })
  .map((cells) => cells.map((cell) => (/[,;]/.test(cell) ? `"${cell}"` : cell)).join(","));

test("cells that are found in the bytes of a line are those that its text is split into", () => {
  let found = 0;
  fc.assert(
    fc.property(fc.oneof(noise, quoted), fc.constantFrom(",", ";"), (line, delimiter) => {
      const cells = cellsIn(line, delimiter);
      if (cells === undefined) return;
      found += 1;
      expect(cells).toEqual(splitQuotedLine(line, delimiter));
    }),
    RUNS,
  );
  expect(found).toBeGreaterThan(2_000);
});

test("a line is found in its bytes if a program wrote it and doubled no quote", () => {
  expect(cellsIn('a,"b, c",,"",d', ",")).toEqual(["a", "b, c", "", "", "d"]);
  expect(cellsIn('"a",', ",")).toEqual(["a", ""]);
  expect(cellsIn("", ",")).toEqual([""]);
});

test.each(['a"b', '"a"b', '"a', '"a" ,b', 'a, "b"', '"""', '"a""b"', "a,".repeat(300)])(
  "is left to others: %s",
  (line) => {
    expect(cellsIn(line, ",")).toBeUndefined();
  },
);

test("a word is what its bytes say, whatever other words came before", () => {
  const words = new ByteWords();
  const word = fc.string({ unit: fc.constantFrom("a", "b", "é", "\u0000", "\ufeff"), maxLength: 17 });
  fc.assert(
    fc.property(word, (text) => {
      const bytes = Buffer.from(`-${text}-`);
      expect(words.of(bytes, 1, bytes.length - 1)).toBe(text);
    }),
    { numRuns: 20_000 },
  );
});
