/**
 * The cells of the odd rows. Where a record holds no quote they are what stands between its delimiters, and csv-parse takes
 * longer to say so than judging the row does; it decides about all others. On the truth path it decides about every record,
 * so the differential test holds this against it.
 */
import type { Dialect } from "../dialect.ts";
import { parseRecords } from "../parse-records.ts";

export function splitRecords(records: readonly string[], dialect: Dialect): (string[] | undefined)[] {
  const quoted = records.filter(holdsQuote);
  const parsed = (quoted.length === 0 ? [] : parseRecords(quoted, dialect)).values();
  return records.map((record) => (holdsQuote(record) ? parsed.next().value : record.split(dialect.delimiter)));
}

function holdsQuote(record: string): boolean {
  return record.includes('"');
}
