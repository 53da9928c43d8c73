/** Single bytes by name. What kind of byte something is: byte-classes.ts. */

export const BYTE = {
  lf: 0x0a,
  cr: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  dash: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  upperA: 0x41,
  upperT: 0x54,
  upperZ: 0x5a,
  latinLead: 0xc2,
} as const;

export function isDigit(byte: number): boolean {
  return byte >= BYTE.zero && byte <= BYTE.nine;
}
