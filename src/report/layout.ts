/** Lines for a terminal of 80 columns. Colour comes from outside and only ever doubles what a word says. */

import { printable } from "./printable.ts";

export const WIDTH = 80;

export type Role = "heading" | "good" | "bad" | "dim";

/** Wraps text in a colour of that meaning, or returns it as it is. */
export type Style = (role: Role, text: string) => string;

export const PLAIN: Style = (_role, text) => text;

/** Where something lies on this disk or on the server, for the end of a page. */
export interface Place {
  readonly what: string;
  readonly path: string;
}

/** Breaks at spaces; a word that is too long (a path, a name) stays whole on its own line. */
export function wrap(text: string, indent = "", width = WIDTH): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const isEmpty = line === indent;
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}

/** At most so many characters, with `…` where something is left out. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

export interface TableColumn {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Columns as wide as their longest cell, two spaces apart, two in front. */
export function alignTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, index) => all.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), 0));
  return all.map((row) => {
    const cells = columns.map(({ align }, index) => {
      const cell = row[index] ?? "";
      const width = widths[index] ?? 0;
      return align === "left" ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${cells.join("  ")}`.trimEnd();
  });
}

export function renderPlaces(places: readonly Place[], style: Style): string[] {
  if (places.length === 0) return [];
  const width = places.reduce((most, place) => Math.max(most, place.what.length), 0);
  return [
    "",
    style("heading", "Where things lie"),
    ...places.map(({ what, path }) => `  ${what.padEnd(width)}  ${printable(path)}`),
  ];
}
