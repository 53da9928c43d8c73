/** How an export is written: which columns in which order, under which headers, how wide. Shape 0 is the canonical one. */
import { COLUMNS, type ColumnName } from "../../src/domain/columns.ts";
import { Dice } from "./dice.ts";

export interface Shape {
  /** In the order of the file; `header` is what its first line says. `name` is undefined for a column that is not ours. */
  readonly columns: readonly { readonly name: ColumnName | undefined; readonly header: string }[];
  readonly delimiter: "," | ";";
  readonly newline: "\n" | "\r\n";
  /** Text cells are this many times as long as usual. */
  readonly width: 1 | 2 | 3;
}

/** Together with `attempt` these are what an export of 29 columns may leave out; card_exp_month and _year come in pairs. */
const DISPENSABLE: readonly ColumnName[] = ["attempt", "advice_code", "sense_key", "site_id", "customer_ip", "state"];

/** Any other number is a seed: another order, other headers, other widths, and columns that nobody knows. */
export function makeShape(seed: number): Shape {
  const dice = new Dice(seed, 0);
  const leftOut = seed === 0 ? "attempt" : dice.pick(DISPENSABLE);
  const ours = COLUMNS.map(({ name }) => name).filter((name) => name !== leftOut);
  if (seed === 0) {
    return { columns: ours.map((name) => ({ name, header: name })), delimiter: ",", newline: "\n", width: 1 };
  }
  const foreign = Array.from({ length: dice.below(6) }, (_, at) => ({
    name: undefined,
    header: `crm_field_${at + 1}`,
  }));
  const columns = dice.shuffle([
    ...ours.map((name) => ({ name, header: dice.chance(50) ? name : theirHeader(name) })),
    ...foreign,
  ]);
  return {
    columns,
    delimiter: dice.chance(70) ? "," : ";",
    newline: dice.chance(70) ? "\n" : "\r\n",
    width: dice.pick([1, 2, 3] as const),
  };
}

/** `columns:` of the config. */
export function mappedColumns(shape: Shape): Record<string, string> {
  return Object.fromEntries(
    shape.columns.flatMap(({ name, header }) => (name === undefined || name === header ? [] : [[name, header]])),
  );
}

/** `order_id` → `Order Id` */
function theirHeader(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => ` ${letter.toUpperCase()}`).trim();
}
