/** Opens ledger.db: private to its owner, durable at each commit. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type BetterSqlite3 from "better-sqlite3";
import { Problem } from "../../domain/problem.ts";

/** Loaded only when a ledger is opened: `--version` and `validate` need none. */
export type Sqlite = typeof BetterSqlite3;
export type Database = BetterSqlite3.Database;

/** How long a write waits for another process's commit. Only adopting, migrating and a person's shell ever compete. */
const BUSY_TIMEOUT_MS = 5_000;
const RETRY_MS = 20;

export async function loadSqlite(): Promise<Sqlite> {
  return (await import("better-sqlite3")).default;
}

/** The folder is made if it is missing, and closed to others if it is not. */
export function preparePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeToOthers(folder, 0o700);
}

/**
 * POSIX drops all of a process's locks on a file as soon as any descriptor of it is closed in that process. So an existing
 * file is never opened here, and creating one is synchronous: nobody can lock it in between. SQLite gives the files that
 * it makes beside it (-wal, -shm) the same mode.
 */
export function preparePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    closeToOthers(path, 0o600);
  }
}

function closeToOthers(path: string, mode: number): void {
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, mode);
}

/** lock.db is made after the ledger: where it stands alone, the ledger was lost, and a new one would send all again. */
export function refuseLostLedger(folder: string): void {
  const path = join(folder, "ledger.db");
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0 || !existsSync(join(folder, "lock.db"))) return;
  throw new Problem("ledger_damaged", `the ledger ${path} is gone, though runs were made from this folder`, {
    hint: `Nothing was changed. Restore ${folder} from your last backup; a new ledger would send again what was sent.`,
  });
}

/** The file must be there (`preparePrivateFile`): one that was lost meanwhile is not made anew. */
export async function connect(sqlite: Sqlite, path: string): Promise<Database> {
  const db = new sqlite(path, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
  try {
    await switchToWal(db);
    db.pragma("synchronous = FULL");
    // Without it, a commit on macOS reaches the drive's cache only.
    db.pragma("fullfsync = ON");
    db.pragma("foreign_keys = ON");
    // A REPLACE would otherwise delete a fact without its trigger.
    db.pragma("recursive_triggers = ON");
    db.pragma("trusted_schema = OFF");
    db.pragma("temp_store = MEMORY");
    db.pragma(`cache_size = -${cacheKiB(path)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** An eighth of the ledger, within bounds: where the pages of its indexes do not fit, each look reads the disk. */
function cacheKiB(path: string): number {
  return Math.round(Math.min(256 * 1024, Math.max(32 * 1024, statSync(path).size / 1024 / 8)));
}

/** Two programs that open a new ledger at the same moment: for this one pragma SQLite answers "busy" without waiting. */
async function switchToWal(db: Database): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      db.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || waitedMs >= BUSY_TIMEOUT_MS) throw error;
      await sleep(RETRY_MS);
    }
  }
}

export function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}

/** Every page and index, then every reference: what SQLite finds wrong, in its words. */
export function findDamage(db: Database): string[] {
  const found = db.prepare<[], string>("PRAGMA integrity_check(20)").pluck().all();
  const dangling = db.prepare<[], { table: string; rowid: number; parent: string }>("PRAGMA foreign_key_check").all();
  return [
    ...found.filter((line) => line !== "ok"),
    ...dangling
      .slice(0, 20)
      .map(({ table, rowid, parent }) => `row ${rowid} of ${table} names a row of ${parent} that is not there`),
  ];
}
