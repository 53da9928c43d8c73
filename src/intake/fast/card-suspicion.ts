/**
 * Might this cell hold a card number? Says yes too often, never too seldom; the domain then looks at the cell itself. For cells
 * with digits in them, that are at least SHORTEST_CARD_NUMBER long.
 */
import { DASH, LATIN_LEAD, SPACE } from "./byte-classes.ts";
import { BYTE, isDigit } from "./bytes.ts";

/** Digits on end, where they do not stand in groups. */
export const SHORTEST_CARD_NUMBER = 13;

/** In groups, each but the last has at least so many digits. */
const SHORTEST_GROUP = 4;

export function mayHoldCardNumber(bytes: Buffer, start: number, end: number, mask: number): boolean {
  const hasSeparators = (mask & (SPACE | DASH | LATIN_LEAD)) !== 0;
  const stride = hasSeparators ? SHORTEST_GROUP : SHORTEST_CARD_NUMBER;
  // So many neighbouring digits always include one that is looked at.
  for (let probe = start + stride - 1; probe < end; probe += stride) {
    if (!isDigit(bytes[probe] as number)) continue;
    if (hasSeparators) return holdsRunOrGroups(bytes, start, end);
    if (runAround(bytes, probe, start, end) >= SHORTEST_CARD_NUMBER) return true;
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
