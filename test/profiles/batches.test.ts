import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInstant } from "../../src/domain/instant.ts";
import { isProblem } from "../../src/domain/problem.ts";
import type { Rebill } from "../../src/domain/rebill.ts";
import { batchFileName } from "../../src/profiles/batch-name.ts";
import { createBatchEncoder } from "../../src/profiles/encode.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";

const FIXTURES = new URL("../../fixtures/batches/", import.meta.url);

const MINIMAL: Rebill = {
  orderId: "O-1001",
  transactionId: "txn-1",
  subscriptionId: "sub-1",
  customerId: "cus-1",
  declinedAt: at("2026-11-03T23:58:01Z"),
  amountMinor: 1999,
  currency: "USD",
  declineCode: "51",
  paymentToken: "tok_1",
  expiresAt: at("2026-11-24T23:58:01Z"),
  attempt: 1,
};

const FULL: Rebill = {
  orderId: "inv_2026-11:7",
  transactionId: "4f 7/A=+@",
  subscriptionId: "sub-2",
  customerId: "-cus 2",
  declinedAt: at("2026-11-03T05:00:00.250Z"),
  amountMinor: 12500,
  currency: "KWD",
  declineCode: "051",
  declineCodeSource: "iso8583",
  declineMessage: 'Insufficient "funds", try\nlater',
  adviceCode: "24",
  paymentToken: "tok_ü/2",
  cardBin: "41111111",
  cardLast4: "0001",
  cardBrand: "visa",
  cardExpMonth: "4",
  cardExpYear: "2029",
  customerEmail: "zoë+rebill@example.com",
  firstName: "Zoë",
  lastName: 'O"Neil; née 山田',
  address1: "=SUM(A1) Street, 5",
  city: "Al Kuwayt\r\nCity",
  state: " padded ",
  postalCode: "00123",
  country: "KW",
  expiresAt: at("2026-11-24T05:00:00.250Z"),
  attempt: 3,
  senseKey: "🎉",
  siteId: "site-1",
  customerIp: "2001:db8::1",
};

const YEN: Rebill = { ...MINIMAL, orderId: "O-1003", transactionId: "txn-3", amountMinor: 1999, currency: "JPY" };

/** Hand-checked files of exact bytes: profile, rows. */
const GOLDEN: Record<string, { profile: Profile; rebills: Rebill[] }> = {
  "flex-one-plain-row.csv": { profile: flex, rebills: [MINIMAL] },
  "flex-quotes-unicode-and-currencies.csv": { profile: flex, rebills: [MINIMAL, FULL, YEN] },
  "other-semicolons-major-units-no-header.csv": {
    profile: {
      ...flex,
      batch: {
        ...flex.batch,
        delimiter: ";",
        header: false,
        newline: "\r\n",
        columns: [
          { name: "id", from: "order_id" },
          { name: "sum", from: "amount", as: "major_units" },
          { name: "currency", from: "currency" },
          { name: "name", from: "last_name" },
        ],
      },
    },
    rebills: [MINIMAL, FULL, YEN],
  },
};

describe("batch files in fixtures/batches", () => {
  test("every fixture is made by a case, and every case has its fixture", () => {
    expect(readdirSync(FIXTURES).sort()).toEqual(Object.keys(GOLDEN).sort());
  });

  test.each(Object.entries(GOLDEN))("%s is written byte for byte", async (name, { profile, rebills }) => {
    const golden = await readFile(new URL(name, FIXTURES));
    expect(Buffer.from(encode(profile, rebills)).toString("utf8")).toBe(golden.toString("utf8"));
    expect(Buffer.from(encode(profile, rebills)).equals(golden)).toBe(true);
  });
});

