/** Text of others (ids, provider words, file names) on its way to a person's terminal, page or spreadsheet. */
import { startsFormula } from "../domain/formula.ts";

/**
 * Control and escape characters, and the invisible ones that reorder or hide text: each becomes U+FFFD, so that it is
 * seen that something was there and nothing reaches the terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\uFFFD");
}

/**
 * A cell that a spreadsheet would take for a formula gets an apostrophe in front. For files that
 * people open only: what the provider gets is never altered.
 */
export function neutralise(cell: string): string {
  return startsFormula(cell) ? `'${cell}` : cell;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe between tags and in a quoted attribute. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
