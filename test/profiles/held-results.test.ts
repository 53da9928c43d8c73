/** Rows that are held as bytes are the rows of the file, wherever a stretch ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { flex } from "../../src/profiles/flex.ts";
import { holdResults, type StretchSize } from "../../src/profiles/held-results.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import { RecordReader } from "../../src/profiles/result-records.ts";
import { type ResultLine, RowDecoder } from "../../src/profiles/row-decoder.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "rescue-held-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

async function save(content: string | Buffer): Promise<string> {
  const path = join(FOLDER, "results.csv");
  await writeFile(path, content);
  return path;
}

const HEADER = "status,orderId,amount,currency,orderSessionKey";
const { order_id, session_key, status, amount, currency } = flex.results.columns;
const COLUMNS = { order_id, session_key: session_key ?? "", status, amount, currency };
const SHORT: Profile = { ...flex, results: { ...flex.results, columns: COLUMNS } };

/** The records of the whole text at once, each decoded as it stands. */
function readWhole(text: string): ResultLine[] {
  const reader = new RecordReader(",");
  const lines = text.split("\n");
  const [header, ...records] = [...lines.flatMap((line, at) => reader.writeLine(line, at + 1)), ...reader.end()];
  if (!header) return [];
  const decoder = new RowDecoder(SHORT, header);
  return records.map((record) => decoder.decode(record));
}

async function readHeld(path: string, size: StretchSize): Promise<ResultLine[]> {
  const lines: ResultLine[] = [];
  for await (const { held, isWhole } of holdResults(SHORT, path, size)) {
    if (!isWhole) continue;
    // From the last to the first: each stands for itself.
    const stretch = Array.from({ length: held.length }, (_, at) => held.decode(held.length - 1 - at)).reverse();
    for (const [row, line] of stretch.entries()) {
      if (!("malformed" in line)) expect(held.orderIdOf(row)).toBe(line.orderId);
      const isNamed = "sessionKey" in line && line.sessionKey !== "" && ["", line.sessionKey].includes(line.orderId);
      if (isNamed) expect(held.isNamedBySession(row)).toBe(true);
    }
    lines.push(...stretch);
  }
  return lines;
}

const cell = fc.constantFrom(
  "o-1",
  "ö",
  "",
  '"a,b"',
  '"a""b"',
  '"a\nb"',
  'x"y',
  '"open',
  "APPROVED",
  "5",
  "USD",
  "\ufeff",
);
const row = fc.oneof(
  fc.array(cell, { minLength: 1, maxLength: 7 }).map((cells) => cells.join(",")),
  fc.tuple(cell, cell).map(([order, key]) => `APPROVED,${order},5,USD,${key}`),
);
const noise = fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "a", "é"), maxLength: 20 });
const content = fc
  .tuple(fc.constantFrom("\n", "\r\n"), fc.array(fc.oneof(row, noise), { maxLength: 12 }), fc.boolean())
  .map(([end, rows, isTerminated]) => [HEADER, ...rows].join(end) + (isTerminated ? end : ""));
const sizes = fc.record({ rows: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 90 }) });

test("rows are the same however short a stretch is", async () => {
  await fc.assert(
    fc.asyncProperty(content, sizes, async (text, size) => {
      expect(await readHeld(await save(text), size)).toEqual(readWhole(text));
    }),
    { numRuns: 1_500 },
  );
});

test("a mark of the encoding belongs to the file, and not to its first column", async () => {
  const row = "APPROVED,o-1,5,USD,k";
  const path = await save(`\ufeff${HEADER}\n${row}\n`);
  expect(await readHeld(path, { rows: 10, bytes: 1_000 })).toMatchObject([{ line: 2, orderId: "o-1" }]);
});

test("a file of many pieces is cut into stretches of rows and of bytes, at the ends of lines", async () => {
  const rows = Array.from({ length: 30_000 }, (_, at) => `APPROVED,o-${at},5,USD,${"k".repeat(at % 60)}`);
  const path = await save([HEADER, ...rows].join("\n"));
  for (const [size, most] of [
    [{ rows: 7_000, bytes: 10_000_000 }, 7_000],
    [{ rows: 100_000, bytes: 100_000 }, 5_000],
  ] as const) {
    const orderIds: string[] = [];
    for await (const { held, isWhole } of holdResults(SHORT, path, size)) {
      if (!isWhole) continue;
      expect(held.length).toBeLessThanOrEqual(most);
      for (let row = 0; row < held.length; row++) orderIds.push(held.orderIdOf(row));
    }
    expect(orderIds).toEqual(rows.map((_, at) => `o-${at}`));
  }
});

test("a line that is longer than a stretch is one row", async () => {
  const long = "k".repeat(3_000_000);
  const path = await save(`${HEADER}\nAPPROVED,o-1,5,USD,${long}\nAPPROVED,o-2,5,USD,k\n`);
  expect(await readHeld(path, { rows: 10, bytes: 100 })).toMatchObject([
    { line: 2, malformed: "the session key is not plain text of at most 128 characters" },
    { line: 3, orderId: "o-2" },
  ]);
});

test("what is not UTF-8 costs its row only", async () => {
  const bad = Buffer.concat([Buffer.from(`${HEADER}\nAPPROVED,o-`), Buffer.from([0xc3]), Buffer.from(",5,USD,k\n")]);
  const path = await save(Buffer.concat([bad, Buffer.from("APPROVED,o-2,5,USD,k\n")]));
  expect(await readHeld(path, { rows: 10, bytes: 1_000 })).toMatchObject([
    { line: 2, malformed: "the order id is not plain text of at most 128 characters" },
    { line: 3, orderId: "o-2" },
  ]);
});
