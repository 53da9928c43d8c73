/** ISO 4217 by three bytes: an index instead of a string. */
const UPPER_A = 0x41;
const LETTERS = 26;
/** So many indexes there are. */
export const CURRENCY_INDEXES = LETTERS ** 3;

/** Of three capital letters; -1: they are none. */
export function currencyIndex(bytes: Buffer, start: number, end: number): number {
  if (end - start !== 3) return -1;
  let index = 0;
  for (let at = start; at < end; at++) {
    const letter = (bytes[at] as number) - UPPER_A;
    if (letter < 0 || letter >= LETTERS) return -1;
    index = index * LETTERS + letter;
  }
  return index;
}

export function currencyOf(index: number): string {
  const letters = [Math.floor(index / LETTERS ** 2), Math.floor(index / LETTERS) % LETTERS, index % LETTERS];
  return String.fromCharCode(...letters.map((letter) => letter + UPPER_A));
}
