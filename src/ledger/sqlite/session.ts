/**
 * One connection, used by one at a time. A transaction may await between its calls, so calls from elsewhere in the process
 * must not slip into it: they wait in a queue, and a call belongs to a transaction if it was made from within its work.
 * Single writes that wait at the same time go to the disk together: what costs is the commit, not the row.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Instant } from "../../domain/instant.ts";
import type { TransactionOptions } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { problemFrom } from "./sqlite-problem.ts";

/** The merchant's lock, as seen from inside a transaction. */
export interface WriteGuard {
  /** Has this ledger taken the lock? Without it, a transaction only reads. */
  readonly isTaken: boolean;
  /** Throws the Problem `locked` unless the lock row still names us; leaves a sign of life. */
  check(): void;
}

/** What is kept in memory for the transaction that is open, and must be in the database before it is committed. */
export interface Held {
  flush(): void;
  /** It is rolled back. */
  drop(): void;
}

/** Another thread, in which a transaction goes on with a connection of its own. */
export interface TransactionThread {
  /** Begins what follows. */
  begin(): Promise<void>;
  call(method: string, parameters: readonly unknown[]): Promise<unknown>;
  commit(): Promise<void>;
  /** Whatever was not committed is rolled back. After a commit there is housekeeping left, which nobody needs to wait for. */
  end(): Promise<void>;
}

interface OpenTransaction {
  isOpen: boolean;
  /** Its calls are not made here. */
  readonly thread?: TransactionThread;
  isChecked: boolean;
  /** Set by the first write that failed inside: what it left half done must never be committed. */
  failure: { readonly error: unknown } | undefined;
}

/** The longest that a write waits for company. */
const MOST_GATHER_MS = 10;

/** A write of its own, until it is on the disk. */
interface WaitingWrite {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Session {
  readonly db: Database;
  readonly #guard: WriteGuard;
  readonly #inside = new AsyncLocalStorage<OpenTransaction>();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting: WaitingWrite[] = [];
  readonly #held = new Set<Held>();
  readonly #clock: () => Instant;
  /** Threads of transactions that are over. */
  #ending: Promise<unknown> = Promise.resolve();
  readonly #startThread: (() => TransactionThread) | undefined;
  /** How long the last shared commit took; 0 after one that nobody shared. */
  #gatherMs = 0;

  constructor(db: Database, guard: WriteGuard, clock: () => Instant, startThread?: () => TransactionThread) {
    this.db = db;
    this.#guard = guard;
    this.#clock = clock;
    this.#startThread = startThread;
  }

  /** Of a transaction that goes on in a thread. Undefined: the call is to be made here. */
  callThread(method: string, parameters: readonly unknown[]): Promise<unknown> | undefined {
    const outer = this.#current();
    const thread = outer?.thread;
    return thread && this.#join(outer, () => thread.call(method, parameters));
  }

