/** The database itself keeps facts from being changed, whoever writes to it. */
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, loadSqlite } from "../../src/ledger/sqlite/connection.ts";
import { MIGRATIONS, type Migration, migrate } from "../../src/ledger/sqlite/migrations/migrate.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import {
  archiveBatch,
  deliverBatch,
  failBatch,
  planBatch,
  recordExport,
  STAMP,
  sampleAttempt,
  sampleBreak,
  sampleExport,
  sampleOutcome,
} from "../contract/ledger/samples.ts";
import { makeFolder, removeFolder } from "./folder.ts";

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3;

/** What may change: who holds the lock, the next number, the newest look, and the record of migrations (by nobody). */
const MUTABLE = ["counter", "lock", "look", "migration"];

let folder: string;
let db: BetterSqlite3.Database;

beforeAll(async () => {
  folder = await makeFolder();
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: () => 5 });
  await ledger.acquireLock("test");
  await ledger.endRun(await ledger.startRun({ ...STAMP, command: "run" }), { ...STAMP, exitStatus: 0 });
  const failed = await planBatch(ledger, sampleAttempt(0));
  await failBatch(ledger, failed);
  const next = await ledger.planBatch({ ...STAMP, exportId: 1 });
  await ledger.reclaim(next, [1]);
  await ledger.mintName(next, String, STAMP);
  await deliverBatch(ledger, next);
  await archiveBatch(ledger, await planBatch(ledger));
  await recordExport(ledger, sampleExport({ archived: { sizeBytes: 1, sha256: "d" } }));
  await ledger.recordCollection({ ...STAMP, found: 1, collected: 1 });
  const file = { ...STAMP, name: "r", sizeBytes: 1, modifiedAt: 1, sha256: "c", archivePath: "a" };
  const resultFileId = await ledger.recordResultFile({ ...file, state: "collected", source: "file" });
  await ledger.markApplied(resultFileId, { ...STAMP, rows: 1, applied: 1, repeated: 0 });
  await ledger.appendOutcomes([sampleOutcome(1, { resultFileId, sessionKey: "sk-1" })]);
  await ledger.recordBreaks([sampleBreak()]);
  await ledger.settleBreak(1, { ...STAMP, reason: "x", as: undefined });
  await ledger.close();
  db = await connect(await loadSqlite(), join(folder, "ledger.db"));
});
afterAll(async () => {
  db.close();
  await removeFolder(folder);
});

const scratch = new Sqlite(":memory:");
migrate(scratch, 0);
const tables = scratch.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
const facts = tables.filter((table) => !MUTABLE.includes(table) && !table.startsWith("sqlite_"));

describe.each(facts)("a fact in %s", (table) => {
  const count = () => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  const column = () => (db.pragma(`table_info(${table})`) as { name: string }[])[0]?.name;

  test("is there, and is never updated, deleted or replaced", () => {
    const before = count();
    expect(before).toBeGreaterThan(0);
    expect(() => db.exec(`UPDATE ${table} SET ${column()} = ${column()}`)).toThrow("is never changed");
    expect(() => db.exec(`DELETE FROM ${table}`)).toThrow("is never deleted");
    expect(() => db.exec(`INSERT OR REPLACE INTO ${table} SELECT * FROM ${table}`)).toThrow("is never deleted");
    expect(count()).toBe(before);
  });
});

test("an export that is being read is filled in once, and never emptied again", () => {
  const copy = new Sqlite(":memory:");
  migrate(copy, 0);
  copy.exec(`INSERT INTO export (sha256, name, rows, accepted, skipped, rejected, archive_path, max_age_days, reason, at, recorded_at)
    VALUES ('', 'a.csv', 0, 0, 0, 0, 'archive/a.csv', 1, '', 1, 1)`);
  const fill = (hash: string) =>
    copy.exec(`UPDATE export SET sha256 = '${hash}' WHERE export_id = (SELECT max(export_id) FROM export)`);
  expect(() => fill("")).toThrow("is never changed");
  fill("abc");
  expect(() => fill("abc")).toThrow("is never changed");
  expect(() => fill("")).toThrow("is never changed");
});

test("the counter of names only grows", () => {
  expect(() => db.exec("UPDATE counter SET value = value - 1")).toThrow("only grows");
  expect(() => db.exec("DELETE FROM counter")).toThrow("never deleted");
});

test("every table is strict", () => {
  const list = scratch.pragma("table_list") as { name: string; schema: string; strict: number }[];
  const ours = list.filter((table) => table.schema === "main" && !table.name.startsWith("sqlite_"));
  expect(ours.filter((table) => table.strict !== 1).map((table) => table.name)).toEqual([]);
});

test("the database commits to the disk, and keeps its references", () => {
  expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(db.pragma("synchronous", { simple: true })).toBe(2);
  expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
});

