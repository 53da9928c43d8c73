/**
 * Which attempts a key belongs to, by the key's number (key-hash.ts). An index over the keys themselves is three times as large, and
 * is filled in their order, which is random: a million places cost more than a million rows. So pairs are held back until
 * their transaction ends, and go in sorted.
 */
import { doubled } from "../../domain/doubled.ts";
import type { Database } from "./connection.ts";
import { keyHash } from "./key-hash.ts";
import { lazily } from "./lazily.ts";
import type { Held, Session } from "./session.ts";
import { sortPairs } from "./sort-pairs.ts";

export type KeyTableName = "transaction_key" | "subscription_key" | "learned_key";

/**
 * Sixty-four megabytes of numbers, where there are so many. Each time they go in, they pass through the whole table: with a quarter of them,
 * an export of five million rows took a fifth longer.
 */
const MOST_HELD = 2 ** 22;
const PAIRS_AT_ONCE = 100;
const FIRST_HELD = 1024;

/** For the FROM of a select: attempts whose key may be one of those that a JSON array of numbers stands for. */
export const ofKeys = (table: KeyTableName): string =>
  `json_each(?) AS wanted CROSS JOIN ${table} ON key_hash = wanted.value`;

/** For `ofKeys`. */
export const hashesOf = (keys: readonly string[]): string => JSON.stringify(keys.map(keyHash));

export class KeyTable implements Held {
  readonly #session: Session;
  readonly #statements: ReturnType<typeof prepare>;
  /** Called with two attempts whose keys have the same number, if both were held at the same time. */
  readonly #onTwins: ((one: number, other: number) => void) | undefined;
  #hashes = new Float64Array(FIRST_HELD);
  #attemptIds = new Float64Array(FIRST_HELD);
  #held = 0;

  constructor(session: Session, table: KeyTableName, onTwins?: (one: number, other: number) => void) {
    this.#session = session;
    this.#statements = prepare(session, table);
    this.#onTwins = onTwins;
  }

  /** Inside the caller's write. Seen by others of its transaction after `flush` only. */
  add(key: string, attemptId: number): void {
    if (this.#held === 0) this.#session.hold(this);
    if (this.#held === this.#hashes.length) {
      this.#hashes = doubled(this.#hashes);
      this.#attemptIds = doubled(this.#attemptIds);
    }
    this.#hashes[this.#held] = keyHash(key);
    this.#attemptIds[this.#held] = attemptId;
    this.#held += 1;
    if (this.#held === MOST_HELD) this.flush();
  }

  /** Of what was put in; what is held does not count. */
  isEmpty(): boolean {
    return this.#statements.any.get() === undefined;
  }

  flush(): void {
    if (this.#held === 0) return;
    const { hashes, attemptIds } = sortPairs({
      hashes: this.#hashes.subarray(0, this.#held),
      attemptIds: this.#attemptIds.subarray(0, this.#held),
    });
    this.drop();
    let pairs: number[] = [];
    let groupFrom = 0;
    for (let at = 0; at < hashes.length; at++) {
      const hash = hashes[at] as number;
      const attemptId = attemptIds[at] as number;
      if (hash !== hashes[groupFrom]) groupFrom = at;
      // Where nobody asks, a key that many share must not cost its square.
      for (let other = groupFrom; this.#onTwins && other < at; other++) {
        this.#onTwins(attemptIds[other] as number, attemptId);
      }
      pairs.push(hash, attemptId);
      if (pairs.length < 2 * PAIRS_AT_ONCE) continue;
      this.#statements.insertMany.run(...pairs);
      pairs = [];
    }
    for (let at = 0; at < pairs.length; at += 2) this.#statements.insertOne.run(...pairs.slice(at, at + 2));
  }

  drop(): void {
    this.#hashes = new Float64Array(FIRST_HELD);
    this.#attemptIds = new Float64Array(FIRST_HELD);
    this.#held = 0;
  }
}

const HOLDS: Readonly<Record<KeyTableName, { readonly column: string; readonly from: string }>> = {
  transaction_key: { column: "transaction_id", from: "attempt" },
  subscription_key: { column: "subscription_id", from: "attempt" },
  learned_key: { column: "session_key", from: "outcome" },
};

/** What SQLite cannot know: an attempt that nobody finds by its key. */
export function findMissingKeys(db: Database): string[] {
  db.function("key_hash", { deterministic: true }, (key: unknown) => keyHash(String(key)));
  return Object.entries(HOLDS).flatMap(([table, { column, from }]) =>
    db
      .prepare<[], number>(
        `SELECT DISTINCT attempt_id FROM ${from} WHERE ${column} <> '' AND NOT EXISTS (SELECT 1 FROM ${table}
           WHERE ${table}.key_hash = key_hash(${from}.${column}) AND ${table}.attempt_id = ${from}.attempt_id) LIMIT 20`,
      )
      .pluck()
      .all()
      .map((attemptId) => `attempt ${attemptId} cannot be found by its ${column}: ${table} lacks it`),
  );
}

function prepare({ db }: Session, table: KeyTableName) {
  const insert = (count: number) =>
    db.prepare<number[]>(
      `INSERT OR FAIL INTO ${table} (key_hash, attempt_id) VALUES ${Array.from({ length: count }, () => "(?, ?)").join(", ")}
       ON CONFLICT DO NOTHING`,
    );
  return lazily({
    insertOne: () => insert(1),
    insertMany: () => insert(PAIRS_AT_ONCE),
    any: () => db.prepare<[], unknown>(`SELECT 1 FROM ${table} LIMIT 1`),
  });
}
