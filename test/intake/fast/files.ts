/** Export files of every kind, with rows that are right, rows that are nearly right, and bytes that fell on the floor. */
import fc from "fast-check";
import { COLUMNS, type ColumnName } from "../../../src/domain/columns.ts";
import { goodRow } from "../read-all.ts";

/** A way to break (or strain) one cell, by name; the coverage figure counts them. */
export interface Strain {
  readonly name: string;
  readonly column: ColumnName;
  readonly cell: string;
}

const strain = (column: ColumnName, cells: readonly string[]): Strain[] =>
  cells.map((cell) => ({ name: `${column} ${JSON.stringify(cell).slice(0, 40)}`, column, cell }));

const long = (length: number, character = "a") => character.repeat(length);

export const STRAINS: readonly Strain[] = [
  ...strain("order_id", [
    "",
    "R 1",
    "R-1 ",
    "é",
    long(64),
    long(65),
    "4E+11",
    "4111111111111111",
    "a,b",
    'a"b',
    "A:b_c.d-e",
  ]),
  ...strain("transaction_id", [
    "",
    " t",
    "t ",
    "a b",
    "1.23457E+15",
    "1E15",
    "tx+1",
    "4111-1111-1111-1111",
    't"x',
    "t,x",
    long(65),
  ]),
  ...strain("subscription_id", ["", "s\tx", "sé", "-", "5500 0000 0000 0004"]),
  ...strain("customer_id", ["", "c\u0001", "=1+1", "378282246310005"]),
  ...strain("declined_at", [
    "",
    "2026-11-20T22:15:00",
    "2026-11-20 22:15:00Z",
    "2026-11-20T22:15Z",
    "2026-11-20T22:15:00z",
    "2026-11-20T22:15:60Z",
    "2026-11-20T24:15:00Z",
    "2026-02-29T22:15:00Z",
    "2026-11-31T22:15:00Z",
    "2026-11-20T17:15:00-05:00",
    "2026-11-20T17:15:00-0500",
    "2026-11-20T17:15:00-05",
    "2026-11-20T17:15:00-24:00",
    "2026-11-20T17:15:00+05:60",
    "2026-11-20T22:15:00.5Z",
    "2026-11-20T22:15:00.123Z",
    "2026-11-20T22:15:00.000Z",
    "2026-11-20T22:15:00.123456789+00:00",
    "2026-11-20T22:15:00.1234567890Z",
    "2026-11-20T22:15:00,5Z",
    "2026-11-20T22:15:00.Z",
    "2026-11-17T22:15:00Z",
    "2026-11-20T04:59:59Z",
    "2026-11-20T05:00:00Z",
    "2026-11-21T06:05:00Z",
    "2026-11-21T06:05:01Z",
    "1969-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "20x6-11-20T22:15:00Z",
  ]),
  ...strain("amount", [
    "",
    "0",
    "0.00",
    "00.50",
    "0.50",
    "19",
    "19.9",
    "19.99",
    "19.990",
    "019.99",
    "19.",
    ".99",
    "-19.99",
    "+19.99",
    "1e3",
    "1,234.56",
    "19,99",
    " 19.99",
    "1.2.3",
    "9999999999.99",
    "99999999999.99",
    "5000.00",
    "5000.01",
    "000000000019.99",
    "1999",
    "$19.99",
  ]),
  ...strain("currency", ["", "usd", "US", "USDX", "XXX", "JPY", "KWD", "CLF", "ÄÖÜ", "USD "]),
  ...strain("decline_code", [
    "",
    "00",
    "4",
    "04",
    "41",
    "100",
    "APPROVED",
    "approved",
    "R1",
    "r1",
    "insufficient funds",
    "9,1",
    long(33),
    "51 ",
  ]),
  ...strain("decline_code_source", ["visa", "VISA", "nmi", "constructor", "__proto__", long(33), "is o"]),
  ...strain("decline_message", [
    "a\u0000b",
    "a\u0085b",
    "a\u00a0b",
    "Müller 😀",
    "two\nlines",
    "two\r\nlines",
    'say ""x""',
    long(256),
    long(257),
    long(200, "é"),
    "\u200b",
  ]),
  ...strain("advice_code", ["03", "21", "2", "1+", "001", " 1"]),
  ...strain("payment_token", [
    "",
    "411111XXXXXX1111",
    "4111 11xx xxxx 1111",
    "411111******1111",
    "-411111XXXXXX1111",
    "--4111-11XX-XXXX-1111",
    "-tok_x",
    "tok_x*X",
    "1x",
    "+tok",
    "9E+2",
    "tok 1",
    long(129),
  ]),
  ...strain("card_bin", ["424242", "42424", "42424242", "424242424", "42424x"]),
  ...strain("card_last4", ["4242", "424", "42425", "42é"]),
  ...strain("card_brand", ["visa", "v\tisa", long(33), "4242424242424242"]),
  ...strain("card_exp_month", ["1", "01", "12", "0", "00", "13", "1.", "012"]),
  ...strain("card_exp_year", ["2030", "30", "20 30", "02030"]),
  ...strain("customer_email", ["a@example.com", "a+b@example.com", "@x", "=cmd", `${long(250)}@x.y`]),
  ...strain("address1", [
    "1 Main St, Apt 4",
    "4000 0566 5566 5556",
    "12345678901234",
    "00 4000-0566-5566-5556 x",
    "4111\u00a01111\u00a01111\u00a01111",
    "3782 822463 10005",
  ]),
  ...strain("postal_code", ["2134", "02134", "SW1A 1AA", long(21)]),
  ...strain("country", ["US", "us", "Ua", "uA", "UK", "USA", "U", "XX"]),
  ...strain("expires_at", [
    "2026-12-11T22:15:00Z",
    "2026-11-25T00:00:00Z",
    "2026-11-20T00:00:00Z",
    "2026-12-11T17:15:00-05:00",
    "tomorrow",
    "9998-12-31T23:59:59-23:59",
  ]),
  ...strain("attempt", ["1", "2", "0", "01", "1.0", "999999", "1000000", "-1"]),
  ...strain("customer_ip", ["192.0.2.1", "2001:db8::1", long(46)]),
];

