/** What the transport's tests share: fixtures for the contract suite, and a check that nothing is left open. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Problem } from "../../src/domain/problem.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import type { TransportFixture } from "../contract/transport-suite.ts";
import { type OpenSsh, type OpenSshOptions, startOpenSsh } from "../support/openssh.ts";

export function settingsFor(server: OpenSsh, changes: Partial<SftpSettings> = {}): SftpSettings {
  return {
    host: server.host,
    port: server.port,
    username: server.username,
    auth: { privateKeyPath: server.privateKeyPath },
    hostKeys: { pins: [server.hostKeyFingerprint] },
    ...changes,
  };
}

export async function openSshFixture(
  options: OpenSshOptions = {},
  changes: Partial<SftpSettings> = {},
): Promise<TransportFixture & { readonly server: OpenSsh }> {
  const server = await startOpenSsh(options);
  return {
    server,
    transport: createSftpTransport(settingsFor(server, changes)),
    inbound: server.inbound,
    outbound: server.outbound,
    put: (path, bytes) => writeFile(path, bytes),
    read: (path) => readFile(path).catch(() => undefined),
    clear: async () => {
      for (const folder of [server.inbound, server.outbound]) {
        for (const file of readdirSync(folder)) rmSync(join(folder, file), { recursive: true });
        mkdirSync(folder, { recursive: true });
      }
    },
    stop: () => server.stop(),
  };
}

/** The Problem that the work ends in; fails if it succeeds. */
export async function problemOf(work: Promise<unknown>): Promise<Problem> {
  return work.then(
    () => expect.unreachable("it succeeded"),
    (error) => error,
  );
}

/** Fails if this process still holds a TCP socket or if the server still serves somebody. Sockets need a moment to go. */
export async function expectNothingOpen(server?: OpenSsh): Promise<void> {
  const deadline = Date.now() + 3_000;
  for (;;) {
    const sockets = process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCPSocket"));
    const serving = server?.connectionPids() ?? [];
    if ((sockets.length === 0 && serving.length === 0) || Date.now() > deadline) {
      expect({ sockets, serving }).toEqual({ sockets: [], serving: [] });
      return;
    }
    await sleep(20);
  }
}
