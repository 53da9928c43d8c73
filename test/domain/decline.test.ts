import { describe, expect, test } from "vitest";
import { findNeverRetryReason, hasLostLeadingZero, isApproved, NEVER_RETRY } from "../../src/domain/decline.ts";

const isNeverRetry = (declineCode: string, declineCodeSource?: string, adviceCode?: string) =>
  findNeverRetryReason({ declineCode, declineCodeSource, adviceCode }) !== undefined;

describe("never retry", () => {
  test.each("04 07 12 15 41 43 46 57 R0 R1 R3".split(" "))("visa %s is category 1", (code) => {
    expect(isNeverRetry(code, "visa")).toBe(true);
  });

  test.each("04 07 15 41 43 46 R0 R1 R3".split(" "))("iso8583 %s is never retried", (code) => {
    expect(isNeverRetry(code, "iso8583")).toBe(true);
  });

  test.each(["12", "57", "05", "51", "54", "14", "03", "62"])("iso8583 %s is sent", (code) => {
    expect(isNeverRetry(code, "iso8583")).toBe(false);
  });

  test.each("250 251 252 261 262".split(" "))("nmi %s is never retried, and says nothing for others", (code) => {
    expect(isNeverRetry(code, "nmi")).toBe(true);
    expect(isNeverRetry(code, "iso8583")).toBe(false);
  });

  test("an advice code counts whatever the source of the decline code", () => {
    for (const source of ["mastercard", "nmi", undefined]) {
      expect(isNeverRetry("05", source, "03")).toBe(true);
      expect(isNeverRetry("05", source, "21")).toBe(true);
      expect(isNeverRetry("05", source, "02")).toBe(false);
    }
    expect(isNeverRetry("03", "iso8583")).toBe(false);
  });

  test("letter case does not matter", () => {
    expect(isNeverRetry("r0", "VISA")).toBe(true);
    expect(isNeverRetry("stolen_card", "Stripe")).toBe(true);
  });

  test("a code without a source, or of a source we do not know, is sent", () => {
    expect(isNeverRetry("41")).toBe(false);
    expect(isNeverRetry("41", "acme-pay")).toBe(false);
    expect(isNeverRetry("", "visa", "")).toBe(false);
  });

  test("every rule names where and when it was read", () => {
    for (const rule of NEVER_RETRY) {
      expect(rule.published).toMatch(/^https:\/\//);
      expect(rule.asOf).toMatch(/^\d{4}-\d\d$/);
      expect(rule.reason).not.toBe("");
    }
  });
});

describe("approved", () => {
  test.each([
    ["00", "iso8583"],
    ["00", "visa"],
    ["00", "Mastercard"],
    ["000", "iso8583"],
    ["0", "iso8583"],
    ["00", undefined],
    ["100", "nmi"],
    ["100", "NMI"],
    ["approved", "stripe"],
    ["Succeeded", "stripe"],
    ["APPROVED", undefined],
  ])("%s of %s was not declined", (code, source) => {
    expect(isApproved(code, source)).toBe(true);
  });

  test.each([
    ["05", "iso8583"],
    ["100", "iso8583"],
    ["100", undefined],
    ["200", "nmi"],
    ["00", "nmi"],
    ["generic_decline", "stripe"],
    ["not approved", undefined],
  ])("%s of %s was declined", (code, source) => {
    expect(isApproved(code, source)).toBe(false);
  });
});

test("a lone digit is a lost zero only where codes have two characters", () => {
  expect(hasLostLeadingZero("4", "iso8583")).toBe(true);
  expect(hasLostLeadingZero("5", "VISA")).toBe(true);
  expect(hasLostLeadingZero("5", "nmi")).toBe(false);
  expect(hasLostLeadingZero("5")).toBe(false);
  expect(hasLostLeadingZero("51", "visa")).toBe(false);
});

test("a source named like something every object has is just a source nobody knows", () => {
  for (const source of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    expect(isApproved("00", source)).toBe(false);
    expect(isApproved("approved", source)).toBe(true);
    expect(findNeverRetryReason({ declineCode: "51", declineCodeSource: source })).toBeUndefined();
  }
});
