/**
 * The YAML form of a profile, strictly: what it may say, and what must hold between its parts. `Profile` in our own words
 * comes out. The rules stand where they bite: a profile that passes can be encoded, delivered and decoded.
 */
import { z } from "zod";
import { COLUMNS, type ColumnName, findColumn } from "../domain/columns.ts";
import { parseDuration } from "../domain/instant.ts";
import { OUTCOME_STATUSES, type OutcomeStatus } from "../domain/outcome.ts";
import { knownKeys } from "../domain/strict-document.ts";
import type { BatchColumn, BatchProfile, DeliveryProfile, Profile, ResultProfile, WindowProfile } from "./profile.ts";

function section<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, knownKeys(shape));
}

const text = z.string().min(1);
const delimiter = z.enum([",", ";", "\t", "|"], { error: "must be a comma, a semicolon, a tab or a bar" }).default(",");
const duration = z.string().transform((value, context) => {
  const duration = parseDuration(value);
  if (duration !== undefined) return duration;
  context.addIssue("must be a duration such as 14d or 36h");
  return z.NEVER;
});

const columnNames = COLUMNS.map((column) => column.name);

const column = section({
  name: text,
  from: z.enum(columnNames as [ColumnName, ...ColumnName[]]).optional(),
  as: z.enum(["text", "minor_units", "major_units", "instant"]).optional(),
  constant: z.string().optional(),
  sequence: z.literal(true).optional(),
  mid: z.literal(true).optional(),
})
  .refine(({ from, constant, sequence, mid }) => [from, constant, sequence, mid].filter(isGiven).length === 1, {
    error: "must have exactly one of from, constant, sequence and mid",
  })
  .refine(({ from, as = "text" }) => from === undefined || formsOf(from).includes(as), {
    error: "as does not fit the column: amount is minor_units or major_units, a time is instant, the rest is text",
  })
  .refine(({ from, as }) => from !== undefined || as === undefined, { error: "as goes with from" })
  .transform((column): BatchColumn => withoutUndefined(column));

/** An amount without a unit would be read as another amount, so there is no default for it. */
function formsOf(from: ColumnName): readonly string[] {
  const kind = findColumn(from)?.kind;
  if (kind === "amount") return ["minor_units", "major_units"];
  return kind === "instant" ? ["instant"] : ["text"];
}

/** Without them no result can be matched, and no total compared. */
const NEEDED: readonly ColumnName[] = ["order_id", "amount", "currency"];

const batch = section({
  format: z.literal("csv").default("csv"),
  delimiter,
  header: z.boolean().default(true),
  newline: z.enum(["lf", "crlf"]).default("lf"),
  max_rows: z.int().min(1).max(1_000_000),
  name_template: z
    .string()
    .regex(/^(?:[A-Za-z0-9._-]|\{mid\}|\{utc\}|\{number(?::[1-9])?\})+$/, {
      error: "may hold letters, digits, '.', '_', '-' and the places {mid}, {utc}, {number} or {number:4}",
    })
    .refine((template) => /\{number(?::\d)?\}/.test(template), { error: "must hold {number}: a name is used once" }),
  columns: z
    .array(column)
    .min(1)
    .refine((columns) => new Set(columns.map(({ name }) => name)).size === columns.length, {
      error: "two columns have the same name",
    })
    .refine((columns) => NEEDED.every((name) => columns.some(({ from }) => from === name)), {
      error: `must send ${NEEDED.join(", ")}`,
    }),
}).transform(
  ({ max_rows, name_template, newline, ...rest }): BatchProfile => ({
    ...rest,
    newline: newline === "lf" ? "\n" : "\r\n",
    maxRows: max_rows,
    nameTemplate: name_template,
  }),
);

const delivery = section({
  commit: z.enum(["rename", "direct"]).default("rename"),
  temporary_suffix: z
    .string()
    .regex(/^(?:[A-Za-z0-9._-]|\{try\})+$/, { error: "may hold letters, digits, '.', '_', '-' and {try}" })
    .refine((suffix) => suffix.includes("{try}"), { error: "must hold {try}: each try has its own temporary name" })
    .default(".{try}.part"),
  ignores_temporary_names: z.boolean().default(false),
  read_back: z.boolean().default(false),
  trigger: z
    .string()
    .regex(/^(?:[A-Za-z0-9._-]*\{name\}[A-Za-z0-9._-]+|[A-Za-z0-9._-]+\{name\})$/, {
      error: "must hold {name} and something more, of letters, digits, '.', '_' and '-'",
    })
    .optional(),
}).transform(
  ({ temporary_suffix, ignores_temporary_names, read_back, ...rest }): DeliveryProfile =>
    withoutUndefined({
      ...rest,
      temporarySuffix: temporary_suffix,
      ignoresTemporaryNames: ignores_temporary_names,
      readBack: read_back,
    }),
);

const statuses = z.record(text, z.enum(OUTCOME_STATUSES)).transform((given, context): Record<string, OutcomeStatus> => {
  const entries = Object.entries(given).map(([word, status]) => [word.trim().toUpperCase(), status] as const);
  const words = new Set(entries.map(([word]) => word));
  if (words.size < entries.length) context.addIssue("a word is there twice; letter case does not count");
  if (!entries.some(([, status]) => status === "rescued")) context.addIssue("no word means rescued");
  return Object.fromEntries(entries);
});

const results = section({
  format: z.literal("csv").default("csv"),
  delimiter,
  patterns: z.array(text.regex(/^[^/\\]*$/, { error: "is a pattern of names, not of paths" })).min(1),
  columns: section({
    order_id: text,
    session_key: text.optional(),
    status: text,
    amount: text,
    currency: text,
    processed_at: text.optional(),
    response_code: text.optional(),
    message: text.optional(),
  })
    .refine((columns) => areDistinct(Object.values(columns)), { error: "two of our fields have the same header" })
    .transform((columns): ResultProfile["columns"] => withoutUndefined(columns)),
  amount_unit: z.enum(["minor", "major"]),
  statuses,
  after_collect: z
    .union([z.enum(["leave", "delete"]), z.strictObject({ move_to: text })], {
      error: "must be leave, delete or { move_to: folder }",
    })
    .default("leave"),
}).transform(
  ({ amount_unit, after_collect, ...rest }): ResultProfile => ({
    ...rest,
    amountUnit: amount_unit,
    afterCollect: typeof after_collect === "string" ? after_collect : { moveTo: after_collect.move_to },
  }),
);

const window = section({
  after_window: z.enum(["presume_unrescued", "overdue"]),
  grace: duration,
  minimum: duration,
}).transform(
  ({ after_window, grace, minimum }): WindowProfile => ({
    afterWindow: after_window,
    graceMs: grace,
    minimumMs: minimum,
  }),
);

export const profileSchema = section({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, { error: "must be 1 to 40 of a-z, 0-9 and -" }),
  title: text,
  unconfirmed: z.array(text).default([]),
  batch,
  delivery: delivery.prefault({}),
  results,
  window,
}) satisfies z.ZodType<Profile>;

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

function areDistinct(names: readonly unknown[]): boolean {
  const given = names.filter(isGiven).map((name) => String(name).trim().toLowerCase());
  return new Set(given).size === given.length;
}

type Present<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** An optional key that was not given is absent, not undefined. */
function withoutUndefined<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => isGiven(part))) as Present<T>;
}
