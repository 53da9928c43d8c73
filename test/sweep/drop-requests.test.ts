/** Every SFTP request of a night fails, in each way that a server or a line can fail, before, during and after the act. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { MemoryFault, MemoryRequest } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { memoryServer } from "./memory-server.ts";
import { type PointOptions, playPoint } from "./play.ts";
import { type Fault, type Swept, sweep, Trap, tableOf } from "./trap.ts";
import { FIVE_BATCHES, Template, type WorldOptions } from "./world.ts";

const wire = vi.hoisted(() => ({ transport: undefined as Transport | undefined }));
vi.mock("../../src/transport/sftp.ts", () => ({ createSftpTransport: () => wire.transport }));
vi.mock("node:timers/promises", () => ({ setTimeout: async () => {} }));

type DropFault = Fault<MemoryRequest> & MemoryFault;
const isWrite = ({ operation }: MemoryRequest) => operation === "write";
const mayFail = ({ operation }: MemoryRequest) => operation !== "connect";

const FAULTS: readonly DropFault[] = [
  { name: "reset before the act", code: "remote_unreachable", when: "before" },
  { name: "answer lost after the act", code: "remote_unreachable", when: "after" },
  { name: "no answer from then on", code: "remote_unreachable", when: "before", lasting: true },
  { name: "no answer from then on, though done", code: "remote_unreachable", when: "after", lasting: true },
  { name: "failure", code: "remote_failed", when: "before", appliesTo: mayFail },
  { name: "failure, though done", code: "remote_failed", when: "after", appliesTo: mayFail },
  { name: "failure from then on", code: "remote_failed", when: "before", lasting: true, appliesTo: mayFail },
  { name: "permission denied", code: "permission_denied", when: "before", appliesTo: mayFail },
  {
    name: "permission denied from then on",
    code: "permission_denied",
    when: "before",
    lasting: true,
    appliesTo: mayFail,
  },
  { name: "folder missing", code: "remote_folder_missing", when: "before", appliesTo: mayFail },
  { name: "the deadline before the act", code: "deadline_reached", when: "before", lasting: true },
  { name: "the deadline after the act", code: "deadline_reached", when: "after", lasting: true },
  { name: "short write, refused", code: "remote_failed", when: "halfway", appliesTo: isWrite },
  { name: "short write, connection lost", code: "remote_unreachable", when: "halfway", appliesTo: isWrite },
  { name: "short write, acknowledged", code: "none", when: "halfway", appliesTo: isWrite },
  { name: "disk full from then on", code: "remote_failed", when: "halfway", lasting: true, appliesTo: isWrite },
];

const trap = new Trap<MemoryRequest, DropFault>();

/** What a provider may be like, and the delivery that its profile asks for. */
interface Kind extends Pick<WorldOptions, "delivery" | "results" | "sftp" | "lastOrder"> {
  readonly kind: string;
  readonly isTaken?: (path: string) => boolean;
  readonly point?: PointOptions;
}

const KINDS: readonly Kind[] = [
  { kind: "leaves batches where they are, one after the other", sftp: { concurrency: 1 } },
  { kind: "leaves batches where they are, five at once", lastOrder: FIVE_BATCHES },
  {
    kind: "takes each batch at once, five on their way",
    lastOrder: FIVE_BATCHES,
    isTaken: (path) => path.startsWith("/inbound/") && path.endsWith(".csv"),
    // The rename was carried out, its answer lost, and the file is gone before anybody can look.
    point: { mayBeUncertain: true },
  },
  {
    kind: "waits for a trigger file, results are deleted",
    delivery: { trigger: "{name}.done" },
    results: { after_collect: "delete" },
  },
];

/** What stays broken for the whole night is the same whatever the server is like: swept at the first only. */
const faultsFor = (kind: Kind) => (kind === KINDS[0] ? FAULTS : FAULTS.filter(({ lasting }) => !lasting));

describe.each(KINDS)("a server that $kind", (server) => {
  const { kind, isTaken, point, ...options } = server;
  let template: Template;
  const swept: Swept[] = [];
  beforeAll(async () => {
    const use = (transport: Transport) => {
      wire.transport = transport;
    };
    const side = memoryServer(use, { fault: (request) => trap.meet(request), ...(isTaken ? { isTaken } : {}) });
    template = await Template.make({ ...options, server: side });
  });
  afterAll(() => {
    template.remove();
    process.stdout.write(tableOf(`SFTP requests, a server that ${kind}`, swept));
  });

  test.for(faultsFor(server))("$name, at every request", { timeout: 120_000 }, async (fault, { task }) => {
    const result = await sweep(trap, fault, (disarm) => playPoint(template, disarm, point));
    expect(result.points).toBeGreaterThan(1);
    swept.push(result);
    task.meta.points = result.points;
  });
});
