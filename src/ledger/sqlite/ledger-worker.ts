/** The thread of ledger-thread.ts: one transaction, whose calls come from elsewhere. */
import { AsyncLocalStorage } from "node:async_hooks";
import { workerData } from "node:worker_threads";
import { answerCalls } from "../../thread/answer-calls.ts";
import { type Books, openBooks } from "./books.ts";
import { connect, loadSqlite } from "./connection.ts";
import { LockRow } from "./lock.ts";
import { Session } from "./session.ts";
import { problemFrom } from "./sqlite-problem.ts";

export interface LedgerThreadSetup {
  readonly path: string;
  readonly merchant: string;
  readonly host: string;
  readonly pid: number;
  /** Of the lock that this process holds. */
  readonly token: string | undefined;
}

export type LedgerThreadCall =
  | { readonly method: "begin" }
  | { readonly method: "call"; readonly of: string; readonly parameters: readonly unknown[] }
  | { readonly method: "commit" }
  /** Rolls back what was not committed. The last. */
  | { readonly method: "close" };

const { path, ...identity } = workerData as LedgerThreadSetup;

interface Begun {
  readonly session: Session;
  readonly books: Books;
  /** Runs its work within the transaction. */
  readonly enter: (work: () => unknown) => unknown;
  /** Only the first counts. */
  end(isKept: boolean): Promise<unknown>;
}

let begun: Begun | undefined;
let last: Promise<unknown> = Promise.resolve();

answerCalls<LedgerThreadCall, unknown>((call) => {
  const answer = last.then(() => carryOut(call));
  last = answer.catch(() => {});
  return answer;
});

async function carryOut(call: LedgerThreadCall): Promise<unknown> {
  if (call.method === "close") return close();
  begun ??= await begin().catch((error) => {
    // Here, because its code does not cross to the other thread.
    throw problemFrom(error, path);
  });
  if (call.method === "begin") return undefined;
  // Not what it gives: nobody asked for it.
  if (call.method === "commit") return void (await begun.end(true));
  const { books, enter } = begun;
  return enter(() => callOf(books, call.of)(...call.parameters));
}

async function begin(): Promise<Begun> {
  const db = await connect(await loadSqlite(), path);
  // Folding a large commit back into the database takes as long as the commit: left to `close`, when nobody waits.
  db.pragma("wal_autocheckpoint = 0");
  const clock = Date.now;
  const session = new Session(db, new LockRow(db, { ...identity, clock }), clock);
  const inside = Promise.withResolvers<Begun["enter"]>();
  const ended = Promise.withResolvers<boolean>();
  const work = async () => {
    inside.resolve(AsyncLocalStorage.snapshot());
    return ended.promise;
  };
  const done = session.transaction(work, { keeps: (isKept) => isKept });
  done.catch(inside.reject);
  const enter = await inside.promise;
  const end = (isKept: boolean) => {
    ended.resolve(isKept);
    return done;
  };
  return { session, books: openBooks(session), enter, end };
}

async function close(): Promise<void> {
  if (!begun) return;
  const { end, session } = begun;
  try {
    if (await end(false)) session.db.pragma("wal_checkpoint(PASSIVE)");
  } finally {
    await session.close();
  }
}

function callOf(books: Books, method: string): (...parameters: readonly unknown[]) => unknown {
  return books[method as keyof Books] as (...parameters: readonly unknown[]) => unknown;
}
