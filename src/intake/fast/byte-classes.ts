/** What kind of byte: a cell's bytes, or-ed together, tell in one number which rules it can break. */
import { BYTE } from "./bytes.ts";

export const DIGIT = 1 << 0;
export const LETTER = 1 << 1;
/** `-` `:`: what stands behind them may be the beginning of a card number. */
export const DASH = 1 << 2;
/** `.` `_`: like letters and digits they belong to what they touch. */
export const ID_MARK = 1 << 3;
export const SPACE = 1 << 4;
export const PLUS = 1 << 5;
export const COMMA = 1 << 6;
/** Any other printable ASCII. */
export const MARK = 1 << 7;
export const TAB = 1 << 8;
export const LINE_BREAK = 1 << 9;
/** 0xC2: leads the control characters U+0080 to U+009F, and the no-break space. */
export const LATIN_LEAD = 1 << 10;
/** Any other byte of a character beyond ASCII. */
export const HIGH = 1 << 11;
export const CONTROL = 1 << 12;
/** `x` `X` `*`, with which card numbers are masked; beside the byte's own kind. */
export const MASKING = 1 << 13;
/** Ends the run: the delimiter, a quote, a line break; within quotes the quote alone. */
export const STOP = 1 << 14;
/** Set by the scanner: the cell holds doubled quotes. */
export const DOUBLED = 1 << 15;

/** Printable ASCII without the space. */
export const VISIBLE = DIGIT | LETTER | DASH | ID_MARK | PLUS | COMMA | MARK | MASKING;

/** By byte. `delimiter` undefined: within quotes, where only a quote stops. */
export function classifyBytes(delimiter: number | undefined): Uint16Array {
  const classes = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) classes[byte] = classOf(byte);
  const stops = delimiter === undefined ? [BYTE.quote] : [BYTE.quote, delimiter, BYTE.cr, BYTE.lf];
  for (const byte of stops) classes[byte] = STOP;
  return classes;
}

function classOf(byte: number): number {
  if (byte >= 0x80) return byte === 0xc2 ? LATIN_LEAD : HIGH;
  if (byte === BYTE.cr || byte === BYTE.lf) return LINE_BREAK;
  if (byte === 0x09) return TAB;
  if (byte < 0x20 || byte === 0x7f) return CONTROL;
  const character = String.fromCharCode(byte);
  if (/[xX]/.test(character)) return LETTER | MASKING;
  if (/[0-9]/.test(character)) return DIGIT;
  if (/[A-Za-z]/.test(character)) return LETTER;
  if (/[-:]/.test(character)) return DASH;
  if (/[._]/.test(character)) return ID_MARK;
  if (character === " ") return SPACE;
  if (character === "+") return PLUS;
  if (character === ",") return COMMA;
  return character === "*" ? MARK | MASKING : MARK;
}
