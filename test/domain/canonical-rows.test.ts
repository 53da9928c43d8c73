/** Cells of a canonical row, read from its bytes: what the strict reader makes of the same bytes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CanonicalCells, canonicalIndex } from "../../src/domain/canonical-rows.ts";
import { anyRebill, canonicalRowsOf } from "../intake/any-rebill.ts";

test("amounts and instants are those of the rebill, of any century and to the millisecond", () => {
  const cells = new CanonicalCells();
  fc.assert(
    fc.property(fc.array(anyRebill, { minLength: 1, maxLength: 5 }), (rebills) => {
      const rows = canonicalRowsOf(rebills);
      for (const [at, rebill] of rebills.entries()) {
        cells.moveTo(rows, at);
        expect(cells.instant(canonicalIndex("declined_at"))).toBe(rebill.declinedAt);
        expect(cells.instant(canonicalIndex("expires_at"))).toBe(rebill.expiresAt);
        expect(cells.amountMinor()).toBe(rebill.amountMinor);
      }
    }),
  );
});

test("an instant beyond the year 9999 is read as it was written", () => {
  const cells = new CanonicalCells();
  const far = Date.UTC(10_240, 1, 29, 3, 4, 5);
  const [rebill] = fc.sample(anyRebill, 1);
  if (!rebill) throw new Error("no rebill");
  cells.moveTo(canonicalRowsOf([{ ...rebill, expiresAt: far }]), 0);
  expect(cells.instant(canonicalIndex("expires_at"))).toBe(far);
});

test("cells at the ends of a row are where they are when all of its cells are found", () => {
  const [all, ends] = [new CanonicalCells(), new CanonicalCells()];
  const columns = all.starts.length;
  const place = (cells: CanonicalCells, at: number) => [cells.starts[at], cells.ends[at], cells.isQuoted(at)];
  fc.assert(
    fc.property(
      fc.array(anyRebill, { minLength: 1, maxLength: 4 }),
      fc.nat(columns),
      fc.nat(columns),
      (rebills, until, from) => {
        const rows = canonicalRowsOf(rebills);
        for (const row of rebills.keys()) {
          all.moveTo(rows, row);
          ends.moveToEnds(rows, row, until, from);
          const wanted = Array.from({ length: columns }, (_, at) => at).filter((at) => at < until || at >= from);
          expect(wanted.map((at) => place(ends, at))).toEqual(wanted.map((at) => place(all, at)));
        }
      },
    ),
    { numRuns: 300 },
  );
});
