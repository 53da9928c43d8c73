/**
 * Reading our own pages. What follows from code stands between `<!-- NAME: … -->` and `<!-- end NAME -->`; a test compares it,
 * and `npx vitest run test/docs -u` writes it anew.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export function pathOf(page: string): string {
  return join(ROOT, page);
}

export async function readPage(page: string): Promise<string> {
  return readFile(pathOf(page), "utf8");
}

/** The page with its blocks as they should be; a block that the page does not have is an error. */
export function withBlocks(page: string, blocks: Readonly<Record<string, string>>): string {
  return Object.entries(blocks).reduce((text, [name, content]) => {
    const [open, close] = [new RegExp(`<!-- ${name}: [^>]*-->\n`), `<!-- end ${name} -->`];
    const start = open.exec(text);
    const end = text.indexOf(close);
    if (!start || end === -1) throw new Error(`the page has no block ${name}`);
    return `${text.slice(0, start.index + start[0].length)}${content.trimEnd()}\n${text.slice(end)}`;
  }, page);
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [line(header), `|${"---|".repeat(header.length)}\n`, ...rows.map(line)].join("");
}

/** The text under a heading, whatever its level, up to the next heading of the same or a higher one. */
export function sectionOf(page: string, heading: string): string {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (start === -1) throw new Error(`the page has no section "${heading}"`);
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 0;
  const length = lines.slice(start + 1).findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join("\n");
}

/** Body rows of the first table of a text, cells as written. */
export function tableRows(text: string): string[][] {
  const lines = text.split("\n");
  const rule = lines.findIndex((line) => /^\|(?:\s*-+\s*\|)+$/.test(line));
  if (rule === -1) throw new Error("the text has no table");
  const end = lines.findIndex((line, at) => at > rule && !line.startsWith("|"));
  return lines.slice(rule + 1, end === -1 ? undefined : end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** `\`word\`` → `word` */
export function plain(cell: string): string {
  return cell.replaceAll("`", "");
}
