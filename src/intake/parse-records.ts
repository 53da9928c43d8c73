/** Records → cells. csv-parse alone decides what a record says and whether its quoting is right (RFC 4180, strict). */
import { parse } from "csv-parse/sync";
import type { Dialect } from "./dialect.ts";

/** One entry a record, in order; undefined: csv-parse finds fault with its quoting. Any number of cells is taken. */
export function parseRecords(records: readonly string[], dialect: Dialect): (string[] | undefined)[] {
  // Together they are parsed several times faster; alone they tell which one is bad, and without a quote none can be.
  const together = parseAll(records, dialect);
  if (together) return together;
  const plain = parseAll(
    records.filter((record) => !record.includes('"')),
    dialect,
  )?.values();
  return records.map((record) =>
    plain && !record.includes('"') ? plain.next().value : parseAll([record], dialect)?.[0],
  );
}

function parseAll(records: readonly string[], dialect: Dialect): string[][] | undefined {
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
  }
}
