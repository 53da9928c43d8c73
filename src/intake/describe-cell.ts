/** A fault of one cell, in words that help to mend it and never hold its value: it may be a customer's, or a card number. */
import { isMaskedCardNumber } from "../domain/card-number.ts";
import { type Column, type ColumnKind, type ColumnName, findColumn } from "../domain/columns.ts";
import { currencyExponent } from "../domain/currency.ts";
import type { RejectCode } from "../domain/row-verdict.ts";
import { EXPONENT_FORM } from "./cell-schema.ts";

const LOST_DIGITS =
  "is a number that a spreadsheet wrote like 1E+15, so its digits are lost; format the column as text and export it again";
const LOST_ZERO =
  "is too short; a spreadsheet may have dropped the zeros in front: format the column as text and export it again";
const OUTER_SPACES = "has spaces around it; values are taken as they are, so take the spaces out";

const FORMS: Record<Exclude<ColumnKind, "amount" | "currency">, string> = {
  order_id: "may hold only letters, digits and . _ : -",
  ascii_id: "may hold only printable ASCII characters",
  text: "holds control characters",
  instant: "must be an ISO 8601 instant with Z or an offset, like 2026-11-20T18:30:00Z",
  country: "must be an ISO 3166 code of two capital letters, like US",
  digits: "may hold only digits",
  month: "must be a month from 1 to 12",
  year: "must be a year of 4 digits",
  positive_integer: "must be a whole number, 1 or more",
};

/** The rest of a sentence that begins with the column's name. */
export function describeCellFault(name: ColumnName, code: RejectCode, cell: string): string {
  const column = findColumn(name);
  if (!column) throw new Error(`no column ${name}`);
  if (code === "missing") return "is required, and empty";
  if (code === "too_long") return `has ${[...cell].length} characters; ${column.max} are allowed`;
  if (code === "bad_currency") return describeCurrency(cell);
  return describeForm(column, cell);
}

/** For an amount that is not plain. */
export function describeAmountForm(cell: string, unit: "major" | "minor"): string {
  if (EXPONENT_FORM.test(cell)) return LOST_DIGITS;
  if (cell !== cell.trim()) return OUTER_SPACES;
  if (unit === "minor" && /^-?\d+[.,]\d+$/.test(cell)) {
    return "must be a whole number of minor units (the config says amount_unit: minor)";
  }
  if (/^-?\d+,\d{1,2}$/.test(cell)) return "has a decimal comma; write it with a point, like 19.99";
  if (/^-?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?$/.test(cell)) {
    return "has separators between its thousands; write it plainly, like 1234.56";
  }
  if (/^[(-]?\p{Currency_Symbol}|\p{Currency_Symbol}\)?$|[A-Za-z]/u.test(cell)) {
    return "holds more than a number; write it plainly, like 19.99, and the currency in its own column";
  }
  return unit === "minor" ? "must be a plain whole number, like 1999" : "must be a plain decimal, like 19.99";
}

function describeCurrency(cell: string): string {
  if (currencyExponent(cell.trim()) !== undefined) return OUTER_SPACES;
  if (currencyExponent(cell.trim().toUpperCase()) !== undefined) return "must be written in capitals, like USD";
  return "is not an active ISO 4217 currency, like USD";
}

function describeForm(column: Column, cell: string): string {
  const { kind, min, max } = column;
  if (kind === "amount" || kind === "currency") throw new Error(`${column.name} is described elsewhere`);
  if (column.name === "payment_token" && isMaskedCardNumber(cell)) {
    return "holds a masked card number; put the vault's token there";
  }
  if (kind !== "text" && EXPONENT_FORM.test(cell)) return LOST_DIGITS;
  if (kind !== "text" && cell !== cell.trim()) return OUTER_SPACES;
  if (kind === "instant") return describeInstant(cell);
  if ((kind === "digits" || column.name === "advice_code") && /^\d+$/.test(cell) && cell.length < min) return LOST_ZERO;
  if (kind === "digits") return `${FORMS.digits}, ${min === max ? min : `${min} to ${max}`} of them`;
  if (kind === "ascii_id" && cell.length < min) return `must have ${min} characters`;
  if (kind === "country" && /^[a-z]{2}$/.test(cell)) return "must be written in capitals, like US";
  return FORMS[kind];
}

function describeInstant(cell: string): string {
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?$/.test(cell)) {
    return "has no time zone; add Z or an offset, like 2026-11-20T18:30:00Z";
  }
  if (/^\d{4}-\d\d-\d\d$/.test(cell)) return "has no time of day; write it like 2026-11-20T18:30:00Z";
  if (/^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}/.test(cell)) {
    return "is a date as a spreadsheet shows it; write it like 2026-11-20T18:30:00Z";
  }
  return FORMS.instant;
}
