import { expect, test } from "vitest";
import { goodRow, readText, toCsv } from "./read-all.ts";

const names = (count: number): string => Array.from({ length: count }, (_, at) => `column${at}`).join();

test("a header of eighty thousand columns is refused, and says how many are read", async () => {
  const text = `${toCsv([]).trim()},${names(80_000)}\n`;
  await expect(readText(text)).rejects.toMatchObject({
    code: "export_unreadable",
    message: expect.stringContaining("names 80009 columns; at most 1000 are read"),
  });
});

test("columns that are not used are named up to twenty", async () => {
  const read = await readText(`${toCsv([]).trim()},${names(900)}\n`);
  expect(read.notes.join()).toContain('"column19" and 880 more');
  expect(read.notes.join()).not.toContain("column20");
});

test("a column's name that is as long as a row is cut where it is shown", async () => {
  const name = "n".repeat(500_000);
  const read = await readText(toCsv([goodRow(1, { [name]: "4111111111111111" })]));
  const [problem] = read.rejectedRows[0]?.problems ?? [];
  expect(problem?.code).toBe("card_number");
  expect(problem?.column).toBe(`${"n".repeat(80)}…`);
  expect([...read.notes, problem?.message].join().length).toBeLessThan(1_000);
  await expect(readText(`${name},${name}\n`)).rejects.toMatchObject({ code: "columns_missing" });
});

test("one bad row among thousands costs no other its place", async () => {
  const rows = Array.from({ length: 2_000 }, (_, at) => goodRow(at));
  const lines = toCsv(rows).split("\n");
  lines[700] = 'a"b';
  lines[701] = 'c"d';
  const read = await readText(lines.join("\n"));
  expect(read.accepted).toBe(1_998);
  expect(read.rejects).toEqual(["700 701 - bad_quoting", "701 702 - bad_quoting"]);
});
