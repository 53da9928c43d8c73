/**
 * A rejects file is opened in spreadsheets, where a cell that begins like a formula is run. Such cells get an apostrophe
 * in front; when the mended file is sent again it is taken off, so that the value arrives as it was. Plain
 * numbers stay as they are.
 */

const FORMULA = /^'*[=+\-@\t\r]/;
const PLAIN_NUMBER = /^[+-]?[\d.,]+$/;

export function neutraliseFormula(cell: string): string {
  return FORMULA.test(cell) && !PLAIN_NUMBER.test(cell) ? `'${cell}` : cell;
}

/** The very cell that was neutralised; others are returned as they are. */
export function restoreFormula(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}
