import { expect, test } from "vitest";
import { currencyExponent } from "../../src/domain/currency.ts";

test.each([
  ["USD", 2],
  ["EUR", 2],
  ["MGA", 2],
  ["JPY", 0],
  ["ISK", 0],
  ["XPF", 0],
  ["KWD", 3],
  ["TND", 3],
  ["CLF", 4],
  ["UYW", 4],
  ["SLE", 2],
  ["XCG", 2],
  ["ZWG", 2],
])("%s has %d decimals", (code, exponent) => {
  expect(currencyExponent(code)).toBe(exponent);
});

test.each([
  "",
  "usd",
  "US",
  "USDT",
  "XXX",
  "XTS",
  "XAU",
  "XDR",
  "BOV",
  "USN",
  "HRK",
  "BGN",
  "ANG",
  "ZWL",
  "constructor",
])("%j is no money a card is charged in", (code) => {
  expect(currencyExponent(code)).toBeUndefined();
});

// The runtime's table follows ISO 4217 but where a currency's cents are no longer used: there it says 0.
test("no exponent contradicts the runtime's own table", () => {
  const compared = Intl.supportedValuesOf("currency").filter((code) => currencyExponent(code) !== undefined);
  expect(compared.length).toBeGreaterThan(150);
  for (const code of compared) {
    const { maximumFractionDigits } = new Intl.NumberFormat("en", {
      style: "currency",
      currency: code,
    }).resolvedOptions();
    expect([0, currencyExponent(code)], code).toContain(maximumFractionDigits);
  }
});
