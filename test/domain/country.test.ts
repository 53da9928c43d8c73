import { expect, test } from "vitest";
import { isCountry } from "../../src/domain/country.ts";

test("the 249 officially assigned codes are countries, and each has a name", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const countries = letters.flatMap((first) => letters.map((second) => first + second)).filter(isCountry);
  expect(countries).toHaveLength(249);
  expect(countries.filter((code) => names.of(code) === undefined)).toEqual([]);
});

test.each(["", "us", "USA", "UK", "EU", "XX", "ZZ", "U", " US"])("%j is no country", (code) => {
  expect(isCountry(code)).toBe(false);
});
