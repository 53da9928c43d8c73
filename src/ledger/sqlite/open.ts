/** Opens one merchant's ledger and puts its books together. */
import { join } from "node:path";
import type { Instant } from "../../domain/instant.ts";
import type { Ledger } from "../ledger.ts";
import { openBooks, routeToThread } from "./books.ts";
import {
  connect,
  type Database,
  findDamage,
  loadSqlite,
  preparePrivateFile,
  preparePrivateFolder,
  refuseLostLedger,
} from "./connection.ts";
import { findMissingKeys } from "./key-table.ts";
import { LedgerThread } from "./ledger-thread.ts";
import { heldByOther, LockRow, MerchantLock } from "./lock.ts";
import { LockFile } from "./lock-file.ts";
import { isOlder, migrate } from "./migrations/migrate.ts";
import { isOwnedBy, type Owner, recordOwner, refuseOtherHost } from "./owner.ts";
import { Session } from "./session.ts";
import { problemFrom } from "./sqlite-problem.ts";

export interface LedgerOptions {
  /** The merchant's data folder; ledger.db and lock.db lie in it. Made if it is missing. */
  readonly folder: string;
  readonly merchant: string;
  /** This machine, by a name that stays. */
  readonly host: string;
  /** The wall clock. */
  readonly clock: () => Instant;
  readonly pid?: number;
  /** A person moved the folder here on purpose: this host becomes its owner. */
  readonly adopt?: boolean;
}

/**
 * Opens the ledger, making it if there is none. Takes no lock. Problems: `ledger_newer`, `ledger_damaged`,
 * `ledger_other_host`, `config_invalid` (another merchant's), `disk_failed`, `locked` (adopting, or bringing it to a newer schema, while
 * a run holds it).
 */
export async function openSqliteLedger(options: LedgerOptions): Promise<Ledger> {
  const path = join(options.folder, "ledger.db");
  const sqlite = await loadSqlite();
  let db: Database | undefined;
  try {
    preparePrivateFolder(options.folder);
    refuseLostLedger(options.folder);
    preparePrivateFile(path);
    db = await connect(sqlite, path);
    const lockFile = new LockFile(sqlite, join(options.folder, "lock.db"));
    // A program of before, in the middle of its run, would go on writing by the old schema.
    if (isOlder(db) && lockFile.isHeld()) throw heldByOther(options.merchant, lockRow(db, options).read());
    const schemaVersion = migrate(db, options.clock());
    own(db, lockFile, options);
    return assemble(db, lockFile, options, schemaVersion);
  } catch (error) {
    db?.close();
    throw problemFrom(error, path);
  }
}

function own(db: Database, lockFile: LockFile, options: LedgerOptions): void {
  const owner: Owner = options;
  if (isOwnedBy(db, owner)) return;
  db.transaction(() => {
    if (isOwnedBy(db, owner)) return;
    if (!options.adopt) refuseOtherHost(db, owner);
    else if (lockFile.isHeld()) throw heldByOther(options.merchant, lockRow(db, options).read());
    recordOwner(db, owner, options.clock());
  }).immediate();
}

function lockRow(db: Database, { merchant, host, pid = process.pid, clock }: LedgerOptions): LockRow {
  return new LockRow(db, { merchant, host, pid, clock });
}

function assemble(db: Database, lockFile: LockFile, options: LedgerOptions, schemaVersion: number): Ledger {
  const row = lockRow(db, options);
  const { merchant, host, pid = process.pid } = options;
  const startThread = () => new LedgerThread({ path: db.name, merchant, host, pid, token: row.token });
  const session = new Session(db, row, options.clock, startThread);
  const lock = new MerchantLock(lockFile, row, session, merchant);
  return {
    ...routeToThread(openBooks(session), session),
    about: { path: db.name, schemaVersion, host },
    checkIntegrity: () => session.read(() => [...findDamage(db), ...findMissingKeys(db)]),
    transaction: (work, transactionOptions) => session.transaction(work, transactionOptions),
    close: async () => {
      await lock.releaseLock();
      await session.close();
    },
    acquireLock: (command) => lock.acquireLock(command),
    releaseLock: () => lock.releaseLock(),
    lockHolder: () => lock.lockHolder(),
  };
}
