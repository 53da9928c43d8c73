import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { neutraliseFormula, restoreFormula } from "../../src/intake/formula.ts";
import { RejectsFile } from "../../src/intake/rejects.ts";
import { goodRow, makeFolder, type Overrides, type ReadExport, readAll, readText, toCsv } from "./read-all.ts";

const VISA = "4111111111111111";

async function writeRejects(read: ReadExport): Promise<string> {
  const path = join(await makeFolder(), "rejects.csv");
  const rejects = new RejectsFile(path);
  for (const row of read.rejectedRows) await rejects.write(row);
  await rejects.close();
  return path;
}

const toQuoted = (cells: readonly string[]): string => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join();

const readRejects = async (path: string, delimiter = ","): Promise<Record<string, string>[]> =>
  parse(await readFile(path), { columns: true, delimiter, bom: true });

/** Takes the export's rejects file, mends cells in it by row, and reads it as an export. */
async function resend(
  read: ReadExport,
  mends: readonly Record<string, string>[],
  overrides?: Overrides,
): Promise<ReadExport> {
  const rows = await readRejects(await writeRejects(read));
  const path = join(await makeFolder(), "mended.csv");
  await writeFile(path, toCsv(rows.map((row, at) => ({ ...row, ...mends[at] }))));
  return readAll(path, overrides);
}

describe("the rejects file", () => {
  test("holds the export's own columns and what is wrong with each row", async () => {
    const rows = [goodRow(1, { Campaign: "x, y" }), goodRow(2, { Campaign: "z", amount: "1.999", currency: "usd" })];
    const read = await readText(toCsv(rows));
    expect(await readRejects(await writeRejects(read))).toEqual([
      {
        reject_line: "3",
        reject_codes: "bad_currency",
        reject_message: "currency must be written in capitals, like USD",
        ...rows[1],
      },
    ]);
  });

  test("is made for its owner alone, replaces an older one, and is not made without rows", async () => {
    const read = await readText(toCsv([goodRow(1, { amount: "0" })]));
    expect((await stat(await writeRejects(read))).mode & 0o777).toBe(0o600);
    const path = join(await makeFolder(), "rejects.csv");
    await writeFile(path, "old", { mode: 0o644 });
    const rejects = new RejectsFile(path);
    for (const row of read.rejectedRows) await rejects.write(row);
    await rejects.close();
    await rejects.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readRejects(path)).toHaveLength(1);
    expect(existsSync(await writeRejects(await readText(toCsv([goodRow(1)]))))).toBe(false);
  });

  test("holds thousands of rows in the order of the file", async () => {
    const rows = Array.from({ length: 1_234 }, (_, at) => goodRow(at, { amount: "0" }));
    const written = await readRejects(await writeRejects(await readText(toCsv(rows))));
    expect(written.map(({ order_id }) => order_id)).toEqual(rows.map(({ order_id }) => order_id));
  });

  test("keeps the delimiter, and the byte order mark that a spreadsheet needs", async () => {
    const text = toCsv([goodRow(1, { first_name: "Zoë", amount: "0" })], ";");
    for (const bytes of [`\ufeff${text}`, Buffer.from(`\ufeff${text}`, "utf16le")]) {
      const path = await writeRejects(await readText(bytes));
      expect((await readFile(path)).subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
      expect((await readRejects(path, ";"))[0]?.["first_name"]).toBe("Zoë");
    }
    expect((await readFile(await writeRejects(await readText(text)))).subarray(0, 1).toString()).toBe("r");
  });

  test("shows of a card number the first six and the last four digits", async () => {
    const read = await readText(
      toCsv([
        goodRow(1, { payment_token: VISA, decline_message: "no 4111-1111-1111-1111.", plan: "4111-1111-1111-1111" }),
      ]),
    );
    const path = await writeRejects(read);
    expect((await readRejects(path))[0]).toMatchObject({
      payment_token: "411111XXXXXX1111",
      plan: "4111-11XX-XXXX-1111",
    });
    expect(await readFile(path, "utf8")).not.toContain(VISA);
  });

  test("a disk that cannot be written is a problem, not a crash", async () => {
    const read = await readText(toCsv([goodRow(1, { amount: "0" })]));
    const rejects = new RejectsFile(join(await makeFolder(), "no-such-folder", "rejects.csv"));
    for (const row of read.rejectedRows) await rejects.write(row);
    await expect(rejects.close()).rejects.toMatchObject({ code: "disk_failed" });
    const folder = join(await makeFolder(), "rejects.csv");
    await mkdir(folder);
    const blocked = new RejectsFile(folder);
    for (const row of read.rejectedRows) await blocked.write(row);
    await expect(blocked.close()).rejects.toMatchObject({ code: "disk_failed" });
  });
});

