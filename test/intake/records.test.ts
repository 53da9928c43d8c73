import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecords } from "../../src/intake/parse-records.ts";
import { openRecords, readRecords } from "../../src/intake/read-records.ts";
import { type FramedRecord, MAX_RECORD_BYTES } from "../../src/intake/record-framer.ts";

interface Read {
  /** Undefined where csv-parse finds fault, or the framer does. */
  readonly cells: string[] | undefined;
  readonly line: number;
}

/** Every record of the bytes, given in pieces of the sizes named (the last size again and again). */
async function readPieces(bytes: Buffer, sizes: readonly number[]): Promise<Read[]> {
  async function* pieces(): AsyncGenerator<Buffer> {
    let at = 0;
    for (let piece = 0; at < bytes.length; piece++) {
      const size = Math.max(1, sizes[Math.min(piece, sizes.length - 1)] ?? bytes.length);
      const chunk = Buffer.from(bytes.subarray(at, at + size));
      yield chunk;
      // Its memory is used again, as ExportFile does.
      chunk.fill("!");
      at += size;
    }
  }
  const found: Read[] = [];
  const opened = await openRecords(pieces(), "test.csv");
  if (!opened) return found;
  const add = (record: FramedRecord) => {
    const [cells] = record.damage ? [undefined] : parseRecords([record.bytes.toString("utf8")], opened.dialect);
    found.push({ cells, line: record.line });
  };
  add(opened.header);
  for await (const records of readRecords(opened)) records.forEach(add);
  return found;
}

const read = (text: string | Buffer): Promise<Read[]> => readPieces(Buffer.from(text as string), [1 << 30]);

const anyCell = fc.oneof(
  fc.constantFrom("", "a", '"', '""', ",", ";", "\t", "\n", "\r\n", " ", "é", "😀", "a,b", 'say "x"'),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);
// The first cell is never empty, so that no record is a blank line, and holds nothing that would change the delimiter.
const anyTable = fc
  .integer({ min: 2, max: 5 })
  .chain((columns) =>
    fc.array(
      fc.tuple(fc.constantFrom("x", "y y", "é"), fc.array(anyCell, { minLength: columns - 1, maxLength: columns - 1 })),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
  )
  .map((rows) => rows.map(([first, others]) => [first, ...others]));

describe("records", () => {
  test("whatever csv-stringify writes is read back, with every delimiter, line end and quoting", async () => {
    const form = fc.record({
      delimiter: fc.constantFrom(",", ";", "\t"),
      record_delimiter: fc.constantFrom("\n", "\r\n", "\r"),
      quoted: fc.boolean(),
      eof: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(anyTable, form, async (rows, options) => {
        const columns = rows[0]?.length ?? 0;
        const header = Array.from({ length: columns }, (_, at) => `column ${at}`);
        // A lone CR in a cell must be quoted, though csv-stringify does not see the need where lines end with LF.
        const text = stringify([header, ...rows], { ...options, quoted_match: /[\r\n]/ });
        const found = await read(text);
        expect(found.map(({ cells }) => cells)).toEqual([header, ...rows]);
      }),
    );
  });

  test("how the bytes are cut into chunks changes nothing, however damaged they are", async () => {
    const anyText = fc
      .array(fc.constantFrom('"', '""', ",", ",", "\n", "\n", "\r\n", "a", "bc", "é", '","', '"\n'), { maxLength: 40 })
      .map((pieces) => `h1,h2,h3${pieces.join("").length % 2 === 0 ? "\n" : "\r\n"}${pieces.join("")}`);
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (text, sizes) => {
        const bytes = Buffer.from(text);
        expect(await readPieces(bytes, sizes)).toEqual(await readPieces(bytes, [bytes.length]));
      }),
      { numRuns: 1_000 },
    );
  });

  test("each record's line is the line its first cell stands on", async () => {
    const anyText = fc
      .array(fc.constantFrom('"', ",", "\n", "a", '","', "b,c,d\n"), { maxLength: 40 })
      .map((pieces) => `h1,h2,h3\n${pieces.join("")}end,end,end`);
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const found = await read(text);
        const lines = text.split("\n").map((line) => line.replaceAll('"', ""));
        for (const { cells, line } of found) {
          const start = cells?.[0]?.split("\n")[0]?.replaceAll('"', "") ?? "";
          expect(lines[line - 1]?.startsWith(start)).toBe(true);
        }
        expect(found.every(({ line }, at) => at === 0 || line > (found[at - 1]?.line ?? 0))).toBe(true);
      }),
    );
  });

  test.each([
    ["UTF-16LE with a mark", "utf16le", true],
    ["UTF-16LE without", "utf16le", false],
  ] as const)("%s is read as if it were UTF-8, in chunks of any size", async (_, encoding, mark) => {
    const text = "a,b\nZoë,😀\n漢字,x\n";
    const little = Buffer.from((mark ? "\ufeff" : "") + text, encoding);
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      for (const size of [1, 2, 3, 5, 1000]) {
        const found = await readPieces(bytes, [size]);
        expect(found.map(({ cells }) => cells)).toEqual([
          ["a", "b"],
          ["Zoë", "😀"],
          ["漢字", "x"],
        ]);
      }
    }
  });

  test("half a character at the end of UTF-16, or a lone surrogate within, leaves a byte that is not UTF-8", async () => {
    const whole = Buffer.from("\ufeffa,b\nx,y", "utf16le");
    const cut = await readPieces(Buffer.concat([whole, Buffer.from([0x41])]), [7]);
    expect(cut[1]?.cells?.[1]).toBe("y\ufffd");
    const lone = await readPieces(Buffer.from("\ufeffa,b\nx\ud800y,z\n", "utf16le"), [3]);
    expect(lone[1]?.cells).toEqual(["x\ufffdy", "z"]);
  });
});

