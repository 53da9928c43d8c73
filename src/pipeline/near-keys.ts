/** Rows by their key, roughly: an index is read from front to back if keys that stand side by side in it come one after the other. */

/** A double holds 53 bits: so many for the row, the rest for five characters. */
const ROW_BITS = 20;
export const MOST_ROWS = 2 ** ROW_BITS;
const CHARACTERS = 5;
/** Of ASCII what can be printed; anything else counts as the last of it. */
const FIRST_CODE = 32;
const CODES = 95;
/** So many rows read a handful of pages of an index, in whatever order they come. */
const NEAR_ENOUGH = 1_000;

/** Numbers of rows, of at most MOST_ROWS. Sorting numbers takes a fifth of the time of sorting strings. */
export function nearKeysTogether(keys: readonly string[]): Float64Array {
  const rows = Float64Array.from(keys, (_, row) => row);
  sortFrom(rows, 0, keys);
  return rows;
}

/** All of their keys begin with the same `known` characters. */
function sortFrom(rows: Float64Array, known: number, keys: readonly string[]): void {
  if (rows.length <= NEAR_ENOUGH) return;
  const from = commonLength(rows, known, keys);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as number;
    rows[at] = rankOf(keys[row] as string, from) * MOST_ROWS + row;
  }
  rows.sort();
  for (let start = 0; start < rows.length; ) {
    const rank = Math.floor((rows[start] as number) / MOST_ROWS);
    let end = start;
    for (; end < rows.length && Math.floor((rows[end] as number) / MOST_ROWS) === rank; end++) {
      rows[end] = (rows[end] as number) % MOST_ROWS;
    }
    // Of rank 0 nothing is left that could tell them apart.
    if (rank > 0) sortFrom(rows.subarray(start, end), from + CHARACTERS, keys);
    start = end;
  }
}

function commonLength(rows: Float64Array, known: number, keys: readonly string[]): number {
  const first = keys[rows[0] as number] as string;
  let length = first.length;
  for (const row of rows) {
    const key = keys[row] as string;
    let same = known;
    while (same < length && key.charCodeAt(same) === first.charCodeAt(same)) same += 1;
    length = Math.max(known, Math.min(length, same));
    if (length === known) break;
  }
  return length;
}

function rankOf(key: string, from: number): number {
  let rank = 0;
  for (let at = from; at < from + CHARACTERS; at++) {
    const code = at < key.length ? key.charCodeAt(at) - FIRST_CODE + 1 : 0;
    rank = rank * CODES + Math.max(0, Math.min(CODES - 1, code));
  }
  return rank;
}
