/**
 * Sorts millions of numbered keys: by their digits, in four passes over both columns. The sort of the language compares, which takes five times
 * as long for a million, and would need key and attempt packed into one number.
 */

const DIGIT_BITS = 13;
const DIGITS = 2 ** DIGIT_BITS;
/** See key-hash.ts. */
const KEY_BITS = 52;

/** Whole numbers below 2^52, each with its attempt. */
export interface Pairs {
  readonly hashes: Float64Array;
  readonly attemptIds: Float64Array;
}

/** By key; those of one key in the order in which they came. What was given is used as room. */
export function sortPairs(pairs: Pairs): Pairs {
  const { length } = pairs.hashes;
  const ends = new Uint32Array(DIGITS);
  let from = pairs;
  let to: Pairs = { hashes: new Float64Array(length), attemptIds: new Float64Array(length) };
  for (let shift = 0; shift < KEY_BITS; shift += DIGIT_BITS) {
    const unit = 2 ** shift;
    ends.fill(0);
    for (let at = 0; at < length; at++) {
      const digit = digitOf(from.hashes[at] as number, unit);
      ends[digit] = (ends[digit] as number) + 1;
    }
    for (let digit = 1; digit < DIGITS; digit++) ends[digit] = (ends[digit] as number) + (ends[digit - 1] as number);
    // From behind, so that equal ones stay in their order.
    for (let at = length - 1; at >= 0; at--) {
      const hash = from.hashes[at] as number;
      const digit = digitOf(hash, unit);
      const place = (ends[digit] as number) - 1;
      ends[digit] = place;
      to.hashes[place] = hash;
      to.attemptIds[place] = from.attemptIds[at] as number;
    }
    [from, to] = [to, from];
  }
  return from;
}

function digitOf(hash: number, unit: number): number {
  return Math.floor(hash / unit) & (DIGITS - 1);
}
