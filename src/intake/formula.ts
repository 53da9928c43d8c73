/**
 * A rejects file is opened in spreadsheets, where a cell that begins like a formula is run. Such cells get an apostrophe
 * in front; when the mended file is sent again it is taken off, so that the value arrives as it was. Plain
 * numbers stay as they are.
 */
import { startsFormula } from "../domain/formula.ts";

const PLAIN_NUMBER = /^[+-]?[\d.,]+$/;

export function neutraliseFormula(cell: string): string {
  return startsFormula(cell) && !PLAIN_NUMBER.test(cell) ? `'${cell}` : cell;
}

/** The very cell that was neutralised; others are returned as they are. */
export function restoreFormula(cell: string): string {
  return cell.startsWith("'") && startsFormula(cell) ? cell.slice(1) : cell;
}