  /**
   * One snapshot, whatever other processes write meanwhile. Outside a transaction it waits for the one that is open, so
   * that it never sees what may be rolled back.
   */
  async read<T>(work: () => T): Promise<T> {
    const outer = this.#current();
    if (outer) {
      return this.#join(outer, async () => {
        mustBeHere(outer);
        return work();
      });
    }
    return this.#queued(() => this.#translated(() => this.db.transaction(work).deferred()));
  }

  /**
   * Part of the transaction it is called in, else one that stands or falls alone and resolves once it is durable. Of calls
   * that nobody awaited in between, a later write may come before an earlier read.
   */
  async write<T>(work: () => T): Promise<T> {
    const outer = this.#current();
    if (outer) {
      return this.#join(outer, async () => {
        mustBeHere(outer);
        this.#admit(outer);
        return work();
      });
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: (value) => resolve(value as T), reject });
      if (this.#waiting.length === 1) void this.#gather().then(() => this.#queued(() => this.#commitWaiting()));
    });
  }

  /** All or nothing; joins the transaction it is called in. Nothing, too, if `keeps` says so of the result. */
  async transaction<T>(work: () => Promise<T>, { keeps, isLarge }: TransactionOptions<T> = {}): Promise<T> {
    const outer = this.#current();
    if (!outer) return this.#queued(() => (isLarge ? this.#runInThread(work, keeps) : this.#run(work, keeps)));
    return this.#join(outer, async () => {
      if (keeps) throw new Error("a part of a transaction cannot be taken back");
      return work();
    });
  }

  /** For the lock's own row, which is written by whoever holds lock.db: not guarded, never inside a transaction. */
  async writeUnguarded<T>(work: () => T): Promise<T> {
    if (this.#current()) throw new Error("the lock is not taken or released inside a transaction");
    return this.#queued(() => this.#translated(() => this.db.transaction(work).immediate()));
  }

  /** Waits for what is under way, then closes. */
  async close(): Promise<void> {
    if (this.#current()) throw new Error("the ledger was closed inside a transaction");
    return this.#queued(async () => {
      await this.#commitWaiting();
      await this.#ending;
      this.db.close();
    });
  }

  /** Inside a write. */
  hold(held: Held): void {
    this.#held.add(held);
  }

  #flushHeld(): void {
    for (const held of this.#held) held.flush();
    this.#held.clear();
  }

  #dropHeld(): void {
    for (const held of this.#held) held.drop();
    this.#held.clear();
  }

  #current(): OpenTransaction | undefined {
    const transaction = this.#inside.getStore();
    if (transaction && !transaction.isOpen) {
      throw new Error("a ledger call was made after its transaction had ended: an await is missing");
    }
    return transaction;
  }

  #admit(transaction: OpenTransaction): void {
    if (transaction.failure) throw transaction.failure.error;
    // SQLite rolls back by itself where the disk failed; whoever has not heard of that yet would write on without a transaction.
    if (!this.db.inTransaction) throw new Error("the transaction is over: the database has rolled it back");
    if (!transaction.isChecked) this.#guard.check();
    // BEGIN IMMEDIATE keeps the lock row as it was checked until the end.
    transaction.isChecked = true;
  }

  /**
   * What else this turn of the event loop wants to record comes along. Where many write, a commit is worth waiting for as long
   * as the last one took: then the disk has at most half of the time. Who writes alone never waits.
   */
  async #gather(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#gatherMs > 0) setTimeout(resolve, this.#gatherMs);
      else setImmediate(resolve);
    });
  }

  /** All that wait share one commit, and each is told only after it. */
  async #commitWaiting(): Promise<void> {
    const writes = this.#waiting.splice(0);
    if (writes.length === 0) return;
    const begun = this.#clock();
    try {
      const shared = this.db.transaction(() => {
        this.#guard.check();
        return writes.map((write) => this.#attempt(write, writes.length === 1));
      });
      for (const tell of this.#guard.isTaken ? shared.immediate() : shared.deferred()) tell();
    } catch (error) {
      for (const { reject } of writes) reject(problemFrom(error, this.db.name));
    }
    this.#gatherMs = writes.length > 1 ? Math.min(this.#clock() - begun, MOST_GATHER_MS) : 0;
  }

  /** In a savepoint where there are others, so that one that fails takes none of them with it. Returns how to tell its caller. */
  #attempt({ work, resolve, reject }: WaitingWrite, isAlone: boolean): () => void {
    const whole = () => {
      const value = work();
      this.#flushHeld();
      return value;
    };
    try {
      const value = isAlone ? whole() : this.db.transaction(whole)();
      return () => resolve(value);
    } catch (error) {
      this.#dropHeld();
      // SQLite rolls all of them back by itself where the disk failed.
      if (isAlone || !this.db.inTransaction) throw error;
      return () => reject(problemFrom(error, this.db.name));
    }
  }

  async #run<T>(work: () => Promise<T>, keeps: (result: T) => boolean = () => true): Promise<T> {
    const transaction: OpenTransaction = { isOpen: true, isChecked: false, failure: undefined };
    try {
      this.db.exec(this.#guard.isTaken ? "BEGIN IMMEDIATE" : "BEGIN");
      const result = await this.#inside.run(transaction, work);
      transaction.isOpen = false;
      if (transaction.failure) throw transaction.failure.error;
      if (keeps(result)) {
        this.#flushHeld();
        this.db.exec("COMMIT");
      } else {
        this.#rollBack();
      }
      return result;
    } catch (error) {
      transaction.isOpen = false;
      this.#rollBack();
      throw problemFrom(error, this.db.name);
    }
  }

  /** What is called within goes to the thread; this connection waits meanwhile, as for a transaction of its own. */
  async #runInThread<T>(work: () => Promise<T>, keeps?: (result: T) => boolean): Promise<T> {
    const thread = this.#startThread?.();
    if (!thread) return this.#run(work, keeps);
    const transaction: OpenTransaction = { isOpen: true, isChecked: true, failure: undefined, thread };
    try {
      await thread.begin();
      const result = await this.#inside.run(transaction, work);
      transaction.isOpen = false;
      if (transaction.failure) throw transaction.failure.error;
      if (!keeps || keeps(result)) await thread.commit();
      else await thread.end();
      return result;
    } catch (error) {
      transaction.isOpen = false;
      await thread.end();
      throw problemFrom(error, this.db.name);
    } finally {
      this.#ending = Promise.all([this.#ending, thread.end()]);
    }
  }

  #rollBack(): void {
    this.#dropHeld();
    // SQLite rolls back by itself where the disk failed.
    if (this.db.inTransaction) this.db.exec("ROLLBACK");
  }

  async #join<T>(outer: OpenTransaction, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      outer.failure ??= { error };
      throw problemFrom(error, this.db.name);
    }
  }

  async #translated<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw problemFrom(error, this.db.name);
    }
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }
}

/** Calls of a large transaction go elsewhere, but for the few that cannot. */
function mustBeHere({ thread }: OpenTransaction): void {
  if (thread) throw new Error("this call is not made within a large transaction");
}
