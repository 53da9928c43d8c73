import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COLUMNS } from "../../src/domain/columns.ts";
import { DAY_MS } from "../../src/domain/instant.ts";
import { MAX_AMOUNT_MINOR } from "../../src/domain/money.ts";
import type { Rebill } from "../../src/domain/rebill.ts";
import { canonicalHeader, canonicalRow, readCanonical } from "../../src/intake/canonical.ts";
import { goodRow, NOW, readAll, readText, toCsv, writeExport } from "./read-all.ts";

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
const anyRebill: fc.Arbitrary<Rebill> = fc
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

const readBack = async (path: string): Promise<Rebill[]> => (await Array.fromAsync(readCanonical(path))).flat();

const writeCanonical = (rebills: readonly Rebill[]): Promise<string> =>
  writeExport(canonicalHeader() + rebills.map(canonicalRow).join(""));

describe("the canonical archive", () => {
  test("what is written is read back, every property of every rebill", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRebill, { maxLength: 5 }), async (rebills) => {
        expect(await readBack(await writeCanonical(rebills))).toEqual(rebills);
      }),
      { numRuns: 100 },
    );
  });

  test("a canonical file is itself an export, and gives the same rebills", async () => {
    const unique = fc.uniqueArray(anyRebill, {
      maxLength: 4,
      comparator: (left, right) => left.orderId === right.orderId || left.transactionId === right.transactionId,
    });
    await fc.assert(
      fc.asyncProperty(unique, async (rebills) => {
        const overrides = { policy: { maxAmountMinor: {} }, shape: { declineCodeSource: "iso8583" } };
        const read = await readAll(await writeCanonical(rebills), overrides);
        expect(read.rejects).toEqual([]);
        const withSource = rebills.map((rebill) => ({ declineCodeSource: "iso8583", ...rebill }));
        expect(read.acceptedRows.map((row) => row.rebill)).toEqual(withSource);
      }),
      { numRuns: 100 },
    );
  });

  test("its columns are those of the table, and the fixture with all columns fills every property", async () => {
    expect(canonicalHeader()).toBe(`${COLUMNS.map(({ name }) => name).join(",")}\n`);
    const read = await readAll(join(import.meta.dirname, "../../fixtures/exports/all-columns.csv"));
    const [first] = read.acceptedRows;
    expect(Object.keys(first?.rebill ?? {})).toEqual(COLUMNS.map(({ property }) => property));
    expect(await readBack(await writeCanonical(read.acceptedRows.map(({ rebill }) => rebill)))).toEqual(
      read.acceptedRows.map(({ rebill }) => rebill),
    );
  });

  test("many rows come back in order, in pages", async () => {
    const read = await readText(toCsv(Array.from({ length: 5_000 }, (_, at) => goodRow(at, { city: "a\nb" }))));
    const rebills = read.acceptedRows.map(({ rebill }) => rebill);
    const pages = await Array.fromAsync(readCanonical(await writeCanonical(rebills)));
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toEqual(rebills);
  });

  test("an archive without rows is whole", async () => {
    expect(await readBack(await writeCanonical([]))).toEqual([]);
  });
});

describe("damage to the archive", () => {
  const makeArchive = async (): Promise<string> => {
    const rows = [goodRow(1, { city: 'a "b"\nc' }), goodRow(2), goodRow(3)];
    const read = await readText(toCsv(rows));
    return writeCanonical(read.acceptedRows.map(({ rebill }) => rebill));
  };

  test("cut off anywhere but between two rows it is an error, never fewer rows", async () => {
    const path = await makeArchive();
    const whole = await readFile(path);
    const lengths = new Set([canonicalHeader().length]);
    for (const page of await Array.fromAsync(readCanonical(path))) {
      let length = canonicalHeader().length;
      for (const rebill of page) {
        length += Buffer.byteLength(canonicalRow(rebill));
        lengths.add(length);
      }
    }
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      if (lengths.has(length)) expect(await readBack(path)).toHaveLength([...lengths].indexOf(length));
      else await expect(readBack(path), `cut at ${length}`).rejects.toThrow(/damaged/);
    }
  });

  test("a last row without its line end is not handed out", async () => {
    const path = await makeArchive();
    await writeFile(path, (await readFile(path)).subarray(0, -1));
    await expect(readBack(path)).rejects.toThrow(/cut off/);
  });

  test.each([
    ["another header", (text: string) => text.replace("order_id", "order_no")],
    ["a byte order mark", (text: string) => `\ufeff${text}`],
    ["CRLF", (text: string) => text.replaceAll("\n", "\r\n")],
    ["a blank line", (text: string) => text.replace("\nR-2", "\n\nR-2")],
    ["a cell more", (text: string) => text.replace(",R-2", ",,R-2").replace("\nR-2", "\nR-2,x")],
    ["an amount without a value", (text: string) => text.replace("19.99", "")],
    ["an amount written otherwise", (text: string) => text.replace("19.99", "019.99")],
    ["an instant written otherwise", (text: string) => text.replace("22:15:00Z", "22:15Z")],
    ["no end of the window", (text: string) => text.replace("2026-12-11T22:15:00Z", "")],
    ["no attempt", (text: string) => text.replace("2026-12-11T22:15:00Z,1", "2026-12-11T22:15:00Z,")],
    ["needless quotes", (text: string) => text.replace("R-2", '"R-2"')],
    ["a stray quote", (text: string) => text.replace("cus_2", 'cu"s_2')],
    ["blanks", (text: string) => text.replace("R-2", " R-2")],
    ["bytes that are no text", (text: string) => Buffer.from(text.replace(' ""b""', " \u00ff"), "latin1")],
  ])("%s is an error that names the file", async (_, damage) => {
    const path = await makeArchive();
    await writeFile(path, damage(await readFile(path, "utf8")));
    await expect(readBack(path)).rejects.toThrow(path);
  });

  test("a file that is not there is an error", async () => {
    await expect(readBack("/no/such/archive.csv")).rejects.toThrow();
  });
});
