/**
 * A 64-bit fingerprint of an id, as two 32-bit words, each from its own multiplier, mixed with each other at the end. Fast,
 * not secret. Ids are ASCII, so their bytes and their characters give the same.
 */

/** Where the words are put; read them before the next call. */
export const print = { high: 0, low: 0 };

const HIGH_SEED = 0xdeadbeef;
const LOW_SEED = 0x41c6ce57;
const HIGH_PRIME = 0x9e3779b1;
const LOW_PRIME = 0x5f356495;

export function fingerprintText(id: string): typeof print {
  let high = HIGH_SEED;
  let low = LOW_SEED;
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at);
    high = Math.imul(high ^ unit, HIGH_PRIME);
    low = Math.imul(low ^ unit, LOW_PRIME);
  }
  return mix(high, low);
}

export function fingerprintBytes(bytes: Buffer, start: number, end: number): typeof print {
  let high = HIGH_SEED;
  let low = LOW_SEED;
  for (let at = start; at < end; at++) {
    const unit = bytes[at] as number;
    high = Math.imul(high ^ unit, HIGH_PRIME);
    low = Math.imul(low ^ unit, LOW_PRIME);
  }
  return mix(high, low);
}

function mix(high: number, low: number): typeof print {
  const first = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  const second = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  print.high = first >>> 0;
  print.low = second >>> 0;
  return print;
}
