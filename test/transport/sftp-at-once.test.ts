/** Several files on one connection: how many requests are in flight, in which order, and what one lost answer among many means. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readHostKey } from "../../src/transport/host-key.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import type { RemoteDrop } from "../../src/transport/transport.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { type EmbeddedManners, type EmbeddedServer, type ServerAct, startEmbeddedServer } from "./embedded-server.ts";

const local = mkdtempSync(join(tmpdir(), "rescue-at-once-"));
const source = join(local, "batch.csv");
/** Ten requests. */
const bytes = randomBytes(10 * 31 * 1024);
let hostKey = "";
let pin = "";
let server: EmbeddedServer;
let drop: RemoteDrop;

beforeAll(async () => {
  writeFileSync(source, bytes);
  const line = await generateKeyPair(join(local, "host"), "embedded");
  hostKey = readFileSync(join(local, "host"), "utf8");
  pin = readHostKey(Buffer.from(line.split(" ")[1] ?? "", "base64")).fingerprint;
});
afterEach(async () => {
  await drop.close();
  await server.stop();
});
afterAll(() => rmSync(local, { recursive: true }));

async function connectTo(manners: EmbeddedManners, changes: Partial<SftpSettings> = {}): Promise<void> {
  server = await startEmbeddedServer(hostKey, manners);
  drop = await createSftpTransport({
    ...{ host: "127.0.0.1", port: server.port, username: "acme", auth: { password: "any" } },
    hostKeys: { pins: [pin] },
    ...changes,
  }).connect();
}

const uploadMany = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => drop.upload(source, `/inbound/${index}`)));
const allThere = () => [...server.files.values()].every((file) => file.equals(bytes));

test("CLOSE follows the last write without waiting for its answer", async () => {
  const acts: ServerAct[] = [];
  const closing = Promise.withResolvers<void>();
  await connectTo(
    {
      answersWritesAfter: closing.promise,
      fault: (act) => {
        acts.push(act);
        if (act === "close") closing.resolve();
        return undefined;
      },
    },
    { idleTimeoutMs: 5_000 },
  );
  await drop.upload(source, "/inbound/a");
  expect(acts.slice(-13)).toEqual(["open", ...Array(10).fill("write"), "close", "stat"]);
  expect(allThere()).toBe(true);
});

test("a write that fails is told, although CLOSE was sent behind it and is answered well", async () => {
  const acts: ServerAct[] = [];
  await connectTo({
    fault: (act, nth) => {
      acts.push(act);
      return act === "write" && nth === 10 ? 4 : undefined;
    },
  });
  expect(await problemCode(drop.upload(source, "/inbound/a"))).toBe("remote_failed");
  expect(acts.filter((act) => act === "close")).toHaveLength(1);
  expect(await drop.list("/inbound")).toHaveLength(1);
});

test("with concurrency 1 nothing is sent before the answer to what was sent last, whatever goes on at once", async () => {
  let unanswered = 0;
  const seen: number[] = [];
  await connectTo(
    {
      busyMs: 2,
      fault: (act) => {
        if (act !== "write" && act !== "close") return undefined;
        seen.push(unanswered);
        if (act === "write") unanswered += 1;
        return undefined;
      },
      onWritten: () => {
        unanswered -= 1;
      },
    },
    { concurrency: 1 },
  );
  await uploadMany(3);
  expect(seen).toHaveLength(33);
  expect(Math.max(...seen)).toBe(0);
  expect(allThere()).toBe(true);
});

test("the files of a connection share its window", async () => {
  let unanswered = 0;
  let most = 0;
  const full = Promise.withResolvers<void>();
  await connectTo(
    {
      // Whatever fits into the window has come by then, and nothing was answered.
      answersWritesAfter: full.promise.then(() => sleep(100)),
      fault: (act) => {
        if (act === "write") unanswered += 1;
        most = Math.max(most, unanswered);
        if (unanswered === 16) full.resolve();
        return undefined;
      },
      onWritten: () => {
        unanswered -= 1;
      },
    },
    { concurrency: 16 },
  );
  await uploadMany(8);
  expect(most).toBe(16);
  expect(allThere()).toBe(true);
});

test("one answer that is lost ends the connection at the idle limit, although others go on being answered", async () => {
  await connectTo(
    { fault: (act, nth) => (act === "rename" && nth === 1 ? "lost answer" : undefined) },
    { idleTimeoutMs: 400 },
  );
  server.files.set("/inbound/a", bytes);
  const begun = performance.now();
  const lost = problemCode(drop.rename("/inbound/a", "/inbound/b"));
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      if ((await problemCode(drop.stat("/inbound/b"))) === "remote_unreachable") return;
      await sleep(20);
    }
  })();
  expect(await lost).toBe("remote_unreachable");
  expect(performance.now() - begun).toBeGreaterThan(390);
  expect(performance.now() - begun).toBeLessThan(5_000);
  isOver = true;
  await others;
});

test("a slow server, at which all wait long and some are overtaken, has lost no answer", async () => {
  await connectTo({ busyMs: 40 }, { idleTimeoutMs: 1_000 });
  await uploadMany(6);
  expect(allThere()).toBe(true);
});
