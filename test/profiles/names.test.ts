import { describe, expect, test } from "vitest";
import { flex } from "../../src/profiles/flex.ts";
import { isSafeRemoteName, matchesResultName } from "../../src/profiles/names.ts";

describe("names in the outbound folder", () => {
  test("a bare name of valid text may become a file of ours", () => {
    for (const name of ["results.csv", "a b.csv", "Zoë 🎉.csv", "..csv", "x".repeat(255)]) {
      expect(isSafeRemoteName(name), name).toBe(true);
    }
  });

  test("anything that is a path, hidden text or not text may not", () => {
    const unsafe = [
      "",
      ".",
      "..",
      "../x",
      "a/b",
      "a\\b",
      "a\0b",
      "a\nb",
      "a\x1b[2Jb",
      "a\u202eb",
      "a\u2028b",
      "a\ufffdb",
    ];
    for (const name of [...unsafe, "\ud800", "x".repeat(256), "é".repeat(128)]) {
      expect(isSafeRemoteName(name), JSON.stringify(name)).toBe(false);
    }
  });

  test.each([
    ["*.csv", "results.csv", true],
    ["*.csv", ".csv", false],
    ["*.csv", ".results.csv", false],
    [".*.csv", ".results.csv", true],
    ["*.csv", "results.csv.part", false],
    ["*.csv", "results.CSV", false],
    ["results_????.csv", "results_0001.csv", true],
    ["results_????.csv", "results_001.csv", false],
    ["r*_*.csv", "results_2026_11.csv", true],
    ["results.csv", "resultsXcsv", false],
    ["[a]+.csv", "[a]+.csv", true],
    ["*", "", true],
    ["a*b*c", "abcbc", true],
    ["a*b*c", "abcb", false],
  ])("the pattern %s and the name %s: %s", (pattern, name, matches) => {
    const profile = { ...flex, results: { ...flex.results, patterns: ["never", pattern] } };
    expect(matchesResultName(profile, name)).toBe(matches);
  });

  test("a pattern of many stars is judged at once", () => {
    const profile = { ...flex, results: { ...flex.results, patterns: [`${"*a".repeat(60)}b`] } };
    expect(matchesResultName(profile, "a".repeat(250))).toBe(false);
  }, 1000);
});
