import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sortPairs } from "../../src/ledger/sqlite/sort-pairs.ts";

/** Of all sizes, and often twice. */
const hash = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.bigInt({ min: 0n, max: 2n ** 52n - 1n }).map(Number),
  fc.integer({ min: 0, max: 51 }).map((bit) => 2 ** bit),
);

test("pairs are sorted by their number, and those of one number stay in their order", () => {
  fc.assert(
    fc.property(fc.array(hash), (numbers) => {
      const pairs = numbers.map((number, at) => ({ number, attemptId: at + 1 }));
      const { hashes, attemptIds } = sortPairs({
        hashes: Float64Array.from(numbers),
        attemptIds: Float64Array.from(pairs, ({ attemptId }) => attemptId),
      });
      const sorted = pairs.toSorted((one, other) => one.number - other.number);
      expect([...hashes]).toEqual(sorted.map(({ number }) => number));
      expect([...attemptIds]).toEqual(sorted.map(({ attemptId }) => attemptId));
    }),
  );
});
