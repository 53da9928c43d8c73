/** A file's bytes → its records, a page at a time, with what was learned about how the file is written. */
import { Problem } from "../domain/problem.ts";
import { type Dialect, sniffDialect } from "./dialect.ts";
import { type Encoding, toUtf8 } from "./encoding.ts";
import { type FramedRecord, MAX_RECORD_BYTES, RecordFramer } from "./record-framer.ts";

export interface RecordPage {
  readonly encoding: Encoding;
  readonly dialect: Dialect;
  /** The first of the first page that has any is the header. */
  readonly records: readonly FramedRecord[];
}

/** Problem `export_unreadable` for what cannot be a CSV file. */
export async function* readRecords(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<RecordPage> {
  let dialect: Dialect | undefined;
  let framer: RecordFramer | undefined;
  let start: Buffer = Buffer.alloc(0);
  for await (const { bytes, encoding, isLast } of toUtf8(chunks, path)) {
    if (framer && dialect) {
      yield { encoding, dialect, records: [...framer.push(bytes, isLast)] };
      continue;
    }
    start = Buffer.concat([start, bytes]);
    dialect = sniffDialect(start, isLast);
    if (dialect) {
      framer = new RecordFramer(dialect);
      yield { encoding, dialect, records: [...framer.push(start, isLast)] };
    } else if (start.length > MAX_RECORD_BYTES) {
      throw new Problem("export_unreadable", `${path}: its first line has not ended after ${MAX_RECORD_BYTES} bytes`, {
        hint: "Nothing of it was sent. Give a CSV file whose first line names the columns.",
      });
    }
  }
}