export interface GeneratedFile {
  readonly bytes: Buffer;
  /** By row, from 0: what was done to it. Rows that share a damaged byte are not told apart. */
  readonly strains: readonly (Strain | undefined)[];
  readonly isMutated: boolean;
}

const OPTIONAL = COLUMNS.filter(({ required }) => !required).map(({ name }) => name);

const anyText = fc.oneof(
  fc.constantFrom("", "Müller", "O'Neil", "a, b", 'the "x"', "line\nbreak", "😀", "日本", "\u0080", "x".repeat(90)),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);

const aRow = fc.record({
  strain: fc.option(fc.constantFrom(...STRAINS), { nil: undefined, freq: 2 }),
  texts: fc.array(anyText, { minLength: 3, maxLength: 3 }),
  twin: fc.option(fc.nat(3), { nil: undefined, freq: 12 }),
  unknown: anyText,
  drop: fc.boolean(),
});

/** Any, and those more often that records are made of. */
const aByte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('",;\t\r\n')));
const aMutation = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: aByte, kind: fc.nat(2) });

export const anyFile: fc.Arbitrary<GeneratedFile> = fc
  .record({
    rows: fc.array(aRow, { minLength: 1, maxLength: 12 }),
    optional: fc.subarray(OPTIONAL),
    order: fc.infiniteStream(fc.nat(1000)),
    delimiter: fc.constantFrom(",", ",", ",", ";", "\t"),
    newline: fc.constantFrom("\n", "\n", "\r\n", "\r"),
    quoteAll: fc.boolean(),
    mark: fc.boolean(),
    isUnended: fc.boolean(),
    blankLines: fc.boolean(),
    hasUnknown: fc.boolean(),
    mutations: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(aMutation, { maxLength: 4 })),
  })
  .map((file) => {
    const rows = file.rows.map(({ strain, texts, twin, unknown }, at) => {
      const id = twin === undefined ? at : Math.min(twin, at);
      const [decline_message = "", first_name = "", city = ""] = texts;
      const cells = goodRow(id, { decline_message, first_name, city, card_exp_month: "4", card_exp_year: "2030" });
      return { ...cells, note: unknown, ...(strain ? { [strain.column]: strain.cell } : {}) } as Record<string, string>;
    });
    const required = COLUMNS.filter(({ required: isRequired }) => isRequired).map(({ name }) => name);
    const pair: ColumnName[] = ["card_exp_month", "card_exp_year"];
    const names = [...new Set<string>([...required, ...file.optional, ...pair, "decline_message"])];
    if (file.hasUnknown) names.push("note");
    const keys = new Map(names.map((name) => [name, file.order.next().value ?? 0]));
    names.sort((left, right) => (keys.get(left) ?? 0) - (keys.get(right) ?? 0));
    const quote = (cell: string) =>
      file.quoteAll || /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))].map((cells) =>
      cells.map(quote).join(file.delimiter),
    );
    const text = lines.join(file.blankLines ? file.newline + file.newline : file.newline);
    const whole = (file.mark ? "\ufeff" : "") + text + (file.isUnended ? "" : file.newline);
    // The header stays whole: what is wrong with it stops the file, and nothing is left to compare.
    const header = (file.mark ? 3 : 0) + Buffer.byteLength(lines[0] ?? "") + file.newline.length;
    return {
      bytes: mutate(Buffer.from(whole), header, file.mutations),
      strains: file.rows.map(({ strain }) => strain),
      isMutated: file.mutations.length > 0,
    };
  });

function mutate(
  bytes: Buffer,
  from: number,
  mutations: readonly { readonly at: number; readonly byte: number; readonly kind: number }[],
): Buffer {
  let changed = bytes;
  for (const { at, byte, kind } of mutations) {
    const place = Math.min(changed.length, from + Math.floor(at * Math.max(0, changed.length - from)));
    const inserted = kind === 0 ? [] : [byte];
    const skipped = kind === 1 ? 0 : 1;
    changed = Buffer.concat([changed.subarray(0, place), Buffer.from(inserted), changed.subarray(place + skipped)]);
  }
  return changed;
}
