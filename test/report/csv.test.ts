import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { expect, test } from "vitest";
import { csvLines } from "../../src/report/csv.ts";
import { neutralise } from "../../src/report/printable.ts";

test("a line that needs no quotes is written as csv-stringify writes it, and so is any other", () => {
  const odd = fc.constantFrom(
    '"',
    ",",
    "\n",
    "\r",
    "\r\n",
    ";",
    "\t",
    " ",
    "",
    "=1+1",
    "ä",
    "\u2028",
    "\0",
    "a b",
    '""',
  );
  const cell = fc.array(fc.oneof(odd, fc.string({ maxLength: 6 })), { maxLength: 3 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), (records) => {
      expect(csvLines(records)).toBe(stringify(records.map((record) => record.map(neutralise))));
    }),
    { numRuns: 2_000 },
  );
});
