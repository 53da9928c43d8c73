import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS } from "../../src/domain/instant.ts";
import { decideFate, type FateOptions } from "../../src/sandbox/fate.ts";
import { ORDINARY_SHARE, rescueChance } from "../../src/sandbox/rescue-chances.ts";

const DECLINED = Date.parse("2026-03-09T22:10:00Z");
const OPTIONS: FateOptions = {
  seed: "s",
  shareRescued: ORDINARY_SHARE,
  shareCancelled: 0.02,
  shareRefunded: 0.03,
  atEnd: "expired",
};

const orderOf = (orderId: string, responseCode = "51", windowMs = 21 * DAY_MS) => ({
  row: 1,
  orderId,
  transactionId: `tx-${orderId}`,
  amountMinor: 1999,
  currency: "USD",
  declinedAt: DECLINED,
  expiresAt: DECLINED + windowMs,
  responseCode,
  responseCodeSource: "iso8583",
});

describe("a fate", () => {
  test("is legal, whatever the seed, the order and the options", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.string(),
          shareRescued: share,
          shareCancelled: share,
          shareRefunded: share,
          atEnd: fc.constantFrom("expired" as const, "silence" as const),
        }),
        fc.string({ minLength: 1 }),
        fc.integer({ min: 14 * DAY_MS, max: 60 * DAY_MS }),
        fc.integer({ min: 0, max: 2 * DAY_MS }),
        (options, orderId, windowMs, lateMs) => {
          const order = orderOf(orderId, "51", windowMs);
          const takenAt = DECLINED + lateMs;
          const words = decideFate(order, orderId, takenAt, options);
          expect(words.map((word) => word.status).join(" ")).toMatch(
            options.atEnd === "expired"
              ? /^(unrescued|cancelled|rescued( refunded)?)$/
              : /^(|cancelled|rescued( refunded)?)$/,
          );
          let before = takenAt;
          for (const word of words) {
            expect(word.at).toBeGreaterThanOrEqual(before);
            if (word.status !== "refunded") expect(word.at).toBeLessThanOrEqual(order.expiresAt);
            expect(word.amountMinor).toBeGreaterThan(0);
            expect(word.amountMinor).toBeLessThanOrEqual(order.amountMinor);
            before = word.at;
          }
          expect(decideFate(order, orderId, takenAt, options)).toEqual(words);
        },
      ),
    );
  });

  test("follows the decline code: funds often, no reason less, stolen never", () => {
    const shareOf = (code: string): number => {
      const fates = Array.from({ length: 2000 }, (_, n) =>
        decideFate(orderOf(`o${n}`, code), `o${n}`, DECLINED, OPTIONS),
      );
      return fates.filter((words) => words[0]?.status === "rescued").length / fates.length;
    };
    expect(shareOf("51")).toBeCloseTo(0.44, 1);
    expect(shareOf("05")).toBeCloseTo(0.27, 1);
    expect(shareOf("43")).toBe(0);
    expect(shareOf("91")).toBeGreaterThan(shareOf("51"));
  });

  test("of another seed is another", () => {
    const fates = (seed: string) =>
      Array.from({ length: 50 }, (_, n) => decideFate(orderOf(`o${n}`), `o${n}`, DECLINED, { ...OPTIONS, seed }));
    expect(fates("a")).not.toEqual(fates("b"));
  });

  test("rescues come early and on most days of the window", () => {
    const days = Array.from({ length: 2000 }, (_, n) => decideFate(orderOf(`o${n}`), `o${n}`, DECLINED, OPTIONS)[0])
      .filter((word) => word?.status === "rescued")
      .map((word) => Math.floor(((word?.at ?? 0) - DECLINED) / DAY_MS));
    const onDay = (day: number): number => days.filter((other) => other === day).length;
    expect(onDay(0)).toBeGreaterThan(onDay(6));
    expect(new Set(days).size).toBeGreaterThan(15);
    expect(Math.max(...days)).toBeLessThan(21);
  });
});

describe("the chance of a rescue", () => {
  test("is the table's own for the ordinary share", () => {
    expect(rescueChance("51", "visa", ORDINARY_SHARE)).toBeCloseTo(0.45);
    expect(rescueChance("202", "NMI", ORDINARY_SHARE)).toBeCloseTo(0.45);
    expect(rescueChance("insufficient_funds", "stripe", ORDINARY_SHARE)).toBeCloseTo(0.45);
    expect(rescueChance("whatever", "", ORDINARY_SHARE)).toBeCloseTo(0.2);
  });

  test("moves with the share that is asked for, and keeps the order of the codes", () => {
    expect(rescueChance("51", "", 0)).toBe(0);
    expect(rescueChance("51", "", 1)).toBe(1);
    expect(rescueChance("43", "", 1)).toBe(0);
    for (const share of [0.05, 0.2, 0.5, 0.8, 0.95]) {
      expect(rescueChance("91", "", share)).toBeGreaterThan(rescueChance("51", "", share));
      expect(rescueChance("51", "", share)).toBeGreaterThan(rescueChance("05", "", share));
      // An ordinary night: half funds, a third without a reason, some outages, some that are nearly hopeless.
      const night =
        0.5 * rescueChance("51", "", share) +
        0.33 * rescueChance("05", "", share) +
        0.08 * rescueChance("91", "", share) +
        0.09 * rescueChance("54", "", share);
      expect(Math.abs(night - share)).toBeLessThan(0.08);
    }
  });
});
