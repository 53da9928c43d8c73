import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { holdsCardNumber, isMaskedCardNumber, maskCardNumbers } from "../../src/domain/card-number.ts";

// Numbers that the networks and gateways publish for testing.
const PUBLIC_TEST_NUMBERS = {
  visa16: "4111111111111111",
  visa13: "4222222222222",
  visa19: "4000000000000000006",
  mastercard: "5555555555554444",
  mastercard2: "2223003122003222",
  amex: "378282246310005",
  discover: "6011111111111117",
  diners: "30569309025904",
  diners36: "36227206271667",
  jcb: "3566002020360505",
  unionpay: "6200000000000005",
  maestro: "6759649826438453",
};
const VISA = PUBLIC_TEST_NUMBERS.visa16;

describe("finding card numbers", () => {
  test.each(Object.entries(PUBLIC_TEST_NUMBERS))("%s is found, alone and in a sentence", (_, number) => {
    expect(holdsCardNumber(number)).toBe(true);
    expect(holdsCardNumber(`paid with ${number}, declined`)).toBe(true);
    expect(holdsCardNumber(`"${number}"`)).toBe(true);
    expect(holdsCardNumber(`(${number})\n`)).toBe(true);
  });

  test.each([
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111\u00a01111\u00a01111\u00a01111",
    "3782 822463 10005",
    "3782-822463-10005",
    "4222-2222-2222-2",
    "4000 0000 0000 0000006",
    "ref 1234 4111 1111 1111 1111 9",
    "card: 4111-1111-1111-1111- ",
  ])("%j is found in groups", (text) => {
    expect(holdsCardNumber(text)).toBe(true);
  });

  test.each([
    ["a wrong check digit", "4111111111111112"],
    ["twelve digits", "411111111116"],
    ["twenty digits", "41111111111111111111"],
    ["no issuer", "1111111111111117"],
    ["a letter before it", `a${VISA}`],
    ["a letter after it", `${VISA}Z`],
    ["an underscore", `tok_${VISA}`],
    ["a decimal point", `${VISA}.00`],
    ["a UUID around it", `3f2a-${VISA}`],
    ["a UUID behind it", `${VISA}-3f2a`],
    ["two kinds of separator", "4111 1111-1111 1111"],
    ["two spaces", "4111  1111  1111  1111"],
    ["other groups", "411111 1111 111111"],
    ["a slash", "4111/1111/1111/1111"],
    ["a fifth group glued on", "4111-1111-1111-1111-1111"],
    ["a token", "tok_visa_4242"],
    ["an instant", "2026-11-20T10:00:00.000Z"],
    ["nothing", ""],
  ])("%s is no card number", (_, text) => {
    expect(holdsCardNumber(text)).toBe(false);
    expect(maskCardNumbers(text)).toBe(text);
  });

  test("a megabyte of digits, of groups and of near misses is judged in well under a second", () => {
    const started = performance.now();
    for (const piece of ["1", "4111 ", "4111-1111-1111-1112 ", "411111111111111 ", "4111\u00a0", "- ", "4-", VISA]) {
      holdsCardNumber(piece.repeat(Math.ceil(1_000_000 / piece.length)));
    }
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});

describe("masking", () => {
  test("first six and last four stay, separators too", () => {
    expect(maskCardNumbers(VISA)).toBe("411111XXXXXX1111");
    expect(maskCardNumbers("on 4111 1111 1111 1111!")).toBe("on 4111 11XX XXXX 1111!");
    expect(maskCardNumbers("3782-822463-10005")).toBe("3782-82XXXX-X0005");
    expect(maskCardNumbers(`${VISA} and ${PUBLIC_TEST_NUMBERS.amex}`)).toBe("411111XXXXXX1111 and 378282XXXXX0005");
  });

  test("what is masked holds no card number any more, whatever the text", () => {
    const piece = fc.oneof(
      fc.constantFrom(...Object.values(PUBLIC_TEST_NUMBERS), "4111 1111 1111 1111", "3782-822463-10005"),
      fc.constantFrom(" ", "-", "\u00a0", ",", ".", "_", "a", "1", "4111", "1111", "11111", "822463", "\n"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const masked = maskCardNumbers(text);
        expect(holdsCardNumber(masked)).toBe(false);
        expect(masked).toHaveLength(text.length);
        expect(masked === text).toBe(!holdsCardNumber(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("a masked number is known as one, however it was masked", () => {
    for (const text of ["411111XXXXXX1111", "411111******1111", "4111 11xx xxxx 1111", "3782-82XXXX-X0005"]) {
      expect(isMaskedCardNumber(text)).toBe(true);
    }
    for (const text of ["tok_1", VISA, "XXXX1111", "411111XX1111", "a411111XXXXXX1111"]) {
      expect(isMaskedCardNumber(text)).toBe(false);
    }
  });
});
