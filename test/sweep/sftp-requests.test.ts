/** The real SFTP client against a server that refuses, swallows or cuts off the k-th request of the night. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readHostKey } from "../../src/transport/host-key.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { type EmbeddedServer, type ServerAct, startEmbeddedServer } from "../transport/embedded-server.ts";
import { playPoint } from "./play.ts";
import { type Fault, type Swept, sweep, Trap, tableOf } from "./trap.ts";
import { FIRST_NIGHT, type ServerSide, Template } from "./world.ts";

/** Long for a server in this process, even on a busy machine; short for a sweep. */
const IDLE_TIMEOUT_MS = 300;

vi.mock("node:timers/promises", () => ({ setTimeout: async () => {} }));
vi.mock("../../src/transport/sftp.ts", async (original) => {
  const { createSftpTransport } = await original<typeof import("../../src/transport/sftp.ts")>();
  return {
    createSftpTransport: (settings: SftpSettings) =>
      createSftpTransport({ ...settings, concurrency: 1, idleTimeoutMs: IDLE_TIMEOUT_MS, connectTimeoutMs: 10_000 }),
  };
});

interface RequestFault extends Fault<ServerAct> {
  /** `cut`: the act is carried out, and the line is cut before its answer. */
  readonly answer: number | "no answer" | "cut";
}

const FAULTS: readonly RequestFault[] = [
  { name: "failure (status 4)", answer: 4 },
  { name: "permission denied (status 3)", answer: 3 },
  { name: "no answer, until the idle limit", answer: "no answer" },
  { name: "connection cut after the act", answer: "cut" },
];

const trap = new Trap<ServerAct, RequestFault>();

describe("the SFTP client", () => {
  let folder: string;
  let server: EmbeddedServer;
  let relay: Relay;
  let template: Template;
  let isCut = false;
  const swept: Swept[] = [];

  beforeAll(async () => {
    // Second looks compare times of the server, which has whole seconds: none may go by in between.
    vi.useFakeTimers({ toFake: ["Date"], now: FIRST_NIGHT });
    folder = await mkdtemp(join(tmpdir(), "rescue-sweep-keys-"));
    const line = await generateKeyPair(join(folder, "host"), "sweep");
    const { fingerprint } = readHostKey(Buffer.from(line.split(" ")[1] ?? "", "base64"));
    server = await startEmbeddedServer(readFileSync(join(folder, "host"), "utf8"), {
      fault: (act) => {
        const answer = trap.meet(act)?.answer;
        isCut ||= answer === "cut";
        return answer === "cut" ? undefined : answer;
      },
    });
    relay = await startRelay({ host: "127.0.0.1", port: server.port }, () => {
      const mayPass = !isCut;
      isCut = false;
      return mayPass;
    });
    const side: ServerSide = {
      files: () => server.files,
      taken: () => new Map(),
      put: (name, bytes) => server.files.set(name, Buffer.from(bytes)),
      restore: (files) => {
        server.files.clear();
        for (const [name, bytes] of files) server.files.set(name, bytes);
      },
    };
    template = await Template.make({ server: side, sftp: { port: relay.port, host_key: fingerprint } });
  });
  afterAll(async () => {
    template.remove();
    await relay.stop();
    await server.stop();
    await rm(folder, { recursive: true });
    vi.useRealTimers();
    process.stdout.write(tableOf("SFTP requests of the real client", swept));
  });

  test.for(FAULTS)("$name, at every request", { timeout: 120_000 }, async (fault, { task }) => {
    const result = await sweep(trap, fault, (disarm) => playPoint(template, disarm));
    expect(result.points).toBeGreaterThan(20);
    swept.push(result);
    task.meta.points = result.points;
  });
});