describe("a migration", () => {
  const next = MIGRATIONS.length + 1;
  const steps: Migration[] = [...MIGRATIONS, { version: next, sql: "CREATE TABLE extra (n INTEGER) STRICT" }];

  test("is applied once, after the ones before it", () => {
    const fresh = new Sqlite(":memory:");
    expect(migrate(fresh, 7)).toBe(next - 1);
    expect(migrate(fresh, 8, steps)).toBe(next);
    expect(migrate(fresh, 9, steps)).toBe(next);
    expect(fresh.prepare("SELECT version, recorded_at FROM migration").raw().all()).toEqual([
      ...MIGRATIONS.map(({ version }) => [version, 7]),
      [next, 8],
    ]);
  });

  test("that fails half-way leaves nothing behind", () => {
    const fresh = new Sqlite(":memory:");
    migrate(fresh, 7);
    const broken = { version: next, sql: "CREATE TABLE extra (n INTEGER) STRICT; CREATE TABLE run (x INTEGER)" };
    expect(() => migrate(fresh, 8, [...MIGRATIONS, broken])).toThrow("already exists");
    expect(fresh.prepare("SELECT max(version) FROM migration").pluck().get()).toBe(next - 1);
    expect(fresh.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").pluck().get()).toBe(0);
  });
});

test.each([0, 5])(
  "what an attempt or an outcome names must be there when it is committed (a ledger of schema %i)",
  (schema) => {
    const ledger = new Sqlite(":memory:");
    if (schema > 0) migrate(ledger, 1, MIGRATIONS.slice(0, schema));
    migrate(ledger, 2);
    ledger.pragma("foreign_keys = ON");
    const attempt = "INSERT INTO attempt VALUES (1, 'o', 't', 1, 1, 0, 1, 2, 's', 'c', '51', '', 1, 'USD', 1, 2, 1)";
    const outcome = "INSERT INTO outcome VALUES (1, 1, 'pending', 'P', 1, 'USD', NULL, 'file', 7, 0, '', '', '', 1, 1)";
    const parents = `INSERT INTO export VALUES (1, 'a', 'n', 1, 1, 0, 0, 'p', 1, '', 1, 1); INSERT INTO batch VALUES (1, 1);
    INSERT INTO result_file VALUES (7, 'r', 1, 1, 'c', 'a', 'collected', 'file', 1, 1)`;
    for (const child of [attempt, outcome, `${attempt}; ${outcome}`]) {
      ledger.exec(`BEGIN; ${child}`);
      expect(() => ledger.exec("COMMIT")).toThrow("FOREIGN KEY constraint failed");
      ledger.exec("ROLLBACK");
    }
    ledger.exec(`BEGIN; ${outcome}; ${attempt}; ${parents}; COMMIT`);
    expect(ledger.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(() => ledger.exec("UPDATE sqlite_schema SET sql = sql")).toThrow("may not be modified");
  },
);

test("a ledger that an older program filled still finds its attempts by all their keys", async () => {
  const place = await makeFolder();
  mkdirSync(place, { recursive: true });
  const old = new Sqlite(join(place, "ledger.db"));
  migrate(old, 1, MIGRATIONS.slice(0, 2));
  old.exec(`
    INSERT INTO owner (merchant, host, recorded_at) VALUES ('acme', 'here', 1);
    INSERT INTO export VALUES (1, 'a', 'n', 1, 1, 0, 0, 'p', 1, '', 1, 1);
    INSERT INTO batch VALUES (1, 1);
    INSERT INTO batch_event VALUES (1, 1, 'planned', '', 0, '', 1, 1);
    INSERT INTO attempt VALUES (1, 'o', 't', 1, 1, 0, 1, 2, 's', 'c', '51', '', 1, 'USD', 1, 2, 1);
    INSERT INTO outcome VALUES (1, 1, 'pending', 'P', 1, 'USD', NULL, 'person', NULL, 0, '', '', 'sk-ä', 1, 1);
    INSERT INTO outcome VALUES (1, 2, 'rescued', 'A', 1, 'USD', NULL, 'person', NULL, 0, '', '', 'sk-ä', 1, 1);
    INSERT INTO outcome VALUES (1, 3, 'refunded', 'R', 1, 'USD', NULL, 'person', NULL, 0, '', '', '', 1, 1)`);
  old.close();
  const ledger = await openSqliteLedger({ folder: place, merchant: "acme", host: "here", clock: () => 5 });
  const found = await ledger.findSentAttempts({ attemptIds: [], orderIds: [], sessionKeys: ["sk-ä"] });
  expect(found).toMatchObject([{ attemptId: 1, sessionKey: "sk-ä", outcomes: [{}, {}, {}] }]);
  expect(await ledger.findAttempts([{ orderId: "", transactionId: "t" }])).toMatchObject([{ attemptId: 1 }]);
  expect(await ledger.checkIntegrity()).toEqual([]);
  await ledger.close();
  await removeFolder(place);
});
