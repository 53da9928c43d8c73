import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MOST_ROWS, nearKeysTogether } from "../../src/pipeline/near-keys.ts";
import type { ByteKeys } from "../../src/profiles/held-results.ts";

/** As they lie in a file. */
function inBytes(keys: readonly string[]): ByteKeys {
  const bytes = Buffer.from(keys.join(""));
  const lengths = keys.map((key) => Buffer.byteLength(key));
  let end = 0;
  const to = Uint32Array.from(lengths, (length) => (end += length));
  return { length: keys.length, bytes, from: to.map((last, row) => last - (lengths[row] ?? 0)), to };
}

/** How far apart in the sorted list of all keys those are that come one after the other. */
function meanJump(keys: readonly string[]): number {
  const places = new Map(keys.toSorted().map((key, place) => [key, place]));
  const order = [...nearKeysTogether(inBytes(keys), 0)];
  const steps = order.slice(1).map((row, at) => {
    const [one, other] = [keys[order[at] as number], keys[row]].map((key) => places.get(key as string) ?? 0);
    return Math.abs((one ?? 0) - (other ?? 0));
  });
  return steps.reduce((sum, step) => sum + step, 0) / steps.length;
}

const shuffled = Array.from({ length: 20_000 }, (_, n) => (n * 7_919) % 20_000);
const digits = (n: number) => String(n).padStart(8, "0");

describe("rows with near keys", () => {
  test.each([
    ["that count", (n: number) => `ord-000-${digits(n)}`],
    ["with a date in front", (n: number) => `2026-11-${10 + (n % 20)}/invoice/${digits(n)}`],
    ["that begin with what is random", (n: number) => `${((n * 48_271) % 2_147_483_647).toString(16)}-${n}`],
    ["of letters that are not ASCII", (n: number) => `aufträge-ä-${digits(n)}`],
  ])("come one after the other: keys %s", (_, keyOf) => {
    expect(meanJump(shuffled.map(keyOf))).toBeLessThan(500);
  });

  test("come together though one key is like none of the others", () => {
    expect(meanJump([...shuffled.map((n) => `ord-000-${digits(n)}`), "zzz", ""])).toBeLessThan(500);
  });

  test("are each given once, whatever their keys are", () => {
    const key = fc.string({ unit: fc.constantFrom("a", "b", "\u0000", "~", "é", "🎉"), maxLength: 14 });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 20 }), fc.integer({ min: 1, max: 400 }), (keys, times) => {
        const all = keys.flatMap((one) => Array.from({ length: times }, () => one));
        const order = nearKeysTogether(inBytes(all), 0);
        expect(order.toSorted()).toEqual(Float64Array.from(all.keys()));
      }),
    );
  });

  test("have numbers that a double holds beside the row", () => {
    const last = "~".repeat(40);
    const keys = Array.from({ length: 2_000 }, (_, n) => (n % 2 === 0 ? "" : last));
    const order = nearKeysTogether(inBytes(keys), 0);
    expect(order.slice(0, 1_000)).toEqual(Float64Array.from({ length: 1_000 }, (_, n) => 2 * n));
    expect(MOST_ROWS * 95 ** 5).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });
});