describe("recovery after a bad quotation mark", () => {
  test("an open quote costs its own row, not those behind it", async () => {
    const found = await read('a,b,c\n1,"x,y\n2,x,y\n3,x,y\n');
    expect(found).toEqual([
      { cells: ["a", "b", "c"], line: 1 },
      { cells: undefined, line: 2 },
      { cells: ["2", "x", "y"], line: 3 },
      { cells: ["3", "x", "y"], line: 4 },
    ]);
  });

  test("nor a row behind it that has a quoted line break of its own", async () => {
    const found = await read('a,b,c\n1,"x"x,y\n2,"x\nx",y\n3,x,y\n');
    expect(found.map(({ cells, line }) => [line, cells?.[0]])).toEqual([
      [1, "a"],
      [2, undefined],
      [3, "2"],
      [5, "3"],
    ]);
  });

  test("the lines of a cell that broke off belong to the row that broke off", async () => {
    const found = await read('a,b,c\n1,x,"street\nApt 4\nPortland');
    expect(found).toHaveLength(2);
  });

  test("nor do they become rows of their own when the row is damaged further on", async () => {
    const found = await read('a,b,c\n1,x,"street\nApt 4\nPort"land\n2,x,y\n');
    expect(found.map(({ cells, line }) => [line, cells?.[0]])).toEqual([
      [1, "a"],
      [2, undefined],
      [5, "2"],
    ]);
  });

  test("an open quote in front of many rows is given up within bounds", async () => {
    const rows = 40_000;
    const text = `a,b,c\n0,"x,y\n${Array.from({ length: rows }, (_, at) => `${at + 1},some text to fill the row,y\n`).join("")}`;
    expect(text.length).toBeGreaterThan(MAX_RECORD_BYTES);
    const found = await readPieces(Buffer.from(text), [65_536]);
    expect(found).toHaveLength(rows + 2);
    expect(found.filter(({ cells }) => cells === undefined)).toEqual([{ cells: undefined, line: 2 }]);
    expect(found.at(-1)).toEqual({ cells: [String(rows), "some text to fill the row", "y"], line: rows + 2 });
  });

  test("a line longer than any row is one damaged record, and the next line is read", async () => {
    const text = `a,b\nx,${"y".repeat(3 * MAX_RECORD_BYTES)}\n1,2\n`;
    const found = await readPieces(Buffer.from(text), [100_000]);
    expect(found).toEqual([
      { cells: ["a", "b"], line: 1 },
      { cells: undefined, line: 2 },
      { cells: ["1", "2"], line: 3 },
    ]);
  });

  test("bad quotes in every row cost time in proportion to the file", async () => {
    const text = `a,b,c\n${'1,"x"x,"y\n'.repeat(100_000)}`;
    const started = performance.now();
    expect(await read(text)).toHaveLength(100_001);
    expect(performance.now() - started).toBeLessThan(8_000);
  });
});

describe("the delimiter", () => {
  test.each([
    ['"a, b";c;d\n1;2;3\n', ["a, b", "c", "d"]],
    ["a,b\tc\td\n", ["a,b", "c", "d"]],
    ["only\n", ["only"]],
    ["\n\n\r\na,b\n", ["a", "b"]],
  ])("is told from the header line %j", async (text, header) => {
    expect((await read(text))[0]?.cells).toEqual(header);
  });
});
