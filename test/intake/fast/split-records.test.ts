/** The odd rows' cells are those of csv-parse, whoever splits them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dialect } from "../../../src/intake/dialect.ts";
import { splitRecords } from "../../../src/intake/fast/split-records.ts";
import { parseRecords } from "../../../src/intake/parse-records.ts";

const dialects = ([",", ";", "\t"] as const).map((delimiter): Dialect => ({ delimiter, newline: "\n", columns: 3 }));

/** What the framer gives: never empty, no line end but within quotes, no carriage return at its end. */
const record = fc
  .array(fc.oneof(fc.constantFrom(",", ";", "\t", " ", "\r", "\ufeff", "\u00a0", '"', "a"), fc.string()), {
    minLength: 1,
  })
  .map((parts) => `x${parts.join("").replaceAll("\n", "")}x`);

test("a record without quotes has the cells that csv-parse gives it", () => {
  const plain = record.map((text) => text.replaceAll('"', ""));
  fc.assert(
    fc.property(fc.array(plain), fc.constantFrom(...dialects), (records, dialect) => {
      expect(splitRecords(records, dialect)).toEqual(parseRecords(records, dialect));
    }),
  );
});

test("records with and without quotes come back in their order, the bad ones among them as nothing", () => {
  const records = ["a,b,c", '"d",e,"f,""g"""', 'h"i,j,k', "l,m,n", 'o"p,q', '"r",s,t'];
  const [comma = dialects[0] as Dialect] = dialects;
  const expected = [["a", "b", "c"], ["d", "e", 'f,"g"'], undefined, ["l", "m", "n"], undefined, ["r", "s", "t"]];
  expect(splitRecords(records, comma)).toEqual(expected);
  expect(parseRecords(records, comma)).toEqual(expected);
});

test("each record is judged alone, however a bad one stands among others", () => {
  const mixed = fc.array(record, { maxLength: 6 });
  fc.assert(
    fc.property(mixed, fc.constantFrom(...dialects), (records, dialect) => {
      const alone = records.map((text) => parseRecords([text], dialect)[0]);
      expect(parseRecords(records, dialect)).toEqual(alone);
      expect(splitRecords(records, dialect)).toEqual(alone);
    }),
  );
});
