/** Several files at once go over several SFTP channels of the one connection, where the server gives them. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readHostKey } from "../../src/transport/host-key.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import type { RemoteDrop, Transport } from "../../src/transport/transport.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { type EmbeddedManners, type EmbeddedServer, startEmbeddedServer } from "./embedded-server.ts";
import { expectNothingOpen, settingsFor } from "./fixtures.ts";

const local = mkdtempSync(join(tmpdir(), "rescue-channels-"));
const source = join(local, "batch.csv");
/** Ten requests. */
const bytes = randomBytes(10 * 31 * 1024);
let hostKey = "";
let pin = "";

beforeAll(async () => {
  writeFileSync(source, bytes);
  const line = await generateKeyPair(join(local, "host"), "embedded");
  hostKey = readFileSync(join(local, "host"), "utf8");
  pin = readHostKey(Buffer.from(line.split(" ")[1] ?? "", "base64")).fingerprint;
});
afterAll(() => rmSync(local, { recursive: true }));

const uploadMany = (drop: RemoteDrop, count: number, folder = "/inbound", wave = 0) =>
  Promise.all(Array.from({ length: count }, (_, index) => drop.upload(source, `${folder}/${wave}-${index}`)));

describe("channels", () => {
  let server: EmbeddedServer;
  let transport: Transport;
  const begin = async (manners: EmbeddedManners, changes: Partial<SftpSettings> = {}) => {
    server = await startEmbeddedServer(hostKey, manners);
    transport = createSftpTransport({
      ...{ host: "127.0.0.1", port: server.port, username: "acme", auth: { password: "any" } },
      hostKeys: { pins: [pin] },
      ...changes,
    });
    return transport.connect();
  };
  afterEach(async () => {
    await server.stop();
    await expectNothingOpen();
  });
  const allThere = (count: number) =>
    expect([...server.files.values()].filter((file) => file.equals(bytes))).toHaveLength(count);

  test("one file, and one after the other, take one channel", async () => {
    const drop = await begin({});
    for (let wave = 0; wave < 3; wave++) await uploadMany(drop, 1, "/inbound", wave);
    expect(server.opensBySession).toEqual([3]);
    await drop.close();
  });

  test("files at once are spread over four channels of one connection", async () => {
    const drop = await begin({});
    for (let wave = 0; wave < 4; wave++) await uploadMany(drop, 8, "/inbound", wave);
    expect(server.opensBySession).toHaveLength(4);
    expect(server.opensBySession.every((opens) => opens > 0)).toBe(true);
    expect(server.logins).toHaveLength(1);
    allThere(32);
    await drop.close();
  });

  test("who asked for fewer requests in flight gets one channel", async () => {
    const drop = await begin({}, { concurrency: 63 });
    for (let wave = 0; wave < 4; wave++) await uploadMany(drop, 8, "/inbound", wave);
    expect(server.opensBySession).toEqual([32]);
    await drop.close();
  });

  test("a server that refuses a second channel is not asked again, and takes everything over the first", async () => {
    const drop = await begin({ mostSessions: 1 });
    for (let wave = 0; wave < 4; wave++) await uploadMany(drop, 8, "/inbound", wave);
    expect(server.opensBySession).toEqual([32]);
    expect(server.refusedSessions).toBe(1);
    allThere(32);
    await drop.close();
    const next = await transport.connect();
    for (let wave = 4; wave < 8; wave++) await uploadMany(next, 8, "/inbound", wave);
    expect(server.refusedSessions).toBe(1);
    allThere(64);
    await next.close();
  });

  test("a server that hangs up at a second channel is not asked for one over the next connection", async () => {
    const drop = await begin({ mostSessions: 1, hangsUpAtOneMore: true });
    const lost = await Promise.all(
      Array.from({ length: 8 }, (_, index) => problemCode(drop.upload(source, `/inbound/lost-${index}`))),
    );
    expect(lost).toContain("remote_unreachable");
    await drop.close();
    server.files.clear();
    const next = await transport.connect();
    for (let wave = 0; wave < 4; wave++) await uploadMany(next, 8, "/inbound", wave);
    allThere(32);
    await next.close();
  });

  test.each([
    ["later", (_: () => void, __: Promise<void>) => {}],
    ["in the breath of its first answer", (end: () => void, ready: Promise<void>) => void ready.then(end)],
  ])("a channel that ends by itself, %s, ends the connection, so that nothing waits on it", async (_, onSecond) => {
    let end = () => {};
    const drop = await begin({
      onSession: (nth, close, ready) => {
        if (nth !== 2) return;
        end = close;
        onSecond(close, ready);
      },
    });
    // Some of them may be on it.
    await Promise.allSettled(Array.from({ length: 8 }, (_, index) => drop.upload(source, `/inbound/0-${index}`)));
    end();
    // It takes a moment until we hear of it; the connection itself is well.
    const deadline = performance.now() + 5_000;
    const look = () =>
      drop.list("/inbound").then(
        () => "listed",
        (error) => error.code,
      );
    while ((await look()) === "listed" && performance.now() < deadline) await sleep(10);
    expect(await look()).toBe("remote_unreachable");
    await drop.close();
  });
});

describe.skipIf(openSshMissing() !== undefined)("channels of OpenSSH", () => {
  test.each([
    ["by default several serve one connection", [], 4],
    ["with MaxSessions 1 there is one, and all arrives", ["MaxSessions 1"], 1],
  ])("%s", async (_, config, channels) => {
    const server = await startOpenSsh({ config });
    const drop = await createSftpTransport(settingsFor(server)).connect();
    for (let wave = 0; wave < 4; wave++) await uploadMany(drop, 8, server.inbound, wave);
    expect(server.subsystemPids()).toHaveLength(channels);
    for (let wave = 0; wave < 4; wave++) {
      for (let index = 0; index < 8; index++) {
        expect((await readFile(join(server.inbound, `${wave}-${index}`))).equals(bytes)).toBe(true);
      }
    }
    await drop.close();
    await expectNothingOpen(server);
    await server.stop();
  });
});
