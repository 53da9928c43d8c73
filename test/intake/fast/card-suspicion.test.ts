/** What the domain finds to be a card number must at least be suspected, wherever in a cell it begins. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { holdsCardNumber } from "../../../src/domain/card-number.ts";
import { classifyBytes } from "../../../src/intake/fast/byte-classes.ts";
import { mayHoldCardNumber, SHORTEST_CARD_NUMBER } from "../../../src/intake/fast/card-suspicion.ts";

const CLASSES = classifyBytes(undefined);

function isSuspected(text: string): boolean {
  const bytes = Buffer.from(text);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const mask = bytes.reduce((classes, byte) => classes | (CLASSES[byte] as number), 0);
  return bytes.length >= SHORTEST_CARD_NUMBER && mayHoldCardNumber(bytes, words, 0, bytes.length, mask);
}

/** A number of a known issuer, its last digit right. */
const digits = (count: number) =>
  fc.array(fc.nat(9), { minLength: count - 2, maxLength: count - 2 }).map((all) => {
    const doubled = (digit: number) => (digit * 2 > 9 ? digit * 2 - 9 : digit * 2);
    const sum = [4, ...all]
      .toReversed()
      .reduce((total, digit, at) => total + (at % 2 === 0 ? doubled(digit) : digit), 0);
    return [4, ...all, (10 - (sum % 10)) % 10].join("");
  });

const grouped = (separator: string, ...counts: number[]) =>
  digits(counts.reduce((sum, count) => sum + count, 0)).map((all) => {
    const ends = counts.map((_, at) => counts.slice(0, at + 1).reduce((sum, count) => sum + count, 0));
    return ends.map((end, at) => all.slice(end - (counts[at] ?? 0), end)).join(separator);
  });

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
const beside = fc.string({ unit: fc.constantFrom("a", " ", "-", ".", ":", "*", "7", "é", "\u00a0"), maxLength: 12 });

test("every text in which the domain finds a card number is suspected, wherever it stands", () => {
  let found = 0;
  fc.assert(
    fc.property(beside, number, beside, (before, card, after) => {
      const text = before + card + after;
      if (!holdsCardNumber(text)) return;
      found += 1;
      expect(isSuspected(text), text).toBe(true);
    }),
    { numRuns: 5000 },
  );
  expect(found).toBeGreaterThan(1000);
});

test("ids, addresses and telephone numbers of a night are not looked at twice", () => {
  for (const cell of [
    "txn_90da104068d795ff",
    "sub_4697966581234567",
    "2884 Placeholder Road",
    "+1 212 555 0100 ext",
    "2026-11-20 Main St",
  ]) {
    expect(isSuspected(cell), cell).toBe(false);
  }
});
