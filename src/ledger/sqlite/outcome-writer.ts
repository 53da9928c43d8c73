/**
 * Appends outcomes, many with one statement: a call into SQLite costs as much as the row it writes, and binding a string a tenth of it.
 * So what all rows of a result file share is bound once for all of them, and words that many of them share come from a table in memory.
 */
import type { Statement } from "better-sqlite3";
import type { Database } from "./connection.ts";
import type { KeyTable } from "./key-table.ts";
import { lazily } from "./lazily.ts";
import { isSameWord, type OutcomeWord, type PackedOutcomes, VALUES_OF_ONE, type Value } from "./packed-results.ts";
import type { Held, Session } from "./session.ts";

const MANY = 50;
const SOME = 7;
/** Among the values of an outcome. */
const SESSION_KEY = 5;

export class OutcomeWriter implements Held {
  readonly #session: Session;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #learned: KeyTable;
  /** Words that the transaction that is open has put, by their places. Of one that was rolled back neither they nor their table are left. */
  #put: OutcomeWord[] = [];

  constructor(session: Session, learned: KeyTable) {
    this.#session = session;
    this.#statements = prepare(session.db);
    this.#learned = learned;
  }

  /** Inside the caller's write. */
  append({ shared, words, values }: PackedOutcomes): void {
    this.#putWords(words);
    const ids: number[] = [];
    for (let at = 0; at < values.length; at += VALUES_OF_ONE) ids.push(values[at] as number);
    const lastNth = this.#lastNths(ids);
    for (let row = 0; row < ids.length; ) {
      const [statement, count] = this.#insertOf(ids.length - row);
      const bindings = [...shared];
      for (const until = row + count; row < until; row++) {
        const attemptId = ids[row] as number;
        const nth = (lastNth.get(attemptId) ?? 0) + 1;
        lastNth.set(attemptId, nth);
        bindings.push(nth);
        const from = row * VALUES_OF_ONE;
        for (let at = from; at < from + VALUES_OF_ONE; at++) bindings.push(values[at] as Value);
        const sessionKey = values[from + SESSION_KEY] as string;
        if (sessionKey !== "") this.#learned.add(sessionKey, attemptId);
      }
      // A row whose word is not there would be left out without a sound.
      if (statement.run(...bindings).changes !== count)
        throw new Error("an outcome was not appended: its word is missing");
    }
  }

  #putWords(words: readonly OutcomeWord[]): void {
    if (this.#put.length === 0) this.#statements.makeWords.run();
    this.#session.hold(this);
    for (const [place, word] of words.entries()) {
      const put = this.#put[place];
      if (put && isSameWord(put, word)) continue;
      const { status, rawStatus, currency, responseCode } = word;
      this.#statements.putWord.run(place, status, rawStatus, currency, responseCode);
      this.#put[place] = word;
    }
  }

  flush(): void {
    this.drop();
  }

  drop(): void {
    this.#put = [];
  }

  #insertOf(rows: number): [statement: Insert, count: number] {
    const { insertMany, insertSome, insertOne } = this.#statements;
    if (rows >= MANY) return [insertMany, MANY];
    return rows >= SOME ? [insertSome, SOME] : [insertOne, 1];
  }

  /** The number of the last outcome of each of these attempts that has any. */
  #lastNths(ids: readonly number[]): Map<number, number> {
    const [first, last] = [ids.reduce((a, b) => Math.min(a, b), ids[0] ?? 0), ids.reduce((a, b) => Math.max(a, b), 0)];
    // Neighbours, as in a result file that follows our batches: a range is read in a fraction of the time of a list.
    const isDense = last - first < 2 * ids.length;
    const { ofRange, ofList } = this.#statements;
    return new Map(isDense ? ofRange.all(first, last) : ofList.all(JSON.stringify(ids)));
  }
}

type Insert = Statement<Value[]>;

function prepare(db: Database) {
  const list = (one: string, count: number) => Array.from({ length: count }, () => one).join(", ");
  const insert = (count: number): Insert =>
    db.prepare<Value[]>(
      `WITH file (source, result_file_id, at, recorded_at) AS (VALUES (?, ?, ?, ?)),
         said (nth, attempt_id, amount_minor, processed_at, line, message, session_key, place) AS
           (VALUES ${list("(?, ?, ?, ?, ?, ?, ?, ?)", count)})
       INSERT OR FAIL INTO outcome (attempt_id, nth, status, raw_status, amount_minor, currency, processed_at, line, response_code,
         message, session_key, source, result_file_id, at, recorded_at)
       SELECT attempt_id, nth, status, raw_status, amount_minor, currency, processed_at, line, response_code,
         message, session_key, file.*
       FROM said CROSS JOIN outcome_word USING (place) CROSS JOIN file`,
    );
  const lastNth = <Which extends unknown[]>(from: string) =>
    db.prepare<Which, [number, number]>(`SELECT attempt_id, max(nth) FROM ${from} GROUP BY attempt_id`).raw();
  return lazily({
    makeWords: () =>
      db.prepare<[]>(
        `CREATE TEMP TABLE IF NOT EXISTS outcome_word (
           place INTEGER PRIMARY KEY, status TEXT NOT NULL, raw_status TEXT NOT NULL, currency TEXT NOT NULL,
           response_code TEXT NOT NULL
         ) STRICT`,
      ),
    putWord: () =>
      db.prepare<[number, string, string, string, string]>(
        "INSERT OR REPLACE INTO outcome_word VALUES (?, ?, ?, ?, ?)",
      ),
    insertOne: () => insert(1),
    insertSome: () => insert(SOME),
    insertMany: () => insert(MANY),
    ofRange: () => lastNth<[number, number]>("outcome WHERE attempt_id BETWEEN ? AND ?"),
    ofList: () => lastNth<[string]>("json_each(?) AS wanted CROSS JOIN outcome ON attempt_id = wanted.value"),
  });
}
