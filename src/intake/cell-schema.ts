/**
 * The zod schema of a row's cells, generated from the column table. Strings in, strings out, so that it stays cheap and can
 * judge what a fast path will accept; each issue's message is the reject code, and `describe-cell.ts` finds the words.
 */
import { z } from "zod";
import { isMaskedCardNumber } from "../domain/card-number.ts";
import { COLUMNS, type Column, type ColumnKind, type ColumnName } from "../domain/columns.ts";
import { isCountry } from "../domain/country.ts";
import { currencyExponent } from "../domain/currency.ts";
import { parseInstant } from "../domain/instant.ts";
import type { RejectCode } from "../domain/row-verdict.ts";

/** One row by column; what the export does not have is empty. */
export type RowCells = Readonly<Record<ColumnName, string>>;

/** What a spreadsheet makes of a long number: `1.23E+15`. The digits are lost, so it is nobody's id. */
export const EXPONENT_FORM = /^[+-]?\d(?:[.,]\d+)?[eE][+-]?\d+$/;

/** Only with the sign that spreadsheets write: `1E15` may well be an id. */
const SPREADSHEET_EXPONENT = String.raw`\d(?:[.,]\d+)?[eE]\+\d+$`;

interface KindRule {
  readonly code: RejectCode;
  /** `min` and `max` are the column's. Empty cells never come here. */
  readonly isRight: (cell: string, column: Column) => boolean;
  /** A longer cell is `too_long`; otherwise its length is part of its form. */
  readonly hasLengthLimit: boolean;
}

const ORDER_ID = /^[A-Za-z0-9._:-]+$/;
const ASCII_ID = new RegExp(`^(?!${SPREADSHEET_EXPONENT})[!-~](?:[ -~]*[!-~])?$`);
const TEXT = /^(?:[\n\r\t]|\P{Control})*$/u;

const KIND_RULES: Record<ColumnKind, KindRule> = {
  order_id: { code: "malformed", isRight: (cell) => ORDER_ID.test(cell), hasLengthLimit: true },
  ascii_id: {
    code: "malformed",
    isRight: (cell, column) => cell.length >= column.min && ASCII_ID.test(cell),
    hasLengthLimit: true,
  },
  text: { code: "malformed", isRight: (cell) => TEXT.test(cell), hasLengthLimit: true },
  instant: { code: "malformed", isRight: (cell) => parseInstant(cell) !== undefined, hasLengthLimit: true },
  // Its form depends on the currency and on amount_unit: judged with the row.
  amount: { code: "malformed", isRight: () => true, hasLengthLimit: true },
  currency: { code: "bad_currency", isRight: (cell) => currencyExponent(cell) !== undefined, hasLengthLimit: false },
  country: { code: "malformed", isRight: isCountry, hasLengthLimit: false },
  digits: {
    code: "malformed",
    isRight: (cell, column) => /^\d+$/.test(cell) && cell.length >= column.min,
    hasLengthLimit: true,
  },
  month: { code: "malformed", isRight: (cell) => /^(?:0?[1-9]|1[0-2])$/.test(cell), hasLengthLimit: false },
  year: { code: "malformed", isRight: (cell) => /^\d{4}$/.test(cell), hasLengthLimit: false },
  positive_integer: { code: "malformed", isRight: (cell) => /^[1-9]\d*$/.test(cell), hasLengthLimit: true },
};

function cellSchema(column: Column): z.ZodString {
  const rule = KIND_RULES[column.kind];
  let schema = z.string();
  if (column.required) schema = schema.min(1, { error: "missing", abort: true });
  if (rule.hasLengthLimit) {
    // Code points, as the limits count them.
    const withinLimit = new RegExp(`^[^]{0,${column.max}}$`, "u");
    schema = schema.regex(withinLimit, { error: "too_long" satisfies RejectCode, abort: true });
  }
  schema = schema.refine((cell) => cell === "" || rule.isRight(cell, column), { error: rule.code });
  if (column.name === "payment_token") {
    // A rejects file that was sent again without being mended.
    schema = schema.refine((cell) => !isMaskedCardNumber(cell), { error: "malformed" satisfies RejectCode });
  }
  return schema;
}

const rowSchema = z.object(Object.fromEntries(COLUMNS.map((column) => [column.name, cellSchema(column)])));

/** Each column at fault, with the first rule it breaks. Empty: every cell is right by itself. */
export function findCellFaults(cells: RowCells): Map<ColumnName, RejectCode> {
  const result = rowSchema.safeParse(cells);
  const faults = new Map<ColumnName, RejectCode>();
  for (const issue of result.error?.issues ?? []) faults.set(issue.path[0] as ColumnName, issue.message as RejectCode);
  return faults;
}
