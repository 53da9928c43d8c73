/**
 * Might this cell hold a card number? Says yes too often, never too seldom; the domain then looks at the cell itself. For cells
 * with digits in them, that are at least SHORTEST_CARD_NUMBER long.
 */
import { DASH, DIGIT, ID_MARK, LATIN_LEAD, LETTER, MASKING, SPACE } from "./byte-classes.ts";
import { BYTE, isDigit } from "./bytes.ts";

/** Digits on end, where they do not stand in groups. */
export const SHORTEST_CARD_NUMBER = 13;

/** All that touches a number and makes it part of something longer. */
const GLUE = DIGIT | LETTER | MASKING | ID_MARK;

/** As one word, without what tells them apart. */
const FOUR_DIGITS = 0x30303030;

/** In groups, each but the last has at least so many digits. */
const SHORTEST_GROUP = 4;

/**
 * Every fourth byte of a card number is looked at here, wherever it begins, and so many of them are digits: of 13 on end three,
 * and of groups no fewer, for no two of their separators stand so that more bytes are missed.
 */
const FEWEST_DIGIT_PROBES = 3;

/** `words` are the same bytes. */
export function mayHoldCardNumber(bytes: Buffer, words: DataView, start: number, end: number, mask: number): boolean {
  // A number that touches what may be part of a longer id is none: here it would have to be the whole cell.
  if ((mask & ~GLUE) === 0) return mask === DIGIT;
  if ((mask & (SPACE | DASH | LATIN_LEAD)) === 0) return holdsRun(bytes, words, start, end);
  let digits = 0;
  // Added up, not asked one by one: a processor guesses wrong at every other digit of a random id.
  for (let probe = start + SHORTEST_GROUP - 1; probe < end; probe += SHORTEST_GROUP) {
    digits += ((bytes[probe] as number) & 0xf0) === 0x30 ? 1 : 0;
  }
  return digits >= FEWEST_DIGIT_PROBES && holdsRunOrGroups(bytes, start, end);
}

/** 13 digits on end: of the words that follow each other from the start of the cell on two hold nothing else, so every second is looked at. */
function holdsRun(bytes: Buffer, words: DataView, start: number, end: number): boolean {
  for (let at = start + 4; at + 4 <= end; at += 8) {
    // `0` to `9`, and six characters behind them.
    if ((words.getInt32(at, true) & 0xf0f0f0f0) !== FOUR_DIGITS) continue;
    if (runAround(bytes, at, start, end) >= SHORTEST_CARD_NUMBER) return true;
  }
  return false;
}

/** How many digits stand on end where one is. */
function runAround(bytes: Buffer, probe: number, start: number, end: number): number {
  let first = probe;
  while (first > start && isDigit(bytes[first - 1] as number)) first -= 1;
  let last = probe + 1;
  while (last < end && isDigit(bytes[last] as number)) last += 1;
  return last - first;
}

/** 13 digits on end; or four, a space or a dash, and four more. */
function holdsRunOrGroups(bytes: Buffer, start: number, end: number): boolean {
  let run = 0;
  for (let at = start; at < end; at++) {
    if (isDigit(bytes[at] as number)) {
      run += 1;
      if (run === SHORTEST_CARD_NUMBER) return true;
      continue;
    }
    if (run >= SHORTEST_GROUP && separatesGroups(bytes, at, end)) return true;
    run = 0;
  }
  return false;
}

/** A space, a dash, or the two bytes of a no-break space. */
function separatesGroups(bytes: Buffer, at: number, end: number): boolean {
  const byte = bytes[at];
  if (byte === BYTE.space || byte === BYTE.dash) return isGroup(bytes, at + 1, end);
  return byte === BYTE.latinLead && isGroup(bytes, at + 2, end);
}

function isGroup(bytes: Buffer, at: number, end: number): boolean {
  return (
    at + SHORTEST_GROUP <= end &&
    isDigit(bytes[at] as number) &&
    isDigit(bytes[at + 1] as number) &&
    isDigit(bytes[at + 2] as number) &&
    isDigit(bytes[at + 3] as number)
  );
}
