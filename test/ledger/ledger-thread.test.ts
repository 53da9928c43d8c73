/** The thread of a large transaction opens ledger.db by its name, long after this process did: another file may lie there by then. */
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { makeFolder, removeFolder } from "./folder.ts";

const STAMP = { at: 0, recordedAt: 0 };

let folder: string;
let ledger: Ledger;

const open = () => openSqliteLedger({ folder, merchant: "acme", host: "here", clock: Date.now });

beforeEach(async () => {
  folder = await makeFolder();
  ledger = await open();
  await ledger.acquireLock("test");
});
afterEach(async () => {
  await ledger.close().catch(() => {});
  await removeFolder(folder);
});

/** A person moves it away, or a disk loses it. */
async function loseLedger(): Promise<void> {
  await mkdir(join(folder, "aside"));
  for (const name of await readdir(folder)) {
    if (name.startsWith("ledger.db")) await rename(join(folder, name), join(folder, "aside", name));
  }
}

const writeInThread = () =>
  ledger.transaction(() => ledger.startRun({ ...STAMP, command: "submit" }), { isLarge: true }).catch((error) => error);

test("a ledger that is gone is not made anew, and the next run is told that it is gone", async () => {
  await loseLedger();
  expect(await writeInThread()).toMatchObject({ code: "disk_failed" });
  expect((await readdir(folder)).filter((name) => name.startsWith("ledger.db"))).toEqual([]);
  await expect(open()).rejects.toMatchObject({
    code: "ledger_damaged",
    message: expect.stringContaining("is gone"),
  });
});

test("what cannot be opened, or is no ledger, is told as it is in this process", async () => {
  await loseLedger();
  await mkdir(join(folder, "ledger.db"));
  expect(await writeInThread()).toMatchObject({ code: "disk_failed" });
  await rm(join(folder, "ledger.db"), { recursive: true });
  await writeFile(join(folder, "ledger.db"), "no ledger".repeat(1_000));
  expect(await writeInThread()).toMatchObject({ code: "ledger_damaged" });
});
