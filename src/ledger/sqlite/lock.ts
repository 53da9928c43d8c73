/** Who holds the merchant's lock, in words; and the check that each write makes. The lock itself is lock-file.ts. */
import { randomUUID } from "node:crypto";
import { formatInstant, type Instant, SECOND_MS } from "../../domain/instant.ts";
import { Problem } from "../../domain/problem.ts";
import type { LockHolder, LockKeeper } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";
import type { LockFile } from "./lock-file.ts";
import type { Session, WriteGuard } from "./session.ts";

/** A sign of life at least this often, beside the one in each write: a person reads it, no program decides by it. */
const HEARTBEAT_MS = 15 * SECOND_MS;

export interface LockIdentity {
  readonly merchant: string;
  readonly host: string;
  readonly pid: number;
  readonly clock: () => Instant;
  /** Of a lock that was taken before, by this process. */
  readonly token?: string | undefined;
}

/** The row beside lock.db that names its holder. A row that its writer left behind is replaced, token and all. */
export class LockRow implements WriteGuard {
  readonly #identity: LockIdentity;
  #token: string | undefined;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, identity: LockIdentity) {
    this.#identity = identity;
    this.#token = identity.token;
    this.#statements = prepare(db);
  }

  get isTaken(): boolean {
    return this.#token !== undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  read(): LockHolder | undefined {
    return this.#statements.read.get();
  }

  /** Call it only while lock.db is held. */
  take(command: string): void {
    const { pid, host, clock } = this.#identity;
    const now = clock();
    const token = randomUUID();
    const startedAt = now - Math.round(process.uptime() * SECOND_MS);
    this.#statements.take.run(token, pid, startedAt, host, command, now, now);
    this.#token = token;
  }

  check(): void {
    if (this.#token !== undefined && this.beat()) return;
    const { merchant } = this.#identity;
    if (this.#token === undefined) {
      throw new Problem("locked", `this run does not hold the lock of merchant ${merchant}, so it may not write`, {
        hint: "Nothing was recorded.",
      });
    }
    const now = this.read();
    const successor = now ? `: ${describe(now)} has it` : "";
    throw new Problem("locked", `this run has lost the lock of merchant ${merchant}${successor}`, {
      hint: "This step was not recorded. Find out who moved or deleted lock.db; then run again.",
    });
  }

  /** False: the row is no longer ours. */
  beat(): boolean {
    return this.#statements.beat.run(this.#identity.clock(), this.#token).changes === 1;
  }

  clear(): void {
    this.#statements.clear.run(this.#token);
    this.#token = undefined;
  }
}

function prepare(db: Database) {
  return lazily({
    read: () =>
      db.prepare<[], LockHolder>(
        `SELECT pid, host, command, since, heartbeat_at AS heartbeatAt, process_started_at AS processStartedAt FROM lock`,
      ),
    take: () =>
      db.prepare<[string, number, number, string, string, number, number]>(
        `INSERT OR REPLACE INTO lock (only, token, pid, process_started_at, host, command, since, heartbeat_at)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
      ),
    beat: () => db.prepare<[number, string | undefined]>("UPDATE lock SET heartbeat_at = ? WHERE token = ?"),
    clear: () => db.prepare<[string | undefined]>("DELETE FROM lock WHERE token = ?"),
  });
}

/** `LockKeeper` over the two: lock.db decides, the row tells. */
export class MerchantLock implements LockKeeper {
  readonly #file: LockFile;
  readonly #row: LockRow;
  readonly #session: Session;
  readonly #merchant: string;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(file: LockFile, row: LockRow, session: Session, merchant: string) {
    this.#file = file;
    this.#row = row;
    this.#session = session;
    this.#merchant = merchant;
  }

  async acquireLock(command: string): Promise<void> {
    if (this.#file.isOurs) throw new Error("the lock was acquired twice");
    if (!this.#file.tryHold()) throw heldByOther(this.#merchant, await this.#session.read(() => this.#row.read()));
    try {
      await this.#session.writeUnguarded(() => this.#row.take(command));
    } catch (error) {
      this.#file.release();
      throw error;
    }
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  async releaseLock(): Promise<void> {
    if (!this.#file.isOurs) return;
    clearInterval(this.#heartbeat);
    try {
      await this.#session.writeUnguarded(() => this.#row.clear());
    } finally {
      this.#file.release();
    }
  }

  async lockHolder(): Promise<LockHolder | undefined> {
    return this.#file.isHeld() ? this.#session.read(() => this.#row.read()) : undefined;
  }

  #beat(): void {
    // What is wrong with the disk or the lock, the next write meets and reports; a missed sign of life harms nobody.
    this.#session.writeUnguarded(() => this.#row.beat()).catch(() => {});
  }
}

export function heldByOther(merchant: string, holder: LockHolder | undefined): Problem {
  const message = holder
    ? `another run of "${holder.command}" holds merchant ${merchant}: ${describe(holder)}`
    : `another run holds merchant ${merchant}, and has not yet said who it is`;
  const process = holder ? ` (pid ${holder.pid}, started ${formatInstant(holder.processStartedAt)})` : "";
  return new Problem("locked", message, {
    hint: `Nothing was done. Wait until it has ended, or look at that process${process}; a dead one is replaced by itself.`,
  });
}

function describe(holder: LockHolder): string {
  const since = `since ${formatInstant(holder.since)}, last sign of life ${formatInstant(holder.heartbeatAt)}`;
  return `pid ${holder.pid} on ${holder.host}, ${since}`;
}
