/** Cells of a canonical row, read from its bytes: what the strict reader makes of the same bytes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CanonicalCells, CanonicalRows, canonicalIndex } from "../../src/domain/canonical-rows.ts";
import { canonicalRow } from "../../src/intake/canonical.ts";
import { anyRebill } from "../intake/any-rebill.ts";

test("amounts and instants are those of the rebill, of any century and to the millisecond", () => {
  const cells = new CanonicalCells();
  fc.assert(
    fc.property(fc.array(anyRebill, { minLength: 1, maxLength: 5 }), (rebills) => {
      const texts = rebills.map(canonicalRow);
      let end = 0;
      const ends = Uint32Array.from(texts, (text) => {
        end += Buffer.byteLength(text);
        return end;
      });
      const rows = new CanonicalRows(Buffer.from(texts.join("")), ends);
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
  const text = canonicalRow({ ...rebill, expiresAt: far });
  cells.moveTo(new CanonicalRows(Buffer.from(text), Uint32Array.of(Buffer.byteLength(text))), 0);
  expect(cells.instant(canonicalIndex("expires_at"))).toBe(far);
});
