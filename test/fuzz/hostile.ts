/** What people, spreadsheets, providers and attackers put into files: cells, quoting, bytes, and ways to damage a good file. */
import fc from "fast-check";

const CELLS = [
  "",
  " ",
  "\0",
  '"',
  '""',
  '"""',
  '"x',
  'x"',
  ",",
  ";",
  "\t",
  "\r",
  "\n",
  "\r\n",
  "\ufeff",
  "\u0085",
  "\u2028",
  "\ud800",
  "\udfff x",
  "\u202etxt.exe",
  "\u001b[31mred",
  "\u001b]0;title\u0007",
  "\u001b]8;;http://example.com\u001b\\link",
  "\u009b2J",
  "x\nok: forged",
  "x\r\nok: forged",
  "=1+1",
  "+cmd|' /C calc'!A0",
  "-2+3",
  "@SUM(1)",
  "＝1",
  "'=1",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "4111111111111111",
  "4111-1111-1111-1111",
  "4111 1111 1111 1111",
  "1e999",
  "1E+15",
  "-0",
  "0x10",
  "NaN",
  "Infinity",
  "9".repeat(400),
  "99999999999999999999",
  "1,234.56",
  "19,99",
  "0001-01-01T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "2026-11-20T22:15:00+99:99",
  "../../etc/passwd",
  "%s%n%x",
  "$" + "{HOME}",
  "{{7*7}}",
  "<script>alert(1)</script>",
  "'; DROP TABLE attempts; --",
  "a".repeat(300),
  `${" ".repeat(5_000)}x`,
  `${"1,".repeat(3_000)}x`,
  `${"4111 ".repeat(2_000)}x`,
  "🎉".repeat(200),
  "e\u0301".repeat(100),
];

export const hostileCell: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...CELLS),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('"', ",", ";", "\n", "\r", "\t", "a", "\0", "=", "'"), maxLength: 12 }),
  fc.tuple(fc.constantFrom(...CELLS), fc.constantFrom(...CELLS)).map(([a, b]) => a + b),
);

/** Quoted rightly, wrongly or not at all. */
const writtenCell: fc.Arbitrary<string> = fc
  .tuple(hostileCell, fc.constantFrom("right", "right", "bare", "open", "doubled"))
  .map(([cell, how]) => {
    if (how === "bare") return cell;
    if (how === "open") return `"${cell}`;
    return how === "doubled" ? `""${cell}""` : `"${cell.replaceAll('"', '""')}"`;
  });

export function hostileCsv(header: readonly string[], goodCells: readonly string[]): fc.Arbitrary<Buffer> {
  const cell = fc.oneof({ arbitrary: fc.constantFrom(...goodCells), weight: 3 }, writtenCell);
  const row = fc.oneof(
    { arbitrary: fc.tuple(...header.map(() => cell)), weight: 4 },
    { arbitrary: fc.array(cell, { maxLength: header.length + 3 }), weight: 1 },
  );
  const title = fc.oneof(
    { arbitrary: fc.constant([...header]), weight: 6 },
    { arbitrary: fc.array(writtenCell, { maxLength: 4 }).map((more) => [...header, ...more]), weight: 3 },
    { arbitrary: fc.array(writtenCell, { maxLength: 8 }), weight: 1 },
  );
  return fc
    .record({
      title,
      rows: fc.array(row, { maxLength: 8 }),
      delimiter: fc.constantFrom(",", ",", ",", ";", "\t"),
      newline: fc.constantFrom("\n", "\n", "\r\n", "\r"),
      end: fc.constantFrom("", "\n", "\0", '"'),
      form: fc.constantFrom("utf8", "utf8", "utf8", "bom", "utf16le", "utf16be", "latin1"),
    })
    .map(({ title, rows, delimiter, newline, end, form }) =>
      encode([title, ...rows].map((cells) => cells.join(delimiter)).join(newline) + end, form),
    );
}

function encode(text: string, form: string): Buffer {
  if (form === "bom") return Buffer.from(`\ufeff${text}`);
  if (form === "utf16le") return Buffer.from(`\ufeff${text}`, "utf16le");
  if (form === "utf16be") return Buffer.from(`\ufeff${text}`, "utf16le").swap16();
  return Buffer.from(text, form === "latin1" ? "latin1" : "utf8");
}

interface Damage {
  readonly how: "flip" | "cut" | "insert" | "repeat" | "move" | "end";
  readonly at: number;
  readonly length: number;
  readonly bytes: Buffer;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  how: fc.constantFrom("flip", "cut", "insert", "repeat", "move", "end"),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat(60),
  bytes: fc.oneof(
    hostileCell.map((cell) => Buffer.from(cell)),
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  ),
});

/** A good file of which some places were damaged; the first `keep` bytes are left alone. */
export function damaged(good: Buffer, keep = 0): fc.Arbitrary<Buffer> {
  return fc
    .array(damage, { minLength: 1, maxLength: 5 })
    .map((damages) => damages.reduce((bytes, one) => apply(bytes, one, keep), good));
}

function apply(file: Buffer, { how, at, length, bytes }: Damage, keep: number): Buffer {
  const start = keep + Math.floor(at * Math.max(0, file.length - keep));
  const [before, piece, after] = [
    file.subarray(0, start),
    file.subarray(start, start + length),
    file.subarray(start + length),
  ];
  if (how === "flip") return Buffer.concat([before, bytes, file.subarray(start + bytes.length)]);
  if (how === "cut") return Buffer.concat([before, after]);
  if (how === "insert") return Buffer.concat([before, bytes, piece, after]);
  if (how === "repeat") return Buffer.concat([before, piece, piece, piece, after]);
  return how === "move" ? Buffer.concat([before, after, piece]) : before;
}
