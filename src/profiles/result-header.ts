/** Where the profile's columns stand in the header of one result file. */
import type { ResultProfile } from "./profile.ts";

/** Our field → index of its cell. */
export type ResultColumns = Readonly<Partial<Record<keyof ResultProfile["columns"], number>>>;

/**
 * A column is found by its exact name, else ignoring case and outer spaces. Every column that the profile names must be
 * there, once: a file without the agreed header is not guessed at. The problem names columns of the profile only.
 */
export function locateColumns(
  results: ResultProfile,
  header: readonly string[],
): { readonly columns: ResultColumns } | { readonly problem: string } {
  const columns: Partial<Record<keyof ResultProfile["columns"], number>> = {};
  const missing: string[] = [];
  const repeated: string[] = [];
  for (const [field, name] of Object.entries(results.columns) as [keyof ResultProfile["columns"], string][]) {
    const exact = indexesOf(header, (cell) => cell === name);
    const found = exact.length > 0 ? exact : indexesOf(header, (cell) => plain(cell) === plain(name));
    if (found.length === 0) missing.push(name);
    else if (found.length > 1) repeated.push(name);
    else columns[field] = found[0] as number;
  }
  if (missing.length > 0) return { problem: `its header lacks ${missing.join(", ")}` };
  if (repeated.length > 0) return { problem: `its header has ${repeated.join(", ")} more than once` };
  return { columns };
}

function indexesOf(header: readonly string[], isIt: (cell: string) => boolean): number[] {
  return header.flatMap((cell, index) => (isIt(cell) ? [index] : []));
}

function plain(name: string): string {
  return name.trim().toLowerCase();
}
