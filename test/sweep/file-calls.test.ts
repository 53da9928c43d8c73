/** Every call of a night to the file system fails: exports, archive, rejects, inbox, results, report, config. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Transport } from "../../src/transport/transport.ts";
import type { DiskCall, DiskFault, FaultyDisk } from "./faulty-disk.ts";
import { memoryServer } from "./memory-server.ts";
import { playPoint } from "./play.ts";
import { type Fault, type Swept, sweep, Trap, tableOf } from "./trap.ts";
import { Template } from "./world.ts";

const shared = vi.hoisted(() => ({
  transport: undefined as Transport | undefined,
  disk: { meet: () => undefined } as { meet: FaultyDisk["meet"] },
}));
vi.mock("../../src/transport/sftp.ts", () => ({ createSftpTransport: () => shared.transport }));
vi.mock("node:timers/promises", () => ({ setTimeout: async () => {} }));
vi.mock("node:fs/promises", async (original) => {
  const { faultyFsPromises } = await import("./faulty-disk.ts");
  return faultyFsPromises(await original(), { meet: (call) => shared.disk.meet(call) });
});
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const { faultyReadStream } = await import("./faulty-disk.ts");
  return {
    ...real,
    createReadStream: faultyReadStream(real.createReadStream, { meet: (call) => shared.disk.meet(call) }),
  };
});

type CallFault = Fault<DiskCall> & DiskFault;

const WRITES = ["handle.write", "handle.writeFile", "writeFile"];
const GROWS = [...WRITES, "open", "mkdir", "copyFile", "handle.sync", "handle.close"];
const isWrite = ({ operation }: DiskCall) => WRITES.includes(operation);
const needsSpace = ({ operation }: DiskCall) => GROWS.includes(operation);

const FAULTS: readonly CallFault[] = [
  { name: "I/O error", errno: "EIO", when: "before" },
  { name: "I/O error, though done", errno: "EIO", when: "after" },
  { name: "I/O errors from then on", errno: "EIO", when: "before", lasting: true },
  { name: "permission denied", errno: "EACCES", when: "before" },
  { name: "disk full", errno: "ENOSPC", when: "halfway", appliesTo: needsSpace },
  { name: "disk full from then on", errno: "ENOSPC", when: "halfway", lasting: true, appliesTo: needsSpace },
  { name: "short write", errno: "none", when: "halfway", appliesTo: ({ operation }) => operation === "handle.write" },
  { name: "write cut short by an error", errno: "EIO", when: "halfway", appliesTo: isWrite },
];

const trap = new Trap<DiskCall, CallFault>();
// The program reads its own version first; where that fails it is not installed.
shared.disk.meet = (call) => (call.path.endsWith("package.json") ? undefined : trap.meet(call));

describe("the file system", () => {
  let template: Template;
  const swept: Swept[] = [];
  beforeAll(async () => {
    const server = memoryServer((transport) => {
      shared.transport = transport;
    });
    template = await Template.make({ server, spoiled: true });
  });
  afterAll(() => {
    template.remove();
    process.stdout.write(tableOf("file-system calls", swept));
  });

  test.for(FAULTS)("$name, at every call", { timeout: 120_000 }, async (fault, { task }) => {
    const result = await sweep(trap, fault, (disarm) => playPoint(template, disarm));
    expect(result.points).toBeGreaterThan(0);
    swept.push(result);
    task.meta.points = result.points;
  });
});
