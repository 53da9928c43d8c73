/**
 * Card numbers must never leave the merchant. This decides what counts as one, and masks it for people. The test is
 * meant for cells of any column, so it must find a number inside free text without crying wolf at order ids.
 */

/** Leading digits of the card networks (ISO/IEC 7812), as inclusive ranges of equally long prefixes. */
const ISSUER_RANGES: ReadonlyArray<readonly [from: string, to: string]> = [
  ["2200", "2204"], // Mir
  ["2221", "2720"], // Mastercard
  ["300", "305"], // Diners Club
  ["309", "309"], // Diners Club
  ["34", "34"], // American Express
  ["3528", "3589"], // JCB
  ["36", "39"], // Diners Club, American Express
  ["4", "4"], // Visa
  ["50", "58"], // Mastercard, Maestro
  ["60", "69"], // Discover, UnionPay, Maestro, RuPay
  ["81", "82"], // UnionPay, RuPay
  ["9792", "9792"], // Troy
];

/** Cheap and rarely true: only text that passes it is looked at closely. */
const WORTH_A_LOOK = /\d{13}|\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d{4}[ \u00a0-]\d|\d{4}[ \u00a0-]\d{6}[ \u00a0-]\d{5}/;

/** A letter, not `*`: it touches the digits left over, so that these cannot pass for the start of another number. */
const MASK = "X";

/** What a masked number looks like once its separators are gone. */
const MASKED = /^\d{6}X{3,9}\d{4}$/;

interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Does this text hold a card number? Linear in its length. */
export function holdsCardNumber(text: string): boolean {
  return WORTH_A_LOOK.test(text) && findCardNumbers(text).length > 0;
}

/** The same text with every card number cut to its first six and last four digits. Linear in its length. */
export function maskCardNumbers(text: string): string {
  if (!WORTH_A_LOOK.test(text)) return text;
  const characters = text.split("");
  for (const span of findCardNumbers(text)) {
    const places: number[] = [];
    for (let at = span.start; at < span.end; at++) if (isDigit(text.charCodeAt(at))) places.push(at);
    for (const at of places.slice(6, -4)) characters[at] = MASK;
  }
  return characters.join("");
}

/** A card number that `maskCardNumbers` (or somebody else) has masked: it is no vault token. */
export function isMaskedCardNumber(text: string): boolean {
  return MASKED.test(text.replace(/[ \u00a0-]/g, "").replace(/[*x]/g, MASK));
}

function findCardNumbers(text: string): Span[] {
  const runs: Span[] = [];
  for (const match of text.matchAll(/\d+/g)) runs.push({ start: match.index, end: match.index + match[0].length });
  return runs.flatMap((_, at) => candidatesFrom(text, runs, at)).filter((span) => isCardNumber(text, span));
}

/** One run of 13 to 19 digits; or 4-4-4-n or 4-6-5 with the same single separator throughout. */
function candidatesFrom(text: string, runs: readonly Span[], at: number): Span[] {
  const lengthOf = (offset: number): number => {
    const run = runs[at + offset];
    return run ? run.end - run.start : 0;
  };
  const spanOf = (count: number): Span[] => {
    const first = runs[at];
    const last = runs[at + count - 1];
    return first && last && isEvenlySeparated(text, runs.slice(at, at + count))
      ? [{ start: first.start, end: last.end }]
      : [];
  };
  const first = lengthOf(0);
  if (first >= 13 && first <= 19) return spanOf(1);
  if (first !== 4) return [];
  if (lengthOf(1) === 6 && lengthOf(2) === 5) return spanOf(3);
  if (lengthOf(1) === 4 && lengthOf(2) === 4 && lengthOf(3) >= 1 && lengthOf(3) <= 7) return spanOf(4);
  return [];
}

function isEvenlySeparated(text: string, group: readonly Span[]): boolean {
  const separator = text[group[0]?.end ?? 0];
  return group.slice(1).every((run, before) => {
    const gap = text.slice(group[before]?.end, run.start);
    return gap === separator && (gap === " " || gap === "\u00a0" || gap === "-");
  });
}

function isCardNumber(text: string, { start, end }: Span): boolean {
  if (isGlued(text, start, -1) || isGlued(text, end - 1, 1)) return false;
  const digits = text.slice(start, end).replace(/\D/g, "");
  return hasKnownIssuer(digits) && passesLuhn(digits);
}

/** Part of a longer word, number or id: it touches `[0-9A-Za-z_.]`, or a `-` that touches one (as in a UUID). */
function isGlued(text: string, edge: number, direction: 1 | -1): boolean {
  const next = text[edge + direction];
  if (next === undefined) return false;
  if (next !== "-") return isWordCharacter(next);
  const beyond = text[edge + 2 * direction];
  return beyond !== undefined && isWordCharacter(beyond);
}

function isWordCharacter(character: string): boolean {
  return /[0-9A-Za-z_.]/.test(character);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function hasKnownIssuer(digits: string): boolean {
  return ISSUER_RANGES.some(([from, to]) => {
    const prefix = digits.slice(0, from.length);
    return prefix >= from && prefix <= to;
  });
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48;
    const doubled = digit * 2;
    sum += place % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
