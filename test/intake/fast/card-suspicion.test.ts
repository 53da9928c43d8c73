/** What the domain finds to be a card number must at least be suspected, wherever in a cell it begins. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { classifyBytes } from "../../../src/intake/fast/byte-classes.ts";
import { mayHoldCardNumber, SHORTEST_CARD_NUMBER } from "../../../src/intake/fast/card-suspicion.ts";

const CLASSES = classifyBytes(undefined);

function isSuspected(text: string): boolean {
  const bytes = Buffer.from(text);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const mask = bytes.reduce((classes, byte) => classes | (CLASSES[byte] as number), 0);
  return bytes.length >= SHORTEST_CARD_NUMBER && mayHoldCardNumber(bytes, words, 0, bytes.length, mask);
}

const digits = (count: number) =>
  fc.array(fc.nat(9), { minLength: count, maxLength: count }).map((all) => all.join(""));
const grouped = (separator: string, ...counts: number[]) =>
  fc.tuple(...counts.map(digits)).map((all) => all.join(separator));

const number = fc.oneof(
  fc.integer({ min: 13, max: 19 }).chain(digits),
  fc.constantFrom(" ", "-", "\u00a0").chain((separator) =>
    fc.oneof(
      grouped(separator, 4, 6, 5),
      fc.integer({ min: 1, max: 7 }).chain((last) => grouped(separator, 4, 4, 4, last)),
    ),
  ),
);

/** Whatever stands beside it must not hide it, nor shift it out of sight. */
const beside = fc.string({ unit: fc.constantFrom("a", " ", "-", ".", "7", "é", "\u00a0"), maxLength: 20 });

test("whatever has the form of a card number is suspected, wherever it stands", () => {
  fc.assert(
    fc.property(beside, number, beside, (before, card, after) => {
      expect(isSuspected(before + card + after)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test("ids, addresses and telephone numbers of a night are not looked at twice", () => {
  for (const cell of ["txn_90da104068d795ff", "2884 Placeholder Road", "+1 212 555 0100 ext", "2026-11-20 Main St"]) {
    expect(isSuspected(cell), cell).toBe(false);
  }
});
