import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COLUMNS } from "../../src/domain/columns.ts";
import type { Rebill } from "../../src/domain/rebill.ts";
import {
  canonicalHeader,
  canonicalRow,
  decodeCanonical,
  readCanonical,
  readCanonicalBytes,
} from "../../src/intake/canonical.ts";
import { anyRebill } from "./any-rebill.ts";
import { goodRow, readAll, readText, toCsv, writeExport } from "./read-all.ts";

const readBack = async (path: string): Promise<Rebill[]> => (await Array.fromAsync(readCanonical(path))).flat();

/** By the fast reader, which gives bytes: whole rows, and every cell as it is asked for. */
const readBytesBack = async (path: string): Promise<Rebill[]> => {
  const rebills: Rebill[] = [];
  // A page is good until the next one is asked for.
  for await (const page of readCanonicalBytes(path)) rebills.push(...decodeCanonical(page, path));
  return rebills;
};

const writeCanonical = (rebills: readonly Rebill[]): Promise<string> =>
  writeExport(canonicalHeader() + rebills.map(canonicalRow).join(""));

describe("the canonical archive", () => {
  test("what is written is read back, every property of every rebill", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRebill, { maxLength: 5 }), async (rebills) => {
        const path = await writeCanonical(rebills);
        expect(await readBack(path)).toEqual(rebills);
        expect(await readBytesBack(path)).toEqual(rebills);
      }),
      { numRuns: 100 },
    );
  });

  test("pages end with a row, whatever the rows are long", async () => {
    const row = (address: string) => `o,t,s,c,,,,,,,,,,,,,,,,,${address},,,,,,,,,\n`;
    const long = `"${"a\n,".repeat(1_200)}"`;
    const rows = Array.from({ length: 600 }, (_, at) => row(at % 2 === 0 ? long : `street ${at}`));
    rows.push(row("b".repeat(2 * 1024 * 1024)), row("last"));
    const path = await writeExport(canonicalHeader() + rows.join(""));
    const read: string[] = [];
    let pages = 0;
    for await (const { bytes, ends } of readCanonicalBytes(path)) {
      pages += 1;
      for (const [at, end] of ends.entries()) read.push(bytes.toString("utf8", at === 0 ? 0 : ends[at - 1], end));
    }
    expect(read).toEqual(rows);
    expect(pages).toBeGreaterThan(3);
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
    const path = await writeCanonical(rebills);
    const pages = await Array.fromAsync(readCanonical(path));
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toEqual(rebills);
    expect(await readBytesBack(path)).toEqual(rebills);
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
