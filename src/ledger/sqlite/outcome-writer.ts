/**
 * Appends outcomes, many with one statement: a call into SQLite costs as much as the row it writes. What all rows of a result
 * file share is bound once for all of them.
 */
import type { NewOutcome } from "../ledger.ts";
import type { Database } from "./connection.ts";
import type { KeyTable } from "./key-table.ts";
import { lazily } from "./lazily.ts";

const ROWS_AT_ONCE = 50;

type Value = string | number | null;

export class OutcomeWriter {
  readonly #statements: ReturnType<typeof prepare>;

  readonly #learned: KeyTable;

  constructor(db: Database, learned: KeyTable) {
    this.#statements = prepare(db);
    this.#learned = learned;
  }

  /** Inside the caller's write. */
  append(outcomes: readonly NewOutcome[]): void {
    const lastNth = this.#lastNths(outcomes);
    for (let start = 0; start < outcomes.length; ) {
      const rows = outcomes.slice(start, start + ROWS_AT_ONCE);
      const isAlike = rows.length === ROWS_AT_ONCE && rows.every((row) => isOfOneFile(row, rows[0] as NewOutcome));
      const taken = isAlike ? rows : rows.slice(0, 1);
      const statement = isAlike ? this.#statements.insertMany : this.#statements.insertOne;
      statement.run(bindingsOf(taken, lastNth));
      start += taken.length;
    }
    for (const { sessionKey, attemptId } of outcomes) if (sessionKey !== "") this.#learned.add(sessionKey, attemptId);
  }

  /** The number of the last outcome of each of these attempts that has any. */
  #lastNths(outcomes: readonly NewOutcome[]): Map<number, number> {
    const ids = outcomes.map((outcome) => outcome.attemptId);
    const [first, last] = [ids.reduce((a, b) => Math.min(a, b), ids[0] ?? 0), ids.reduce((a, b) => Math.max(a, b), 0)];
    // Neighbours, as in a result file that follows our batches: a range is read in a fraction of the time of a list.
    const isDense = last - first < 2 * ids.length;
    const { ofRange, ofList } = this.#statements;
    return new Map(isDense ? ofRange.all(first, last) : ofList.all(JSON.stringify(ids)));
  }
}

function isOfOneFile(one: NewOutcome, other: NewOutcome): boolean {
  return (
    one.resultFileId === other.resultFileId &&
    one.source === other.source &&
    one.at === other.at &&
    one.recordedAt === other.recordedAt
  );
}

function bindingsOf(rows: readonly NewOutcome[], lastNth: Map<number, number>): Value[] {
  const [first] = rows;
  if (!first) return [];
  const values: Value[] = [first.source, first.resultFileId ?? null, first.at, first.recordedAt];
  for (const row of rows) {
    const nth = (lastNth.get(row.attemptId) ?? 0) + 1;
    lastNth.set(row.attemptId, nth);
    values.push(row.attemptId, nth, row.status, row.rawStatus, row.amountMinor, row.currency, row.processedAt ?? null);
    values.push(row.line, row.responseCode, row.message, row.sessionKey);
  }
  return values;
}

function prepare(db: Database) {
  const list = (one: string, count: number) => Array.from({ length: count }, () => one).join(", ");
  const insert = (count: number) =>
    db.prepare<[Value[]]>(
      `WITH file (source, result_file_id, at, recorded_at) AS (VALUES (?, ?, ?, ?))
       INSERT INTO outcome (attempt_id, nth, status, raw_status, amount_minor, currency, processed_at, line, response_code,
         message, session_key, source, result_file_id, at, recorded_at)
       SELECT word.*, file.* FROM (VALUES ${list("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", count)}) AS word CROSS JOIN file`,
    );
  const lastNth = <Which extends unknown[]>(from: string) =>
    db.prepare<Which, [number, number]>(`SELECT attempt_id, max(nth) FROM ${from} GROUP BY attempt_id`).raw();
  return lazily({
    insertOne: () => insert(1),
    insertMany: () => insert(ROWS_AT_ONCE),
    ofRange: () => lastNth<[number, number]>("outcome WHERE attempt_id BETWEEN ? AND ?"),
    ofList: () => lastNth<[string]>("json_each(?) AS wanted CROSS JOIN outcome ON attempt_id = wanted.value"),
  });
}
