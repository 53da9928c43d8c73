/** What only real processes can show: the lock dies with its owner, at once, and never before. */
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isProblem } from "../../src/domain/problem.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { makeFolder, removeFolder } from "./folder.ts";
import { endChildren, startChild } from "./processes.ts";

let folder: string;
let opened: Ledger[];

beforeEach(async () => {
  folder = await makeFolder();
  opened = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await endChildren();
  for (const ledger of opened) await ledger.close();
  await removeFolder(folder);
});

async function open(clock: () => number = Date.now): Promise<Ledger> {
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock });
  opened.push(ledger);
  return ledger;
}

const start = (ledger: Ledger) => ledger.startRun({ at: 1, recordedAt: 1, command: "ours" });
const isLocked = (error: unknown) => isProblem(error, "locked");

describe("the lock of another process", () => {
  test("is respected while it lives, and its owner is named", async () => {
    const child = startChild(folder, ["acquire", "stay"]);
    await child.said("stay");
    const ledger = await open();
    const refused = await ledger.acquireLock("submit").catch((error: unknown) => error);
    expect(isLocked(refused)).toBe(true);
    expect(String(refused)).toContain(`another run of "child" holds merchant acme: pid ${child.process.pid} on here`);
    expect(isProblem(refused) && refused.hint).toContain(`pid ${child.process.pid}`);
    expect(isProblem(refused) && refused.hint).not.toMatch(/delete|remove/i);
    expect(await ledger.lockHolder()).toMatchObject({ pid: child.process.pid, command: "child" });
  });

  test("is taken over at once when its owner was killed", async () => {
    const child = startChild(folder, ["acquire", "write", "stay"]);
    await child.said("stay");
    const ledger = await open();
    await expect(ledger.acquireLock("submit")).rejects.toSatisfy(isLocked);
    child.process.kill("SIGKILL");
    await once(child.process, "exit");
    expect(await ledger.lockHolder()).toBeUndefined();
    await ledger.acquireLock("submit");
    await start(ledger);
    expect((await ledger.runs()).map((run) => run.command)).toEqual(["child", "ours"]);
    expect(await ledger.lockHolder()).toMatchObject({ pid: process.pid, command: "submit" });
  });

  test("is taken over when its owner died and another process has its pid now", async () => {
    const child = startChild(folder, ["acquire", "stay"]);
    await child.said("stay");
    child.process.kill("SIGKILL");
    await once(child.process, "exit");
    // As it is after a container's restart, too: the number belongs to somebody who lives.
    const raw = new Database(join(folder, "ledger.db"));
    raw.prepare("UPDATE lock SET pid = ?").run(process.pid);
    raw.close();
    const ledger = await open();
    expect(await ledger.lockHolder()).toBeUndefined();
    await ledger.acquireLock("submit");
    await start(ledger);
    expect(await ledger.lockHolder()).toMatchObject({ pid: process.pid, command: "submit" });
  });

  test("is not taken from an owner that is frozen, who goes on afterwards", async () => {
    const child = startChild(folder, ["acquire", "stay"]);
    await child.said("stay");
    child.process.kill("SIGSTOP");
    const ledger = await open(() => Date.now() + 30 * 86_400_000);
    await expect(ledger.acquireLock("submit")).rejects.toSatisfy(isLocked);
    child.process.kill("SIGCONT");
    await expect(ledger.acquireLock("submit")).rejects.toSatisfy(isLocked);
  });

  test("goes with a transaction that its owner left half done", async () => {
    const child = startChild(folder, ["acquire", "write", "begin", "stay"]);
    await child.said("begun");
    child.process.kill("SIGKILL");
    await once(child.process, "exit");
    const ledger = await open();
    await ledger.acquireLock("submit");
    expect((await ledger.runs()).map((run) => run.command)).toEqual(["child"]);
  });
});

describe("our lock", () => {
  const childSays = async (...words: string[]) => (await startChild(folder, words).ended()).join("\n");

  test("keeps another process out", async () => {
    const ledger = await open();
    await ledger.acquireLock("submit");
    expect(await childSays("acquire")).toContain('problem locked another run of "submit" holds merchant acme');
    expect(await childSays("write")).toContain("problem locked");
    expect(await childSays("probe")).toContain("holder submit");
  });

  test("outlives every other ledger of this process that looked at it, tried it, and closed", async () => {
    const ledger = await open();
    await ledger.acquireLock("submit");
    const other = await open();
    await other.lockHolder();
    await expect(other.acquireLock("collect")).rejects.toSatisfy(isLocked);
    await other.close();
    expect(await childSays("acquire")).toContain("problem locked");
    await start(ledger);
  });

  test("is gone when it was released, though the process lives on", async () => {
    const ledger = await open();
    await ledger.acquireLock("submit");
    await ledger.releaseLock();
    expect(await childSays("acquire", "write")).toBe("acquire\nwrite");
    await expect(start(ledger)).rejects.toSatisfy(isLocked);
  });

  test("ends with the first write after somebody deleted lock.db and took another", async () => {
    const ledger = await open();
    await ledger.acquireLock("submit");
    await start(ledger);
    rmSync(join(folder, "lock.db"));
    const child = startChild(folder, ["acquire", "stay"]);
    await child.said("stay");
    const lost = await start(ledger).catch((error: unknown) => error);
    expect(isLocked(lost)).toBe(true);
    expect(String(lost)).toContain(`has lost the lock of merchant acme: pid ${child.process.pid} on here`);
    await ledger.close();
    expect(await (await open()).lockHolder()).toMatchObject({ command: "child" });
  });

  test("shows a sign of life with each write, and without one", async () => {
    let now = 1_000;
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const ledger = await open(() => now);
    await ledger.acquireLock("submit");
    const seen = async () => (await ledger.lockHolder())?.heartbeatAt;
    expect(await seen()).toBe(1_000);
    now = 2_000;
    await start(ledger);
    expect(await seen()).toBe(2_000);
    now = 60_000;
    vi.advanceTimersByTime(60_000);
    expect(await seen()).toBe(60_000);
  });

  test("does not keep a process alive", async () => {
    expect(await childSays("acquire")).toBe("acquire");
    expect(existsSync(join(folder, "lock.db"))).toBe(true);
  });
});

describe("what was written", () => {
  test("is in the file when its promise has resolved, whatever becomes of the process", async () => {
    for (let n = 1; n <= 3; n++) {
      const child = startChild(folder, ["acquire", "write", "crash"]);
      await child.ended();
      expect(child.process.signalCode).toBe("SIGKILL");
      const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: Date.now });
      expect(await ledger.runs()).toHaveLength(n);
      await ledger.close();
    }
  });

  test("survives many programs that open an empty folder at the same moment", async () => {
    const children = Array.from({ length: 6 }, () => startChild(folder, ["probe"]));
    const said = await Promise.all(children.map((child) => child.ended()));
    expect(said).toEqual(said.map(() => ["holder nobody", "probe"]));
  });
});
