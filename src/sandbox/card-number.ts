/**
 * The provider's own test for card numbers. Written apart from the merchant's on purpose, and a little narrower: it must
 * never refuse what a careful merchant may send, and it must see every plain card number.
 */

const CANDIDATE =
  /(?<![\w.])(?<![\w.]-)(?:\d{13,19}|\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ \u00a0-])\d{6}\2\d{5})(?![\w.])(?!-[\w.])/g;

/** Visa, Mastercard, American Express, Discover, JCB, Diners: digits in front, and how many in all. */
const ISSUERS = [
  /^4(?:\d{12}|\d{15}|\d{18})$/,
  /^(?:5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})$/,
  /^3[47]\d{13}$/,
  /^(?:6011|64[4-9]\d|65\d\d)\d{12}$/,
  /^35(?:2[89]|[3-8]\d)\d{12}$/,
  /^3(?:0[0-5]|[68]\d)\d{11}$/,
];

export function holdsCardNumber(cell: string): boolean {
  for (const [candidate] of cell.matchAll(CANDIDATE)) {
    const digits = candidate.replace(/\D/g, "");
    if (ISSUERS.some((issuer) => issuer.test(digits)) && passesLuhn(digits)) return true;
  }
  return false;
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 1; place <= digits.length; place += 1) {
    const digit = Number(digits.at(-place));
    const doubled = place % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
