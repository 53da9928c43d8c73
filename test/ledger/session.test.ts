/** How often the disk is asked: many deliveries go on at once, and each waits for what it records. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  connect,
  type Database,
  loadSqlite,
  preparePrivateFile,
  preparePrivateFolder,
} from "../../src/ledger/sqlite/connection.ts";
import { Session } from "../../src/ledger/sqlite/session.ts";
import { makeFolder, removeFolder } from "./folder.ts";

let folder: string;
let db: Database;
/** The lock is asked for once in each commit. */
let commits: number;
let session: Session;
let now: number;
/** How long a commit takes. */
let commitMs = 0;
const guard = {
  isTaken: true,
  check: () => {
    commits += 1;
    now += commitMs;
  },
};

beforeEach(async () => {
  folder = await makeFolder();
  preparePrivateFolder(folder);
  const path = join(folder, "ledger.db");
  preparePrivateFile(path);
  db = await connect(await loadSqlite(), path);
  db.exec("CREATE TABLE fact (what TEXT NOT NULL UNIQUE)");
  commits = 0;
  now = 0;
  session = new Session(db, guard, () => now);
});
afterEach(async () => {
  await session.close();
  await removeFolder(folder);
});

const add = (what: string) => session.write(() => db.prepare("INSERT INTO fact (what) VALUES (?)").run(what).changes);
const facts = () => session.read(() => session.db.prepare<[], string>("SELECT what FROM fact").pluck().all());

test("sixteen writes that wait at the same time share one commit, also where one of them fails", async () => {
  const names = Array.from({ length: 16 }, (_, index) => `fact ${index}`);
  const written = await Promise.allSettled([...names, "fact 3"].map(add));
  expect(written.map(({ status }) => status)).toEqual([...names.map(() => "fulfilled"), "rejected"]);
  expect(await facts()).toEqual(names);
  expect(commits).toBe(1);
});

test("what follows in a transaction that SQLite rolled back by itself is not written alone", async () => {
  // As it does where the disk fails.
  const failing = session.transaction(async () => {
    const calls = [
      add("a"),
      session.write(() => {
        db.exec("ROLLBACK");
        throw new Error("the disk failed");
      }),
      // Nobody has awaited, so nobody knows yet.
      add("b"),
      session.write(() => db.exec("INSERT INTO fact (what) VALUES ('c')")),
    ];
    await Promise.allSettled(calls);
  });
  await expect(failing).rejects.toThrow("the disk failed");
  expect(await facts()).toEqual([]);
  await add("d");
  expect(await facts()).toEqual(["d"]);
});

test("writes one after the other have a commit each", async () => {
  for (const what of ["a", "b", "c"]) await add(what);
  expect(commits).toBe(3);
});

test("where many write and the disk is slow, they wait for one another", async () => {
  commitMs = 10;
  await Promise.all(["a", "b"].map(add));
  await Promise.all(
    [0, 1, 2, 3].map((ms) => new Promise((resolve) => setTimeout(resolve, ms)).then(() => add(`at ${ms}`))),
  );
  commitMs = 0;
  expect(commits).toBe(2);
  await add("c");
  await add("d");
  expect(commits).toBe(4);
});

test("what waits when the ledger is closed is still kept", async () => {
  const written = add("last");
  await session.close();
  expect(await written).toBe(1);
  session = new Session(await connect(await loadSqlite(), join(folder, "ledger.db")), guard, () => now);
  expect(await facts()).toEqual(["last"]);
});

test("a commit that fails fails all that shared it, and none of them is kept", async () => {
  const exec = db.exec.bind(db);
  // What SQLite does where the disk fails within a statement: all is rolled back at once.
  const failing = session.write(() => {
    exec("ROLLBACK");
    throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR" });
  });
  const written = await Promise.allSettled([add("before"), failing, add("after")]);
  expect(written).toMatchObject([
    { reason: { code: "disk_failed" } },
    { reason: { code: "disk_failed" } },
    { reason: { code: "disk_failed" } },
  ]);
  expect(await facts()).toEqual([]);
  await add("again");
  expect(await facts()).toEqual(["again"]);
});
