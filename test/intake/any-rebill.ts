/** Rebills for tests that hold the ways in which they are written and read to each other. */
import fc from "fast-check";
import { CanonicalRows } from "../../src/domain/canonical-rows.ts";
import { DAY_MS } from "../../src/domain/instant.ts";
import { MAX_AMOUNT_MINOR } from "../../src/domain/money.ts";
import type { Rebill } from "../../src/domain/rebill.ts";
import { canonicalRow } from "../../src/intake/canonical.ts";
import { NOW } from "./read-all.ts";

const asciiId = (max: number) =>
  fc
    .stringMatching(new RegExp(`^[!-~](?:[ -~]{0,${max - 2}}[!-~])?$`))
    .filter((id) => !/^\d[\d.,]*[eE]\+/.test(id) && !/\d{13}|\d{4} \d{4}/.test(id));
const text = (max: number) =>
  fc.string({
    unit: fc.oneof(fc.constantFrom('"', ",", ";", "\n", "\r", "\t", " ", "é", "😀", "="), fc.constantFrom(..."abcXYZ")),
    minLength: 1,
    maxLength: max,
  });
const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`));

/** Any rebill that intake could accept now. */
export const anyRebill: fc.Arbitrary<Rebill> = fc
  .record(
    {
      orderId: fc.stringMatching(/^[A-Za-z0-9._:-]{1,12}$/).filter((id) => !/^\d[\d.]*[eE]\+/.test(id)),
      transactionId: asciiId(64),
      subscriptionId: asciiId(64),
      customerId: asciiId(64),
      declinedAt: fc.integer({ min: NOW - 20 * 3_600_000, max: NOW }),
      amountMinor: fc.integer({ min: 1, max: MAX_AMOUNT_MINOR }),
      currency: fc.constantFrom("USD", "JPY", "KWD", "CLF"),
      declineCode: fc.constantFrom("51", "05", "generic_decline"),
      declineCodeSource: fc.constantFrom("iso8583", "stripe"),
      declineMessage: text(20),
      adviceCode: fc.constantFrom("02", "24"),
      paymentToken: asciiId(128),
      cardBin: digits(6),
      cardLast4: digits(4),
      cardBrand: text(8),
      cardExpMonth: fc.constantFrom("1", "04", "4", "12"),
      cardExpYear: fc.integer({ min: 2020, max: 2099 }).map(String),
      customerEmail: text(20),
      firstName: text(10),
      lastName: text(10),
      address1: text(20),
      city: text(10),
      state: text(5),
      postalCode: text(10),
      country: fc.constantFrom("US", "DE"),
      expiresAt: fc.integer({ min: NOW + 15 * DAY_MS, max: NOW + 90 * DAY_MS }),
      attempt: fc.integer({ min: 1, max: 9 }),
      senseKey: text(10),
      siteId: text(10),
      customerIp: text(10),
    },
    {
      requiredKeys: [
        "orderId",
        "transactionId",
        "subscriptionId",
        "customerId",
        "declinedAt",
        "amountMinor",
        "currency",
        "declineCode",
        "paymentToken",
        "expiresAt",
        "attempt",
        "cardExpMonth",
        "cardExpYear",
      ],
    },
  )
  .map((rebill) => rebill as Rebill);

/** Their canonical rows, one after the other. */
export function canonicalRowsOf(rebills: readonly Rebill[]): CanonicalRows {
  const texts = rebills.map(canonicalRow);
  let end = 0;
  const ends = Uint32Array.from(texts, (row) => {
    end += Buffer.byteLength(row);
    return end;
  });
  return new CanonicalRows(Buffer.from(texts.join("")), ends);
}
