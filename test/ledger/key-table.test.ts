/** Keys that are held back until their transaction ends, as no caller of the ledger can see them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { hashesOf, KeyTable, ofKeys } from "../../src/ledger/sqlite/key-table.ts";
import { migrate } from "../../src/ledger/sqlite/migrations/migrate.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { Session } from "../../src/ledger/sqlite/session.ts";
import { planBatch, sampleAttempt } from "../contract/ledger/samples.ts";
import { makeFolder, removeFolder } from "./folder.ts";

function makeTable() {
  const db = new Sqlite(":memory:");
  migrate(db, 1);
  const session = new Session(db, { isTaken: true, check: () => {} }, () => 0);
  const twins: [number, number][] = [];
  const table = new KeyTable(session, "transaction_key", (one, other) => twins.push([one, other]));
  const count = () => db.prepare("SELECT count(*) FROM transaction_key").pluck().get();
  const find = (key: string) =>
    db
      .prepare(`SELECT attempt_id FROM ${ofKeys("transaction_key")}`)
      .pluck()
      .all(hashesOf([key]));
  return { db, session, table, twins, count, find };
}

test("more keys than are held at once are all there when their write is over, each with its attempt", async () => {
  const { session, table, twins, count, find } = makeTable();
  const many = 4_250_000;
  await session.write(() => {
    for (let id = 1; id <= many; id++) table.add(`key-${id}`, id);
  });
  expect(count()).toBe(many);
  expect(twins).toEqual([]);
  for (let id = 1; id <= many; id += 279_190) expect(find(`key-${id}`)).toEqual([id]);
});

test("two attempts with the same key are told, wherever they stand among the others", async () => {
  for (const twin of [1, 40, 99]) {
    const { session, table, twins } = makeTable();
    await session.write(() => {
      for (let id = 1; id <= 99; id++) table.add(`key-${id}`, id);
      table.add(`key-${twin}`, 100);
    });
    expect(twins).toEqual([[twin, 100]]);
  }
});

test("a key that all share costs no more than keys of their own, where nobody asks for twins", async () => {
  const { session, db } = makeTable();
  const table = new KeyTable(session, "subscription_key");
  const many = 200_000;
  // Compared each with each, they would take minutes.
  await session.write(() => {
    for (let id = 1; id <= many; id++) table.add("n/a", id);
  });
  expect(db.prepare("SELECT count(*) FROM subscription_key").pluck().get()).toBe(many);
});

test("what was held is forgotten with the transaction that is rolled back", async () => {
  const { session, table, count } = makeTable();
  const failing = session.transaction(async () => {
    await session.write(() => table.add("a", 1));
    throw new Error("taken back");
  });
  await expect(failing).rejects.toThrow("taken back");
  const alone = session.write(() => {
    table.add("b", 1);
    throw new Error("taken back");
  });
  await expect(alone).rejects.toThrow("taken back");
  await session.write(() => table.add("c", 1));
  expect(count()).toBe(1);
});

test("a claim that fails among others leaves no key behind, and takes none of theirs", async () => {
  const folder = await makeFolder();
  mkdirSync(folder, { recursive: true });
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: () => 1 });
  await ledger.acquireLock("test");
  const batchId = await planBatch(ledger);
  const claims = [0, 1, 2].map((number) =>
    ledger.claim(number === 1 ? 999 : batchId, [sampleAttempt(number), sampleAttempt(number + 10)]),
  );
  expect((await Promise.allSettled(claims)).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  await ledger.close();
  const db = new Sqlite(join(folder, "ledger.db"));
  expect(db.prepare("SELECT attempt_id FROM transaction_key ORDER BY attempt_id").pluck().all()).toEqual([1, 2, 3, 4]);
  db.close();
  await removeFolder(folder);
});

test("a twin that a look inside its transaction comes upon is never committed, even where its error is caught", async () => {
  const folder = await makeFolder();
  mkdirSync(folder, { recursive: true });
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: () => 1 });
  await ledger.acquireLock("test");
  const batches = [await planBatch(ledger), await planBatch(ledger)] as const;
  const claimed = ledger.transaction(async () => {
    await ledger.claim(batches[0], [sampleAttempt(0)]);
    await ledger.claim(batches[1], [sampleAttempt(1, { transactionId: "transaction-0" })]);
    await ledger.findAttempts([{ orderId: "x", transactionId: "y" }]).catch(() => {});
  });
  await expect(claimed).rejects.toThrow("transaction-0 is already in batch 1");
  await ledger.close();
  await removeFolder(folder);
});
