/** A file's bytes → its records, with what was learned about how the file is written. */
import { Problem } from "../domain/problem.ts";
import { type Dialect, sniffDialect } from "./dialect.ts";
import { type Encoding, toUtf8 } from "./encoding.ts";
import { type FramedRecord, MAX_RECORD_BYTES, RecordFramer } from "./record-framer.ts";

/** A file whose header line has been met: what is in `pieces` follows it. */
export interface OpenedRecords {
  readonly encoding: Encoding;
  readonly dialect: Dialect;
  /** Stands behind the header. */
  readonly framer: RecordFramer;
  readonly header: FramedRecord;
  /** The rest, as UTF-8, read as it is asked for. A piece is good until the next one is asked for. */
  readonly pieces: AsyncGenerator<Piece>;
}

export interface Piece {
  readonly bytes: Buffer;
  /** The last one may be empty. */
  readonly isLast: boolean;
}

/**
 * A chunk needs to be good until the next one is asked for. Undefined: nothing but blank lines. Problem `export_unreadable` for what cannot be a
 * CSV file.
 */
export async function openRecords(chunks: AsyncIterable<Buffer>, path: string): Promise<OpenedRecords | undefined> {
  const source = toUtf8(chunks, path);
  let start: Buffer = Buffer.alloc(0);
  for (let next = await source.next(); !next.done; next = await source.next()) {
    const { bytes, encoding, isLast } = next.value;
    start = Buffer.concat([start, bytes]);
    const dialect = sniffDialect(start, isLast);
    if (dialect) {
      const framer = new RecordFramer(dialect);
      const first = framer.first(start, isLast);
      if (first) {
        const { record, next: at } = first;
        if (record.damage === "size") throw endlessHeader(path);
        return { encoding, dialect, framer, header: record, pieces: piecesFrom(start.subarray(at), isLast, source) };
      }
    }
    if (!dialect && start.length > MAX_RECORD_BYTES) throw endlessHeader(path);
  }
  return undefined;
}

function endlessHeader(path: string): Problem {
  return new Problem("export_unreadable", `${path}: its first line has not ended after ${MAX_RECORD_BYTES} bytes`, {
    hint: "Nothing of it was sent. Give a CSV file whose first line names the columns.",
  });
}

async function* piecesFrom(rest: Buffer, isLast: boolean, source: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  try {
    yield { bytes: rest, isLast };
    if (!isLast) yield* source;
  } finally {
    await source.return(undefined);
  }
}

/** The records behind the header, a page at a time, which is good until the next one is asked for. */
export async function* readRecords({ pieces, framer }: OpenedRecords): AsyncGenerator<FramedRecord[]> {
  for await (const { bytes, isLast } of pieces) yield [...framer.push(bytes, isLast)];
}
