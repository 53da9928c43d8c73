import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { csvLines } from "../../src/report/csv.ts";
import { alignTable, clip, wrap } from "../../src/report/layout.ts";
import { escapeHtml, neutralise, printable } from "../../src/report/printable.ts";
import { formatAmount, formatCount, formatMoney, formatWhen, percentOf } from "../../src/report/words.ts";

describe("money and numbers for people", () => {
  test.each([
    [1_234_567, "USD", "USD 12,345.67"],
    [5, "USD", "USD 0.05"],
    [100_000, "USD", "USD 1,000.00"],
    [1_234_567, "JPY", "JPY 1,234,567"],
    [1_234_567, "KWD", "KWD 1,234.567"],
    [-1_234_567, "USD", "USD -12,345.67"],
    [123_456_789_012_345_678_901n, "USD", "USD 1,234,567,890,123,456,789.01"],
  ] as const)("%s minor units of %s are %s", (amountMinor, currency, text) => {
    expect(formatMoney(amountMinor, currency)).toBe(text);
  });

  test("separators change no digit", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 24n }), (amount) => {
        expect(BigInt(formatAmount(amount, "USD").replace(/[,.]/g, ""))).toBe(amount);
        expect(BigInt(formatCount(amount).replaceAll(",", ""))).toBe(amount);
      }),
    );
  });

  test("a share is cut, never rounded up to all, and of nothing it is undefined", () => {
    expect(percentOf(9_999, 10_000)).toBe("99.9");
    expect(percentOf(1, 1)).toBe("100.0");
    expect(percentOf(0n, 7n)).toBe("0.0");
    expect(percentOf(0, 0)).toBeUndefined();
  });

  test("a time is read to the minute, with its zone", () => {
    expect(formatWhen(Date.parse("2026-11-20T06:07:59.999Z"))).toBe("2026-11-20 06:07 UTC");
  });
});

describe("text of others", () => {
  test("cannot move the cursor, colour the screen, reorder letters or break the line", () => {
    expect(printable("a\u001b[31mb\r\nc\u009b\u0000\u202ed\u2028e\u200b")).toBe(
      "a\uFFFD[31mb\uFFFD\uFFFDc\uFFFD\uFFFD\uFFFDd\uFFFDe\uFFFD",
    );
    expect(printable("Zoë – 顧客 €")).toBe("Zoë – 顧客 €");
  });

  test("is no formula in a spreadsheet", () => {
    for (const start of ["=", "+", "-", "@", "\t", "\r", "\0", "＝"])
      expect(neutralise(`${start}1`)).toBe(`'${start}1`);
    expect(neutralise("order-1")).toBe("order-1");
    expect(csvLines([['=HYPERLINK("x")', 'a "quoted", b', 5]])).toBe(`"'=HYPERLINK(""x"")","a ""quoted"", b",5\n`);
  });

  test("is no markup in a page", () => {
    expect(escapeHtml(`<a href="x" title='y'>&\u0007`)).toBe(
      "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;\uFFFD",
    );
  });
});

describe("lines", () => {
  test("break at spaces; a long path stays whole", () => {
    const path = `/${"x".repeat(100)}`;
    expect(wrap(`look at ${path} now`, "  ")).toEqual(["  look at", `  ${path}`, "  now"]);
    expect(wrap("a b c", "", 3)).toEqual(["a b", "c"]);
  });

  test("tables are as wide as their cells", () => {
    const columns = [
      { title: "what", align: "left" },
      { title: "n", align: "right" },
    ] as const;
    expect(
      alignTable(columns, [
        ["a", "10"],
        ["long one", "1"],
      ]),
    ).toEqual(["  what       n", "  a         10", "  long one   1"]);
    expect(clip("abcdef", 4)).toBe("abc…");
  });
});
