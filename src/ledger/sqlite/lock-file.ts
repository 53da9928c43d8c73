/**
 * The merchant's lock itself: lock.db held with BEGIN EXCLUSIVE, a lock of the operating system, which the kernel drops
 * when the owner dies in whatever way, and never before. See docs/adr/0004-the-lock.md.
 *
 * Danger: nothing else in this program may open lock.db. POSIX drops the lock when any descriptor of the file is closed
 * in the owning process; only SQLite itself knows how to open it twice.
 */
import { existsSync } from "node:fs";
import { type Database, isBusy, preparePrivateFile, type Sqlite } from "./connection.ts";
import { problemFrom } from "./sqlite-problem.ts";

/** Long enough for an `isHeld` of another process to pass, which takes microseconds. */
const PATIENCE_MS = 250;

export class LockFile {
  readonly #sqlite: Sqlite;
  readonly #path: string;
  #holding: Database | undefined;

  constructor(sqlite: Sqlite, path: string) {
    this.#sqlite = sqlite;
    this.#path = path;
  }

  get isOurs(): boolean {
    return this.#holding !== undefined;
  }

  /** False: another living process (or another ledger of this one) holds it. */
  tryHold(): boolean {
    return this.#translated(() => {
      preparePrivateFile(this.#path);
      const db = new this.#sqlite(this.#path, { timeout: PATIENCE_MS });
      try {
        // Nothing is ever written to it: it needs no journal beside it.
        if (!isRefused(() => db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"))) this.#holding = db;
      } finally {
        if (!this.isOurs) db.close();
      }
      return this.isOurs;
    });
  }

  release(): void {
    this.#holding?.close();
    this.#holding = undefined;
  }

  /** Does anybody hold it now? Asked of the kernel, not of a record. */
  isHeld(): boolean {
    if (this.isOurs) return true;
    if (!existsSync(this.#path)) return false;
    return this.#translated(() => {
      const db = new this.#sqlite(this.#path, { readonly: true, timeout: 0 });
      try {
        return isRefused(() => db.prepare("SELECT 1 FROM sqlite_schema").all());
      } finally {
        db.close();
      }
    });
  }

  #translated<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw problemFrom(error, this.#path);
    }
  }
}

function isRefused(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  }
}
