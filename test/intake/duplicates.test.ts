import fc from "fast-check";
import { expect, test } from "vitest";
import { SeenIds } from "../../src/intake/duplicates.ts";
import { fingerprintBytes, fingerprintText } from "../../src/intake/fingerprint.ts";

/** Lines of the rows that had the ids first; 0: none. */
function add(
  seen: SeenIds,
  orderId: string,
  transactionId: string,
  line: number,
): [order: number, transaction: number] {
  const { high, low } = fingerprintText(orderId);
  const transaction = fingerprintText(transactionId);
  return seen.add(high, low, transaction.high, transaction.low, line) ? [0, 0] : [seen.orderLine, seen.transactionLine];
}

test("it agrees with two plain maps, whatever comes in which order, however many rows were expected", () => {
  const anyId = fc.oneof(fc.constantFrom("a", "b", "c", "d", "ab", "ba"), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(anyId, anyId), { maxLength: 60 }), fc.nat(100), (rows, expected) => {
      const seen = new SeenIds();
      const orders = new Map<string, number>();
      const transactions = new Map<string, number>();
      for (const [at, [orderId, transactionId]] of rows.entries()) {
        if (at === 7) seen.expect(expected);
        const lines = [orders.get(orderId) ?? 0, transactions.get(transactionId) ?? 0];
        expect(add(seen, orderId, transactionId, at + 2)).toEqual(lines);
        if (lines[0] !== 0 || lines[1] !== 0) continue;
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
    const [orderLine, transactionLine] = add(seen, `R-2026-${at}`, `${81_000_000_000 + at * 7}`, at + 2);
    if (orderLine !== 0 || transactionLine !== 0) confused += 1;
  }
  expect(confused).toBe(0);
  for (let at = 0; at < rows; at += 997) {
    expect(add(seen, `R-2026-${at}`, "new", 1)[0]).toBe(at + 2);
    expect(add(seen, "new", `${81_000_000_000 + at * 7}`, 1)[1]).toBe(at + 2);
  }
});

test("an id has the same fingerprint as text and as bytes", () => {
  const ascii = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(ascii, ascii, (id, before) => {
      const expected = { ...fingerprintText(id) };
      const bytes = Buffer.from(before + id);
      expect({ ...fingerprintBytes(bytes, before.length, bytes.length) }).toEqual(expected);
    }),
  );
});
