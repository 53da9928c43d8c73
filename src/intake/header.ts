/** An export's header line → where each of our columns stands. What is wrong with it stops the whole file. */
import { maskCardNumbers } from "../domain/card-number.ts";
import { COLUMNS, type ColumnName } from "../domain/columns.ts";
import { findNearest } from "../domain/nearest.ts";
import type { ExportShape } from "../domain/policy.ts";
import { Problem } from "../domain/problem.ts";
import { isCvvHeader } from "./cvv-header.ts";
import type { Delimiter } from "./dialect.ts";
import { restoreFormula } from "./formula.ts";

/** Added to a rejects file; when it is sent again they are known and passed over. */
export const REJECT_COLUMNS = ["reject_line", "reject_codes", "reject_message"] as const;

/** Far more than any billing system exports; a rejected row is written out with all of them, however short it was. */
const MAX_COLUMNS = 1_000;
/** A name of the export in a sentence of ours; it may be as long as a row. */
const SHOWN_CHARACTERS = 80;
const SHOWN_NAMES = 20;

export interface ExportHeader {
  /** As they stand in the file, in order; a card number in them is masked. */
  readonly cells: readonly string[];
  readonly delimiter: Delimiter;
  /** Written by something that needs a byte order mark to know UTF-8 (or UTF-16). */
  readonly hasByteOrderMark: boolean;
  /** Our column → its place; a column the file does not have is not in it. */
  readonly places: ReadonlyMap<ColumnName, number>;
  /** It is a rejects file of ours that was mended and sent again. */
  readonly isRejectsFile: boolean;
  readonly notes: readonly string[];
}

/** A column's own name, as it is shown. */
export function shownName(cell: string): string {
  return cell.length <= SHOWN_CHARACTERS ? cell : `${cell.slice(0, SHOWN_CHARACTERS).toWellFormed()}…`;
}

function headerOf(column: ColumnName, shape: ExportShape): string {
  return shape.columns[column] ?? column;
}

/** How a person finds the column: our name, and the file's own where it differs. */
export function describeColumn(column: ColumnName, shape: ExportShape): string {
  const header = headerOf(column, shape);
  return header === column ? column : `${column} ("${header}")`;
}

/** Problems `export_unreadable`, `cvv_column`, `columns_duplicate`, `columns_missing`. */
export function readHeader(
  raw: readonly string[],
  shape: ExportShape,
  file: Pick<ExportHeader, "delimiter" | "hasByteOrderMark"> & { readonly path: string },
): ExportHeader {
  refuseWide(raw, file.path);
  refuseCvv(raw, file.path);
  const isRejectsFile = REJECT_COLUMNS.every((name) => raw.includes(name));
  const given = isRejectsFile ? raw.map(restoreFormula) : raw;
  // A file without a header has its first row here: nothing of it may be shown.
  const cells = given.map(maskCardNumbers);
  const places = new Map<ColumnName, number>();
  for (const { name } of COLUMNS) {
    const at = given.indexOf(headerOf(name, shape));
    if (at !== -1) places.set(name, at);
  }
  refuseMissing(cells, places, shape, file.path);
  // Only now: without a header these would be a customer's values.
  refuseDuplicates(cells, file.path);
  return {
    cells,
    delimiter: file.delimiter,
    hasByteOrderMark: file.hasByteOrderMark,
    places,
    isRejectsFile,
    notes: [...noteUnknown(cells, places), ...noteMappedButAbsent(places, shape)],
  };
}

function refuseWide({ length }: readonly string[], path: string): void {
  if (length <= MAX_COLUMNS) return;
  throw new Problem(
    "export_unreadable",
    `${path}: its header names ${length} columns; at most ${MAX_COLUMNS} are read`,
    {
      hint: "Nothing of it was sent. Export only the columns that are needed.",
    },
  );
}

function refuseCvv(cells: readonly string[], path: string): void {
  const found = cells.filter(isCvvHeader);
  if (found.length === 0) return;
  throw new Problem(
    "cvv_column",
    `${path}: the column ${listNames([...new Set(found)])} holds card verification codes`,
    {
      hint: "Nothing of it was sent. Card verification codes may never be kept after a payment: delete this file, and take the column out of the export.",
    },
  );
}

function refuseDuplicates(cells: readonly string[], path: string): void {
  const seen = new Set<string>();
  const twice = cells.filter((cell) => cell !== "" && seen.size === seen.add(cell).size);
  if (twice.length === 0) return;
  throw new Problem("columns_duplicate", `${path}: more than one column is named ${listNames([...new Set(twice)])}`, {
    hint: "Nothing of it was sent. Give every column of the export its own name.",
  });
}

function refuseMissing(
  cells: readonly string[],
  places: ReadonlyMap<ColumnName, number>,
  shape: ExportShape,
  path: string,
): void {
  const missing = COLUMNS.filter(({ name, required }) => required && !places.has(name));
  if (missing.length === 0) return;
  const taken = new Set([...places.values()].map((at) => cells[at]));
  const free = cells.filter((cell) => cell !== "" && !taken.has(cell));
  const words = missing.map(({ name }) => {
    const nearest = findNearest(headerOf(name, shape), free) ?? findNearest(name, free);
    return describeColumn(name, shape) + (nearest === undefined ? "" : `, nearest is "${shownName(nearest)}"`);
  });
  throw new Problem("columns_missing", `${path}: required columns are missing: ${words.join("; ")}`, {
    hint: 'Nothing of it was sent. Add them to the export, or say under columns: in the config what they are called there (our_name: "Their Header").',
  });
}

function noteUnknown(cells: readonly string[], places: ReadonlyMap<ColumnName, number>): string[] {
  const known = new Set(places.values());
  const unknown = cells.filter((cell, at) => !known.has(at) && !(REJECT_COLUMNS as readonly string[]).includes(cell));
  if (unknown.length === 0) return [];
  return [`columns that are not used: ${listNames(unknown)}`];
}

function noteMappedButAbsent(places: ReadonlyMap<ColumnName, number>, shape: ExportShape): string[] {
  const absent = COLUMNS.filter(({ name }) => shape.columns[name] !== undefined && !places.has(name));
  if (absent.length === 0) return [];
  return [
    `columns named in the config that the file does not have: ${absent.map(({ name }) => describeColumn(name, shape)).join(", ")}`,
  ];
}

function listNames(names: readonly string[]): string {
  const words = names.slice(0, SHOWN_NAMES).map((name) => (name === "" ? "(without a name)" : `"${shownName(name)}"`));
  const left = names.length - words.length;
  return left > 0 ? `${words.join(", ")} and ${left} more` : words.join(", ");
}
