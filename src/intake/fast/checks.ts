/**
 * Every check at which the scanner leaves a row to the truth, by name. Counted where it happens, and only then, so that a plain row pays
 * nothing for it: test/intake/fast prints the figure, and fails where a check never decided.
 */
const CHECKS = [
  "stray quote",
  "open quote",
  "column count",
  "carriage return",
  "no line end",
  "bad utf-8",
  "byte class",
  "empty cell",
  "cell length",
  "card number",
  "control character",
  "outer space",
  "lost or masked number",
  "country",
  "month",
  "month without year",
  "attempt",
  "currency",
  "amount form",
  "amount decimals",
  "amount range",
  "instant",
  "future",
  "freshness",
  "window",
  "decline code",
  "twin",
] as const;
export type Check = (typeof CHECKS)[number];

/** How often, in this thread, since the program began. A row that is cut by a piece's end may count twice. */
export const handedOver: Record<Check, number> = Object.fromEntries(CHECKS.map((check) => [check, 0])) as Record<
  Check,
  number
>;

/** What the check says of the row: not plainly right. */
export function handOver(check: Check): false {
  handedOver[check] += 1;
  return false;
}
