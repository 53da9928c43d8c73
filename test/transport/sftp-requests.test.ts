/** How much is in one request, and what makes a packet cheap: nothing that a server must know, and a tenth of a large delivery. */
import { KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readHostKey } from "../../src/transport/host-key.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import { RequestWindow } from "../../src/transport/sftp-copy.ts";
import { dial } from "../../src/transport/sftp-dial.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import { openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { startEmbeddedServer } from "./embedded-server.ts";

const KIB = 1024;
const local = mkdtempSync(join(tmpdir(), "rescue-requests-"));
const source = join(local, "batch.csv");
writeFileSync(source, Buffer.alloc(700 * KIB));
afterAll(() => rmSync(local, { recursive: true }));

/** What was acknowledged in all after each request of an upload. */
async function uploadedTo(settings: SftpSettings): Promise<number[]> {
  const acknowledged: number[] = [];
  const drop = await createSftpTransport(settings).connect();
  try {
    await drop.upload(source, "inbound/a", { onProgress: (bytes) => acknowledged.push(bytes) });
  } finally {
    await drop.close();
  }
  return acknowledged;
}

describe.skipIf(openSshMissing() !== undefined)("with OpenSSH", () => {
  test("a server that says how much it takes at once gets eight times the usual request", async () => {
    const server = await startOpenSsh();
    const { host, port, username, hostKeyFingerprint } = server;
    const auth = { privateKeyPath: server.privateKeyPath };
    const acknowledged = await uploadedTo({ host, port, username, auth, hostKeys: { pins: [hostKeyFingerprint] } });
    expect(acknowledged).toEqual([248 * KIB, 496 * KIB, 700 * KIB]);
    expect(readFileSync(join(server.inbound, "a")).equals(readFileSync(source))).toBe(true);
    await server.stop();
  });

  test("a server that wants new keys every now and then gets the whole file", async () => {
    const server = await startOpenSsh({ config: ["RekeyLimit 128K"] });
    const { host, port, username, hostKeyFingerprint } = server;
    const auth = { privateKeyPath: server.privateKeyPath };
    await uploadedTo({ host, port, username, auth, hostKeys: { pins: [hostKeyFingerprint] } });
    expect(readFileSync(join(server.inbound, "a")).equals(readFileSync(source))).toBe(true);
    await server.stop();
  });

  test("the key of a connection is prepared once, not for each packet", async () => {
    const server = await startOpenSsh();
    const { host, port, username } = server;
    const connection = await dial({
      ...{ host, port, username, timeoutMs: 10_000, idleTimeoutMs: 10_000, signal: undefined },
      logins: [{ type: "publickey", username, key: readFileSync(server.privateKeyPath) }],
      algorithms: ["ssh-ed25519"],
      isTrusted: () => true,
    });
    const { _protocol: protocol } = connection.sftp as unknown as {
      _protocol: Record<string, Record<string, unknown>>;
    };
    expect(protocol["_cipher"]?.["_encKey"]).toBeInstanceOf(KeyObject);
    expect(protocol["_decipher"]?.["_decipherKey"]).toBeInstanceOf(KeyObject);
    await connection.close();
    await server.stop();
  });
});

test("a server that does not say it gets 31 KiB at once, whatever it calls itself", async () => {
  const line = await generateKeyPair(join(local, "host"), "embedded");
  const { fingerprint } = readHostKey(Buffer.from(line.split(" ")[1] ?? "", "base64"));
  const server = await startEmbeddedServer(readFileSync(join(local, "host"), "utf8"), { ident: "OpenSSH_9.9" });
  const settings = { host: "127.0.0.1", port: server.port, username: "acme", auth: { password: "any" } };
  const acknowledged = await uploadedTo({ ...settings, hostKeys: { pins: [fingerprint] } });
  expect(acknowledged).toHaveLength(Math.ceil(700 / 31));
  await server.stop();
});

test("a large request takes the place of eight, and nobody overtakes one that waits for its place", async () => {
  const window = new RequestWindow(10);
  const entered: string[] = [];
  const enter = (name: string, weight: number) => window.enter(weight).then(() => entered.push(name));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  void enter("large", 8);
  void enter("other large", 8);
  void enter("small", 1);
  await settle();
  expect(entered).toEqual(["large"]);
  window.leave(8);
  await settle();
  expect(entered).toEqual(["large", "other large", "small"]);
});

test("a request that is larger than the window goes alone", async () => {
  const window = new RequestWindow(1);
  await window.enter(8);
  const second = window.enter(1).then(() => "entered");
  expect(await Promise.race([second, new Promise((resolve) => setImmediate(() => resolve("waits")))])).toBe("waits");
  window.leave(8);
  expect(await second).toBe("entered");
});