describe("sending it again", () => {
  test("mended rows are accepted as if the export had been right, without a note", async () => {
    const right = [goodRow(1, { city: "a\nb", first_name: "=x", last_name: "-" }), goodRow(2, { city: "Zürich" })];
    const broken = right.map((row) => ({ ...row, amount: "19,99" }));
    const again = await resend(await readText(toCsv(broken)), [{ amount: "19.99" }, { amount: "19.99" }]);
    const straight = await readText(toCsv(right));
    expect(again.acceptedRows.map(({ rebill }) => rebill)).toEqual(straight.acceptedRows.map(({ rebill }) => rebill));
    expect(again.notes).toEqual([]);
  });

  test("unmended rows are rejected again, with the same words and without a second set of columns", async () => {
    const rows = [
      goodRow(1, { amount: "19,99" }),
      goodRow(2, { payment_token: VISA }),
      goodRow(3, { plan: VISA, order_id: "" }),
    ];
    const first = await readText(toCsv(rows));
    const again = await resend(first, []);
    expect(again.accepted).toBe(0);
    expect(again.rejectedRows[0]?.problems[0]?.message).toBe(first.rejectedRows[0]?.problems[0]?.message);
    expect(Object.keys((await readRejects(await writeRejects(again)))[0] ?? {}).sort()).toEqual(
      Object.keys((await readRejects(await writeRejects(first)))[0] ?? {}).sort(),
    );
    expect(again.heldCardNumber).toBe(false);
  });

  test("rows that could not be split are shown as they were, and are never accepted as they are", async () => {
    // Cut off inside an optional column: filled up with empty cells it would look whole.
    const cut = toCsv([goodRow(1, { city: "Portland", state: "OR" })]).replace(",OR\n", "");
    const read = await readText(cut);
    const [row] = await readRejects(await writeRejects(read));
    expect(row?.["order_id"]).toBe(cut.split("\n")[1]);
    expect((await resend(read, [])).accepted).toBe(0);
  });
});

describe("a rejects file that comes back", () => {
  test("has the export's delimiter still, whatever stands in the names of its columns", async () => {
    const text = toCsv([goodRow(1, { [`a${",".repeat(40)}`]: "x", amount: "0" })], ";");
    const again = await readAll(await writeRejects(await readText(text)));
    expect(again.rows).toBe(1);
  });

  test("loses no row that cannot be split", async () => {
    const first = await readText(`${toCsv([goodRow(1)])}broken,row\n`);
    const again = await readAll(await writeRejects(first));
    const [row] = await readRejects(await writeRejects(again));
    expect(Object.values(row ?? {}).join()).toContain("broken,row");
  });
});

describe("formulas", () => {
  test("a column's name and a message that begins with it are not run either, and the name is known again", async () => {
    const columns = { customer_id: "=Customer", city: "@city", amount: "-amount" };
    const rename = (row: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries(row).map(([name, cell]) => [Object(columns)[name] ?? name, cell]));
    const right = goodRow(1, { city: "Zürich", "=cmd|' /C calc'!A0": "x", "＋plan": "y" });
    const broken = rename({ ...right, amount: "19,99", "=cmd|' /C calc'!A0": VISA });
    const overrides = { shape: { columns } };
    const text = (row: Record<string, string>): string =>
      `${Object.keys(row).join()}\n${toQuoted(Object.values(row))}\n`;
    const first = await readText(text(broken), overrides);
    const path = await writeRejects(first);
    for (const cells of parse(await readFile(path)) as string[][])
      for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@＋]/);
    const [row] = await readRejects(path);
    const mended = { ...row, "'-amount": "19.99", "'=cmd|' /C calc'!A0": "x" };
    const again = await readText(text(mended), overrides);
    expect(again.notes).toEqual(first.notes);
    expect(again.acceptedRows.map(({ rebill }) => rebill)).toEqual(
      (await readText(text(rename(right)), overrides)).acceptedRows.map(({ rebill }) => rebill),
    );
    expect(again.accepted).toBe(1);
  });

  test("a cell that a spreadsheet would run gets an apostrophe; plain numbers do not", () => {
    for (const cell of ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\tx", "\r=x", "\n=x", "\0=x", "＝1", "'=x"]) {
      expect(neutraliseFormula(cell)).toBe(`'${cell}`);
    }
    for (const cell of ["-19.99", "+49", "19,99", "O'Brien", "'s-Hertogenbosch", "", "a=b"]) {
      expect(neutraliseFormula(cell)).toBe(cell);
    }
  });

  test("what was neutralised is restored exactly, and cannot be run", () => {
    const anyCell = fc.oneof(fc.string(), fc.stringMatching(/^'{0,3}[=+@\t-]?[0-9a'=-]{0,4}$/));
    fc.assert(
      fc.property(anyCell, (cell) => {
        const safe = neutraliseFormula(cell);
        expect(restoreFormula(safe)).toBe(cell);
        expect(/^[=@\t\r]/.test(safe)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test("only in a rejects file is an apostrophe taken off", async () => {
    const read = await readText(toCsv([goodRow(1, { city: "'=x" })]));
    expect(read.acceptedRows[0]?.rebill.city).toBe("'=x");
  });
});
