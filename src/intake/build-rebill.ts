/** Cells that were found right → a Rebill. The column table says how each is read. */
import { COLUMNS, type ColumnKind } from "../domain/columns.ts";
import { parseInstant } from "../domain/instant.ts";
import type { Rebill } from "../domain/rebill.ts";
import type { RowCells } from "./cell-schema.ts";

/** What a row may leave to others: its own cell wins. */
export interface RebillDefaults {
  readonly declineCodeSource?: string | undefined;
  readonly expiresAt?: number | undefined;
}

/** Properties in the order of COLUMNS; an empty cell without a default is absent. */
export function buildRebill(cells: RowCells, amountMinor: number, defaults: RebillDefaults): Rebill {
  const values: Record<string, unknown> = {};
  const fallback: Record<string, unknown> = { attempt: 1, ...defaults };
  for (const { name, property, kind } of COLUMNS) {
    const cell = cells[name];
    const value = kind === "amount" ? amountMinor : cell === "" ? fallback[property] : readCell(kind, cell);
    if (value !== undefined) values[property] = value;
  }
  // The table and the interface say the same; test/intake/canonical.test.ts holds them together.
  return values as unknown as Rebill;
}

function readCell(kind: ColumnKind, cell: string): string | number | undefined {
  if (kind === "instant") return parseInstant(cell);
  if (kind === "positive_integer") return Number(cell);
  return cell;
}
