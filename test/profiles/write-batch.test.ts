import fc from "fast-check";
import { expect, test } from "vitest";
import { CanonicalRows } from "../../src/domain/canonical-rows.ts";
import { MoneyTotals } from "../../src/domain/money.ts";
import { createBatchEncoder } from "../../src/profiles/encode.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import { BatchWriter } from "../../src/profiles/write-batch.ts";
import { anyRebill, canonicalRowsOf } from "../intake/any-rebill.ts";

const MID = 'm"i,d';

const anyProfile: fc.Arbitrary<Profile> = fc
  .record({
    delimiter: fc.constantFrom(",", ";", "\t", "|"),
    newline: fc.constantFrom("\n", "\r\n"),
    header: fc.boolean(),
    constant: fc.constantFrom("", "true", "a,b", "x;y|z", 'say "x"'),
  })
  .map(({ constant, ...form }) => ({
    ...flex,
    batch: {
      ...flex.batch,
      ...form,
      columns: [
        ...flex.batch.columns,
        { name: "const, ant", constant },
        { name: "major", from: "amount", as: "major_units" },
        { name: "plain amount", from: "amount" },
        { name: "plain instant", from: "declined_at" },
        { name: "attempt", from: "attempt" },
        { name: "advice", from: "advice_code" },
      ],
    },
  }));

test("the bytes and totals are those that csv-stringify gives of the rebills, for every profile", () => {
  fc.assert(
    fc.property(fc.array(anyRebill, { maxLength: 6 }), anyProfile, (rebills, profile) => {
      const encoder = createBatchEncoder(profile, { mid: MID });
      const expected = encoder.header() + rebills.map((rebill) => encoder.row(rebill)).join("");
      const rows = canonicalRowsOf(rebills);
      const writer = new BatchWriter(profile, { mid: MID });
      // One file after the other, whether what was made of the one before was taken or not.
      for (let file = 0; file < 2; file++) {
        const pieces: Buffer[] = [];
        writer.begin();
        for (let row = 0; row < rows.length; row++) {
          writer.add(rows, row);
          if (row % 2 === 0) pieces.push(Buffer.from(writer.take()));
        }
        pieces.push(Buffer.from(writer.take()));
        expect(Buffer.concat(pieces).toString("utf8")).toBe(expected);
        expect(writer.totals()).toEqual(MoneyTotals.of(rebills).toArray());
        writer.begin();
        if (rows.length > 0) writer.add(rows, 0);
      }
    }),
    { numRuns: 300 },
  );
});

test("a row past the profile's limit is an error", () => {
  const writer = new BatchWriter({ ...flex, batch: { ...flex.batch, maxRows: 1 } }, { mid: MID });
  const row = "o-1,t-1,s-1,c-1,2026-11-20T05:00:00Z,19.99,USD,51,,,,tok,,,,,,,,,,,,,,2026-12-11T05:00:00Z,1,,,\n";
  const rows = new CanonicalRows(Buffer.from(row), Uint32Array.of(row.length));
  writer.add(rows, 0);
  expect(() => writer.add(rows, 0)).toThrow("at most 1 rows");
});
