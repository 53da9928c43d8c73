/** The column table and a file's header → what is asked of each cell. A column exists in the table or nowhere. */
import { COLUMNS, type ColumnKind, type ColumnName } from "../../domain/columns.ts";
import type { ExportHeader } from "../header.ts";
import type { RowRules } from "../judge-row.ts";
import {
  COMMA,
  DASH,
  DIGIT,
  DOUBLED,
  HIGH,
  ID_MARK,
  LATIN_LEAD,
  LETTER,
  LINE_BREAK,
  MASKING,
  PLUS,
  SPACE,
  TAB,
  VISIBLE,
} from "./byte-classes.ts";

interface KindPlan {
  /** Classes that a cell's bytes may have. */
  readonly allowed: number;
  /** Those of them with which the cell is looked at once more. */
  readonly remarkable: number;
}

/** Where the classes and the length do not say all, row-judge.ts asks the rest. */
const KIND_PLANS: Record<ColumnKind, KindPlan> = {
  order_id: { allowed: DIGIT | LETTER | MASKING | DASH | ID_MARK, remarkable: 0 },
  ascii_id: { allowed: VISIBLE | SPACE, remarkable: SPACE | PLUS },
  text: { allowed: VISIBLE | SPACE | TAB | LINE_BREAK | LATIN_LEAD | HIGH | DOUBLED, remarkable: LATIN_LEAD },
  instant: { allowed: VISIBLE, remarkable: 0 },
  amount: { allowed: DIGIT | ID_MARK, remarkable: 0 },
  currency: { allowed: LETTER | MASKING, remarkable: 0 },
  country: { allowed: LETTER | MASKING, remarkable: 0 },
  digits: { allowed: DIGIT, remarkable: 0 },
  month: { allowed: DIGIT, remarkable: 0 },
  year: { allowed: DIGIT, remarkable: 0 },
  positive_integer: { allowed: DIGIT, remarkable: 0 },
};

/** What canonical form puts between quotes. */
export const QUOTED_FORM = COMMA | LINE_BREAK | DOUBLED;

export interface ColumnPlan {
  readonly name: ColumnName;
  readonly kind: ColumnKind;
  /** Where it stands in the file; -1: the file does not have it. */
  readonly place: number;
  /** What is written where the cell is empty. */
  readonly fallback: Buffer;
}

/** In the order of the table, which is the order of canonical form. */
export function planColumns(header: ExportHeader, rules: RowRules): ColumnPlan[] {
  const fallbacks: Partial<Record<ColumnName, string>> = {
    attempt: "1",
    decline_code_source: rules.shape.declineCodeSource ?? "",
  };
  return COLUMNS.map(({ name, kind }) => {
    const place = header.places.get(name) ?? -1;
    return { name, kind, place, fallback: Buffer.from(fallbacks[name] ?? "") };
  });
}

/** How a cell of canonical form comes about. */
export const FORM = { verbatim: 0, fallback: 1, amount: 2, declinedAt: 3, expiresAt: 4 } as const;

/** By column of canonical form. */
export interface CanonicalLayout {
  readonly places: Int32Array;
  /** Of FORM. */
  readonly forms: Uint8Array;
}

export function layOut(plans: readonly ColumnPlan[]): CanonicalLayout {
  const formOf = ({ name, place, fallback }: ColumnPlan): number => {
    if (name === "amount") return FORM.amount;
    if (name === "declined_at") return FORM.declinedAt;
    if (name === "expires_at") return FORM.expiresAt;
    return place === -1 || fallback.length > 0 ? FORM.fallback : FORM.verbatim;
  };
  return {
    places: Int32Array.from(plans, ({ place }) => place),
    forms: Uint8Array.from(plans, formOf),
  };
}

/** Of `lengths`: the least length of a cell that is not empty, below it the most. */
export const MIN_BITS = 8;
export const MIN_MASK = (1 << MIN_BITS) - 1;
/** Longer than any row. */
const UNLIMITED = 0x7f_ffff;
/** Of `watched`: in front of the classes those with which a card number is looked for. */
export const GUARD_SHIFT = 16;

/**
 * The same by place in the file, for the loop that sees every cell: packed, because each look into another array costs as much as
 * reading a few bytes. A column that is not ours may hold anything.
 */
export interface CellLimits {
  /** Classes that end the matter or call for another look; above GUARD_SHIFT DIGIT, where a card number is looked for. */
  readonly watched: Uint32Array;
  /** In bytes, which are never fewer than characters. */
  readonly lengths: Uint32Array;
  readonly forbidden: Uint16Array;
  /** 1: it may not be empty. */
  readonly required: Uint8Array;
}

export function limitCells(header: ExportHeader, exempt: ReadonlySet<number>): CellLimits {
  const columns = header.cells.length;
  const limits: CellLimits = {
    watched: Uint32Array.from(header.cells, (_, at) => (exempt.has(at) ? 0 : DIGIT << GUARD_SHIFT)),
    lengths: new Uint32Array(columns).fill(UNLIMITED << MIN_BITS),
    forbidden: new Uint16Array(columns),
    required: new Uint8Array(columns),
  };
  for (const { name, kind, required, min, max } of COLUMNS) {
    const at = header.places.get(name);
    if (at === undefined) continue;
    const { allowed, remarkable } = KIND_PLANS[kind];
    // The config may give one column of the file to two of ours: then it obeys both.
    limits.forbidden[at] = (limits.forbidden[at] as number) | ~allowed;
    // A masked card number is no token.
    const looked = name === "payment_token" ? remarkable | MASKING : remarkable;
    // What is an instant holds no card number.
    const unguarded = kind === "instant" ? DIGIT << GUARD_SHIFT : 0;
    limits.watched[at] = ((limits.watched[at] as number) & ~unguarded) | looked | (limits.forbidden[at] as number);
    const lengths = limits.lengths[at] as number;
    limits.lengths[at] = (Math.min(max, lengths >>> MIN_BITS) << MIN_BITS) | Math.max(min, lengths & MIN_MASK);
    limits.required[at] = (limits.required[at] as number) | (required ? 1 : 0);
  }
  return limits;
}
