/** What a spreadsheet would run. Files for people have an apostrophe in front of it, files for a provider never. */

/**
 * OWASP's signs (ASVS 1.2.10), the full-width ones of Asian keyboards and the control characters that are passed over in
 * front of one; behind any number of apostrophes, so that what was marked is known again.
 */
const STARTS_FORMULA = /^'*[=+\-@\t\r\n\0＝＋－＠]/;

/** `-5` and `+49` too: whoever lets plain numbers through says so. */
export function startsFormula(cell: string): boolean {
  return STARTS_FORMULA.test(cell);
}
