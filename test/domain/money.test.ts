import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMajor, formatMoney, MAX_AMOUNT_MINOR, MoneyTotals, parseAmount } from "../../src/domain/money.ts";

const anyAmount = fc.integer({ min: 1, max: MAX_AMOUNT_MINOR });
const anyCurrency = fc.constantFrom("USD", "EUR", "JPY", "KWD", "CLF");

describe("amounts", () => {
  test("what is written in major units is read back exactly, in every currency", () => {
    fc.assert(
      fc.property(anyAmount, anyCurrency, (amountMinor, currency) => {
        expect(parseAmount(formatMajor(amountMinor, currency), currency, "major")).toEqual({ amountMinor });
        expect(parseAmount(String(amountMinor), currency, "minor")).toEqual({ amountMinor });
      }),
    );
  });

  test.each([
    ["19.99", "USD", 1999],
    ["19.9", "USD", 1990],
    ["19", "USD", 1900],
    ["0019.99", "USD", 1999],
    ["0.01", "USD", 1],
    ["1999", "JPY", 1999],
    ["1.234", "KWD", 1234],
    ["1.2345", "CLF", 12345],
    ["9999999999.99", "USD", MAX_AMOUNT_MINOR],
  ])("%s %s is %d", (text, currency, amountMinor) => {
    expect(parseAmount(text, currency, "major")).toEqual({ amountMinor });
  });

  test.each([
    ["19.999", "USD", "amount_precision"],
    ["19.990", "USD", "amount_precision"],
    ["1999.0", "JPY", "amount_precision"],
    ["0", "USD", "amount_not_positive"],
    ["0.00", "USD", "amount_not_positive"],
    ["-5.00", "USD", "amount_not_positive"],
    ["-0", "USD", "amount_not_positive"],
    ["10000000000.00", "USD", "too_long"],
    ["", "USD", "malformed"],
    ["19,99", "USD", "malformed"],
    ["1,999.00", "USD", "malformed"],
    ["1E+15", "USD", "malformed"],
    ["$5.00", "USD", "malformed"],
    ["+5.00", "USD", "malformed"],
    [" 5.00", "USD", "malformed"],
    ["5.00 ", "USD", "malformed"],
    ["5.00\n", "USD", "malformed"],
    [".5", "USD", "malformed"],
    ["5.", "USD", "malformed"],
    ["0x10", "USD", "malformed"],
    ["٥", "USD", "malformed"],
    ["NaN", "USD", "malformed"],
  ])("%j %s is %s", (text, currency, problem) => {
    expect(parseAmount(text, currency, "major")).toEqual({ problem });
  });

  test("in minor units a decimal point is malformed, never guessed", () => {
    expect(parseAmount("19.99", "USD", "minor")).toEqual({ problem: "malformed" });
    expect(parseAmount("1999", "KWD", "minor")).toEqual({ amountMinor: 1999 });
  });

  test("for people the currency stands in front, and a negative sum keeps its sign", () => {
    expect(formatMoney(1999, "USD")).toBe("USD 19.99");
    expect(formatMajor(-5n, "USD")).toBe("-0.05");
    expect(formatMajor(5, "JPY")).toBe("5");
    expect(formatMajor(5, "KWD")).toBe("0.005");
  });
});

describe("totals", () => {
  test("sums are exact past 2^53 and stand in the order of the currencies", () => {
    const totals = new MoneyTotals();
    totals.add("USD", 2n ** 53n);
    totals.add("EUR", 1);
    totals.add("USD", 1);
    expect(totals.toArray()).toEqual([
      { currency: "EUR", count: 1, amountMinor: 1n },
      { currency: "USD", count: 2, amountMinor: 2n ** 53n + 1n },
    ]);
    expect(totals.get("JPY")).toEqual({ currency: "JPY", count: 0, amountMinor: 0n });
  });

  test("adding parts gives the whole, however they are split", () => {
    const anyMoney = fc.record({ currency: anyCurrency, amountMinor: anyAmount });
    fc.assert(
      fc.property(fc.array(anyMoney), fc.array(anyMoney), (left, right) => {
        const parts = new MoneyTotals();
        parts.addAll(MoneyTotals.of(left).toArray());
        parts.addAll(MoneyTotals.of(right).toArray());
        expect(parts.toArray()).toEqual(MoneyTotals.of([...left, ...right]).toArray());
      }),
    );
  });
});
