/** ISO 4217 by three bytes: an index instead of a string. */
import { CURRENCY_EXPONENTS } from "../../domain/currency.ts";
import { BYTE } from "./bytes.ts";

const LETTERS = 26;
const CODES = LETTERS ** 3;

/** Of three capital letters; -1: they are none. */
export function currencyIndex(bytes: Buffer, start: number, end: number): number {
  if (end - start !== 3) return -1;
  let index = 0;
  for (let at = start; at < end; at++) {
    const letter = (bytes[at] as number) - BYTE.upperA;
    if (letter < 0 || letter >= LETTERS) return -1;
    index = index * LETTERS + letter;
  }
  return index;
}

export function currencyOf(index: number): string {
  const letters = [Math.floor(index / LETTERS ** 2), Math.floor(index / LETTERS) % LETTERS, index % LETTERS];
  return String.fromCharCode(...letters.map((letter) => letter + BYTE.upperA));
}

export class CurrencyTable {
  /** Decimals; -1: no currency. */
  readonly exponents = new Int8Array(CODES).fill(-1);
  /** The most minor units that the policy allows. */
  readonly limits = new Float64Array(CODES);

  constructor(maxAmountMinor: Readonly<Record<string, number>>) {
    for (const [code, exponent] of CURRENCY_EXPONENTS) {
      const index = currencyIndex(Buffer.from(code), 0, code.length);
      this.exponents[index] = exponent;
      this.limits[index] = maxAmountMinor[code] ?? Number.POSITIVE_INFINITY;
    }
  }
}
