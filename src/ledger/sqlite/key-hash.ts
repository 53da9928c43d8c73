/**
 * A session key as a number. A table of numbers is a third of the size of one of keys, and numbers are sorted at once; two
 * keys may share one, so whoever looks by it compares the keys themselves.
 */

/** 52 bits: exact in a double. Never changed: ledgers hold it. */
export function keyHash(key: string): number {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5bd1e995);
  }
  return (high >>> 0) * 2 ** 20 + (low >>> 12);
}
