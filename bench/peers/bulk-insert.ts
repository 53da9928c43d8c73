/**
 * The plainest durable way to keep a night's rows: better-sqlite3, one table with one key, WAL, synchronous = FULL, 10,000
 * rows a commit. `node bulk-insert.ts data.json attempts|outcomes FILE` prints the seconds spent in SQLite alone: neither
 * the start of the program nor the making of the rows counts.
 */
import { readFileSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import { makeCells, makeIdentity } from "../data/cells.ts";
import { diceOf } from "../data/export.ts";
import { outcomeOf, shuffledRows } from "../data/results.ts";
import type { Data } from "../make-data.ts";

const ROWS_PER_COMMIT = 10_000;

type Value = string | number;
/** Column → its value in each row; the first is the key. */
type Row = Readonly<Record<string, Value>>;

const [describedIn = "", what = "", path = ""] = process.argv.slice(2);
const data: Data = JSON.parse(readFileSync(describedIn, "utf8"));
const { night } = data;

/** What a ledger needs to know of a rebill: who, how much, until when. */
function* attempts(): Generator<Row> {
  let position = 0;
  for (let row = 0; row < night.rows; row++) {
    const dice = diceOf(night, row);
    const identity = makeIdentity(dice, night.night, row);
    if (identity.isBad) continue;
    const cells = makeCells(dice, identity, night.nowMs, 1);
    yield {
      order_id: identity.orderId,
      transaction_id: cells.transaction_id ?? "",
      attempt_number: 1,
      export_id: 1,
      position: position++,
      row,
      line: row + 2,
      subscription_id: cells.subscription_id ?? "",
      customer_id: cells.customer_id ?? "",
      decline_code: cells.decline_code ?? "",
      decline_code_source: cells.decline_code_source ?? "",
      amount_minor: identity.amountMinor,
      currency: identity.currency,
      declined_at: Date.parse(cells.declined_at ?? ""),
      expires_at: night.nowMs + 21 * 86_400_000,
      batch_id: Math.floor(position / 2_000),
    };
  }
}

/** In the order of the result file: none. */
function* outcomes(): Generator<Row> {
  let line = 2;
  for (const row of shuffledRows(night)) {
    const outcome = outcomeOf(night, row);
    yield {
      order_id: outcome.orderId,
      status: outcome.status,
      amount_minor: outcome.amountMinor,
      currency: outcome.currency,
      processed_at: outcome.processedAtMs,
      result_file_id: 1,
      line: line++,
      response_code: outcome.responseCode,
      message: outcome.message,
      session_key: outcome.sessionKey,
      recorded_at: night.nowMs,
    };
  }
}

let spentMs = 0;
function timed<T>(work: () => T): T {
  const start = performance.now();
  const result = work();
  spentMs += performance.now() - start;
  return result;
}

const db = new BetterSqlite3(path);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
let insertPage: ((rows: readonly Row[]) => void) | undefined;
let page: Row[] = [];
let rows = 0;

function prepare(first: Row): (rows: readonly Row[]) => void {
  const columns = Object.entries(first);
  const types = columns.map(([name, value]) => `${name} ${typeof value === "number" ? "INTEGER" : "TEXT"} NOT NULL`);
  db.exec(`CREATE TABLE ${what} (${types.join(", ")}, PRIMARY KEY (${columns[0]?.[0]})) WITHOUT ROWID`);
  // A result told twice is kept once.
  const names = columns.map(([name]) => name);
  const sql = `INSERT OR IGNORE INTO ${what} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
  const insert = db.prepare(sql);
  return db.transaction((all: readonly Row[]) => {
    for (const row of all) insert.run(...Object.values(row));
  });
}

function flush(): void {
  const [first] = page;
  if (!first) return;
  insertPage ??= prepare(first);
  const insert = insertPage;
  timed(() => insert(page));
  rows += page.length;
  page = [];
}

for (const row of what === "attempts" ? attempts() : outcomes()) {
  page.push(row);
  if (page.length === ROWS_PER_COMMIT) flush();
}
flush();
timed(() => db.close());
console.log(JSON.stringify({ seconds: spentMs / 1000, rows }));
