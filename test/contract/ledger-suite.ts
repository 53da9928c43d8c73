/**
 * What every ledger promises, whatever it is built on. A place is one merchant's empty store; `open` may be called
 * several times on it, as several programs would. Split by book: the facts here, transactions and the lock beside it.
 */
import { afterEach, beforeEach } from "vitest";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { attemptPromises } from "./ledger/attempts.ts";
import { batchPromises } from "./ledger/batches.ts";
import { begunExportPromises } from "./ledger/begun-exports.ts";
import { bookPromises } from "./ledger/books.ts";
import { breakPromises } from "./ledger/breaks.ts";
import { lockPromises } from "./ledger/lock.ts";
import { projectionPromises } from "./ledger/projections.ts";
import { transactionPromises } from "./ledger/transactions.ts";

export interface LedgerPlace {
  /** Takes no lock. */
  open(): Promise<Ledger>;
  /** After each test, with every ledger closed. */
  remove(): Promise<void>;
  /** Its transactions are large: what is read in pages is not read in them. */
  readonly readsNoPagesInside?: boolean;
}

export interface LedgerBench {
  /** Opened with the lock held. */
  readonly ledger: Ledger;
  /** Another one of the same place, without the lock; closed by the suite. */
  reopen(): Promise<Ledger>;
  readonly readsPagesInside: boolean;
}

export function ledgerSuite(makePlace: () => Promise<LedgerPlace>): void {
  let place: LedgerPlace;
  let opened: Ledger[];
  const open = async () => {
    const ledger = await place.open();
    opened.push(ledger);
    return ledger;
  };
  const bench = { ledger: undefined as unknown as Ledger, reopen: open, readsPagesInside: true };

  beforeEach(async () => {
    opened = [];
    place = await makePlace();
    bench.ledger = await open();
    bench.readsPagesInside = !place.readsNoPagesInside;
    await bench.ledger.acquireLock("test");
  });
  afterEach(async () => {
    for (const ledger of opened) await ledger.close();
    await place.remove();
  });

  bookPromises(bench);
  batchPromises(bench);
  begunExportPromises(bench);
  attemptPromises(bench);
  breakPromises(bench);
  projectionPromises(bench);
  transactionPromises(bench);
  lockPromises(bench);
}
