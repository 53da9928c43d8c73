import fc from "fast-check";
import { expect, test } from "vitest";
import { SeenIds } from "../../src/intake/duplicates.ts";

test("it agrees with two plain maps, whatever comes in which order", () => {
  const anyId = fc.oneof(fc.constantFrom("a", "b", "c", "d", "ab", "ba"), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(anyId, anyId), { maxLength: 60 }), (rows) => {
      const seen = new SeenIds();
      const orders = new Map<string, number>();
      const transactions = new Map<string, number>();
      for (const [at, [orderId, transactionId]] of rows.entries()) {
        const expected = { orderLine: orders.get(orderId), transactionLine: transactions.get(transactionId) };
        expect(seen.add(orderId, transactionId, at + 2)).toEqual(expected);
        if (expected.orderLine !== undefined || expected.transactionLine !== undefined) continue;
        orders.set(orderId, at + 2);
        transactions.set(transactionId, at + 2);
      }
    }),
  );
});

test("four hundred thousand rows of running numbers are all told apart, and all known again", () => {
  const seen = new SeenIds();
  const rows = 400_000;
  let confused = 0;
  for (let at = 0; at < rows; at++) {
    const { orderLine, transactionLine } = seen.add(`R-2026-${at}`, `${81_000_000_000 + at * 7}`, at + 2);
    if (orderLine !== undefined || transactionLine !== undefined) confused += 1;
  }
  expect(confused).toBe(0);
  for (let at = 0; at < rows; at += 997) {
    expect(seen.add(`R-2026-${at}`, "new", 1).orderLine).toBe(at + 2);
    expect(seen.add("new", `${81_000_000_000 + at * 7}`, 1).transactionLine).toBe(at + 2);
  }
});