describe("encoding", () => {
  test("the columns of flex are those that were agreed, in their order", () => {
    const [header = ""] = encode(flex, []).split("\n");
    expect(header).toBe(
      "sequenceNumber,mid,isDeclined,isMIT,isRecurring,orderId,expiryDateUtc,transaction.id,transaction.timestampUtc," +
        "transaction.amount,transaction.currency,transaction.responseCode,transaction.responseCodeSource," +
        "transaction.responseDescription,paymentMethod.Token,paymentMethod.cardNumber,paymentMethod.cardBinNumber," +
        "paymentMethod.cardLast4Digits,paymentMethod.cardBrand,paymentMethod.expirationMonth," +
        "paymentMethod.expirationYear,payer.id,payer.email,billingInformation.firstName,billingInformation.lastName," +
        "billingInformation.addressLine1,billingInformation.city,billingInformation.state,billingInformation.zipCode," +
        "billingInformation.countryCode,subscription.id,senseKey,siteId,customerIp",
    );
  });

  test("any text comes back from the file as it was accepted", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    fc.assert(
      fc.property(fc.array(fc.record({ lastName: text, declineMessage: text }), { maxLength: 20 }), (cells) => {
        const file = encode(
          flex,
          cells.map((cell) => ({ ...MINIMAL, ...cell })),
        );
        const rows = parse<Record<string, string>>(file, { columns: true });
        expect(rows.map((row) => row["sequenceNumber"])).toEqual(cells.map((_, index) => String(index + 1)));
        expect(
          rows.map((row) => ({
            lastName: row["billingInformation.lastName"],
            declineMessage: row["transaction.responseDescription"],
          })),
        ).toEqual(cells);
      }),
    );
  });

  test("a lone carriage return is quoted: many readers would end the row there", () => {
    expect(encode(flex, [{ ...MINIMAL, city: "a\rb" }])).toContain(',"a\rb",');
  });

  test("more rows than the provider takes in one file are a bug, not a file", () => {
    const encoder = createBatchEncoder({ ...flex, batch: { ...flex.batch, maxRows: 2 } }, { mid: "m" });
    encoder.row(MINIMAL);
    encoder.row(MINIMAL);
    expect(() => encoder.row(MINIMAL)).toThrow("at most 2 rows");
  });
});

describe("names of batch files", () => {
  const parts = { mid: "acme-1", at: at("2026-11-04T05:06:07.890Z"), number: 42 };

  test("hold the mid, the second in UTC and the number, padded", () => {
    expect(batchFileName(flex, parts)).toBe("evaluate_acme-1_20261104050607_0042.csv");
    expect(batchFileName(flex, { ...parts, number: 123456 })).toBe("evaluate_acme-1_20261104050607_123456.csv");
    expect(batchFileName(withTemplate("{mid}{utc}{number}.txt"), { ...parts, mid: "FP_01" })).toBe(
      "FP_012026110405060742.txt",
    );
  });

  test("are never a path, nor anything else that is not a plain name", () => {
    for (const mid of ["../x", "a/b", "a\\b", "a b", "a\n", "ü", "x".repeat(300), "a\0"]) {
      expect(
        catchProblem(() => batchFileName(flex, { ...parts, mid })),
        mid,
      ).toBe("profile_invalid");
    }
    const bare = withTemplate("{mid}{number}");
    for (const mid of ["..", ".hidden", "-rf"]) {
      expect(
        catchProblem(() => batchFileName(bare, { ...parts, mid })),
        mid,
      ).toBe("profile_invalid");
    }
  });

  test("a mid with replacement patterns stands as it is or not at all", () => {
    expect(catchProblem(() => batchFileName(flex, { ...parts, mid: "$&" }))).toBe("profile_invalid");
  });
});

function withTemplate(nameTemplate: string): Profile {
  return { ...flex, batch: { ...flex.batch, nameTemplate } };
}

function encode(profile: Profile, rebills: readonly Rebill[]): string {
  const encoder = createBatchEncoder(profile, { mid: "mid-1" });
  return encoder.header() + rebills.map((rebill) => encoder.row(rebill)).join("");
}

function catchProblem(work: () => unknown): string {
  try {
    return `no problem: ${String(work())}`;
  } catch (error) {
    return isProblem(error) ? error.code : `no problem: ${String(error)}`;
  }
}

function at(text: string): number {
  return parseInstant(text) ?? Number.NaN;
}
