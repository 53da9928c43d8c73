/** Records → cells. csv-parse alone decides what a record says and whether its quoting is right (RFC 4180, strict). */
import { parse } from "csv-parse/sync";
import type { Dialect } from "./dialect.ts";

/** Stands between two plain characters: hardly ever right, and one such record makes csv-parse refuse all beside it. */
const STRAY_QUOTE = /[^",;\t\r\n]"[^",;\t\r\n]/;

/** One entry a record, in order; undefined: csv-parse finds fault with its quoting. Any number of cells is taken. */
export function parseRecords(records: readonly string[], dialect: Dialect): (string[] | undefined)[] {
  const isSuspect = (record: string): boolean => STRAY_QUOTE.test(record);
  const suspects = records.filter(isSuspect);
  if (suspects.length === 0) return parseCalm(records, dialect);
  const rest = records.filter((record) => !isSuspect(record));
  const calm = (rest.length === 0 ? [] : parseCalm(rest, dialect)).values();
  return records.map((record) => (isSuspect(record) ? parseAll([record], dialect)?.[0] : calm.next().value));
}

function parseCalm(records: readonly string[], dialect: Dialect): (string[] | undefined)[] {
  const parsed = parseAll(records, dialect);
  if (parsed) return parsed;
  // Without a quote hardly one can be bad.
  const isQuoted = (record: string): boolean => record.includes('"');
  const plain = findBad(
    records.filter((record) => !isQuoted(record)),
    dialect,
  ).values();
  const quoted = findBad(records.filter(isQuoted), dialect).values();
  return records.map((record) => (isQuoted(record) ? quoted : plain).next().value);
}

/** Together they are parsed many times faster; halves find the bad ones without parsing each alone. */
function findBad(records: readonly string[], dialect: Dialect): (string[] | undefined)[] {
  const parsed = parseAll(records, dialect);
  if (parsed) return parsed;
  if (records.length === 1) return [undefined];
  const half = Math.ceil(records.length / 2);
  return [...findBad(records.slice(0, half), dialect), ...findBad(records.slice(half), dialect)];
}

function parseAll(records: readonly string[], dialect: Dialect): string[][] | undefined {
  // Nobody reads the error, and collecting its stack takes as long as parsing the rows again.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const parsed: string[][] = parse(records.join(dialect.newline), {
      delimiter: dialect.delimiter,
      record_delimiter: dialect.newline,
      relax_column_count: true,
      max_record_size: 0,
    });
    return parsed.length === records.length ? parsed : undefined;
  } catch {
    // Only ever a fault of the text: the options are ours. Its message would quote cells, so it goes no further.
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
