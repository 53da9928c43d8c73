/** What opening refuses, and how private what it makes is. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Problem, type ProblemCode } from "../../src/domain/problem.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { MIGRATIONS, migrate, schemaVersion } from "../../src/ledger/sqlite/migrations/migrate.ts";
import { type LedgerOptions, openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { makeFolder, removeFolder } from "./folder.ts";
import { endChildren, startChild } from "./processes.ts";

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3;

let folder: string;
let opened: Ledger[];
let path: string;

beforeEach(async () => {
  folder = await makeFolder();
  path = join(folder, "ledger.db");
  opened = [];
});
afterEach(async () => {
  await endChildren();
  for (const ledger of opened) await ledger.close();
  await removeFolder(folder);
});

async function open(changes: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: () => 5, ...changes });
  opened.push(ledger);
  return ledger;
}

async function makeLedger(): Promise<void> {
  const ledger = await open();
  await ledger.acquireLock("test");
  await ledger.startRun({ at: 1, recordedAt: 1, command: "first" });
  await ledger.close();
}

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => new Error("it went well"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw error;
  return error;
}

async function refusal(code: ProblemCode, work: Promise<unknown>): Promise<string> {
  const problem = await problemOf(work);
  expect(problem.code).toBe(code);
  expect(problem.hint).not.toBe("");
  return `${problem.message}\n${problem.hint}`;
}

function editDirectly(sql: string): void {
  const db = new Sqlite(path);
  db.exec(sql);
  db.close();
}

describe("what is made", () => {
  const modes = () =>
    Object.fromEntries(
      readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
    );

  test("is closed to others, whatever the umask says", async () => {
    const before = process.umask(0);
    try {
      const ledger = await open();
      await ledger.acquireLock("test");
      await ledger.startRun({ at: 1, recordedAt: 1, command: "x" });
      expect((statSync(folder).mode & 0o777).toString(8)).toBe("700");
      expect(modes()).toEqual({ "ledger.db": "600", "ledger.db-shm": "600", "ledger.db-wal": "600", "lock.db": "600" });
    } finally {
      process.umask(before);
    }
  });

  test("is closed to others again where it was left open", async () => {
    await makeLedger();
    chmodSync(folder, 0o755);
    chmodSync(path, 0o644);
    chmodSync(join(folder, "lock.db"), 0o666);
    const ledger = await open();
    await ledger.acquireLock("test");
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("700");
    expect(modes()).toMatchObject({ "ledger.db": "600", "lock.db": "600" });
  });

  test("says where it is and which schema it has", async () => {
    expect((await open()).about).toEqual({ path, schemaVersion: 6, host: "here" });
  });
});

describe("opening refuses", () => {
  test("a ledger that a newer program wrote", async () => {
    await makeLedger();
    editDirectly("INSERT INTO migration (version, recorded_at) VALUES (99, 1)");
    const before = readFileSync(path);
    const words = await refusal("ledger_newer", open());
    expect(words).toContain("schema 99");
    expect(words).toContain(path);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("a file that is no database", async () => {
    mkdirSync(folder);
    writeFileSync(path, "order_id,amount\n".repeat(500));
    expect(await refusal("ledger_damaged", open())).toContain(path);
    expect(readFileSync(path, "utf8")).toMatch(/^order_id/);
  });

  test("another program's database", async () => {
    mkdirSync(folder);
    editDirectly("CREATE TABLE recipe (name TEXT)");
    expect(await refusal("ledger_damaged", open())).toContain("not a ledger of rescue");
  });

  test("a ledger whose pages are damaged, when it reads them", async () => {
    await makeLedger();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4_096);
    writeFileSync(path, bytes);
    const words = await refusal(
      "ledger_damaged",
      open().then((ledger) => ledger.runs()),
    );
    expect(words).toContain(path);
    expect(words).toContain("backup");
  });

  test.each([
    ["is gone", () => rmSync(path)],
    ["was emptied", () => truncateSync(path)],
  ])("to begin anew where the ledger %s", async (_, lose) => {
    await makeLedger();
    lose();
    expect(await refusal("ledger_damaged", open())).toContain("would send again what was sent");
  });

  test("a folder that belongs to another host, and says how to move it", async () => {
    await makeLedger();
    const words = await refusal("ledger_other_host", open({ host: "there" }));
    for (const part of ['"here"', '"there"', folder, "RESCUE_ADOPT_LEDGER=acme"]) expect(words).toContain(part);
    await open();
  });

  test("another merchant's folder, adopting or not", async () => {
    await makeLedger();
    const words = await refusal("config_invalid", open({ merchant: "globex" }));
    expect(words).toContain('of merchant "acme", not of "globex"');
    await refusal("config_invalid", open({ merchant: "globex", adopt: true }));
  });

  test("a folder that cannot be made", async () => {
    writeFileSync(folder, "a file");
    expect(await refusal("disk_failed", open())).toContain(path);
    await refusal("disk_failed", open({ folder: join(folder, "deeper") }));
    rmSync(folder);
  });
});

describe("adopting", () => {
  test("makes this host the owner, for good, and keeps the earlier one on record", async () => {
    await makeLedger();
    await (await open({ host: "there", adopt: true })).close();
    expect(await (await open({ host: "there" })).runs()).toHaveLength(1);
    await refusal("ledger_other_host", open({ host: "here" }));
    const db = new Sqlite(path, { readonly: true });
    expect(db.prepare("SELECT host FROM owner ORDER BY owner_id").pluck().all()).toEqual(["here", "there"]);
    db.close();
  });

  test("one's own folder changes nothing", async () => {
    await makeLedger();
    await (await open({ adopt: true })).close();
    const db = new Sqlite(path, { readonly: true });
    expect(db.prepare("SELECT count(*) FROM owner").pluck().get()).toBe(1);
    db.close();
  });

  test("is refused while a run holds the lock", async () => {
    const ledger = await open();
    await ledger.acquireLock("submit");
    expect(await refusal("locked", open({ host: "there", adopt: true }))).toContain('"submit"');
    await open();
  });
});

test("a ledger of an older program is not brought to this schema while that program may be running", async () => {
  mkdirSync(folder, { recursive: true });
  const old = new Sqlite(path);
  migrate(old, 1, MIGRATIONS.slice(0, 3));
  old.exec("INSERT INTO owner (merchant, host, recorded_at) VALUES ('acme', 'here', 1)");
  const running = new Sqlite(join(folder, "lock.db"));
  running.exec("BEGIN EXCLUSIVE");
  expect(await refusal("locked", open())).toContain("another run holds merchant acme");
  expect(schemaVersion(old)).toBe(3);
  running.close();
  expect((await open()).about.schemaVersion).toBe(MIGRATIONS.length);
  old.close();
});

test("a full disk is a disk_failed, and the ledger is whole afterwards", async () => {
  await makeLedger();
  // A limit on the size of a file is refused by the kernel like a full disk, and needs no disk of its own.
  const limited = ["bash", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "bash"];
  const said = await startChild(folder, ["acquire", ...Array<string>(20).fill("write")], limited).ended();
  expect(said.at(-1)).toMatch(/^problem disk_failed cannot read or write the ledger/);
  const written = said.filter((line) => line === "write").length;
  const ledger = await open();
  expect(await ledger.runs()).toHaveLength(1 + written);
  await ledger.acquireLock("test");
  expect(dirname(ledger.about.path)).toBe(folder);
});
