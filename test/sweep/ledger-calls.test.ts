/** Every call of a night to the ledger fails: reads, writes, whole transactions; before the act, or after it was durable. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Problem } from "../../src/domain/problem.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { memoryServer } from "./memory-server.ts";
import { playPoint } from "./play.ts";
import { type Fault, type Swept, sweep, Trap, tableOf } from "./trap.ts";
import { FIVE_BATCHES, Template } from "./world.ts";

const shared = vi.hoisted(() => ({
  transport: undefined as Transport | undefined,
  guard: (ledger: Ledger): Ledger => ledger,
}));
vi.mock("../../src/transport/sftp.ts", () => ({ createSftpTransport: () => shared.transport }));
vi.mock("node:timers/promises", () => ({ setTimeout: async () => {} }));
vi.mock("../../src/ledger/sqlite/open.ts", async (original) => {
  const { openSqliteLedger } = await original<typeof import("../../src/ledger/sqlite/open.ts")>();
  return {
    openSqliteLedger: async (options: Parameters<typeof openSqliteLedger>[0]) =>
      shared.guard(await openSqliteLedger(options)),
  };
});

type LedgerFault = Fault<string> & { readonly when: "before" | "after" };

const FAULTS: readonly LedgerFault[] = [
  { name: "disk failed before the act", when: "before" },
  { name: "disk failed after the act", when: "after" },
  { name: "disk failed from then on", when: "before", lasting: true },
];

const trap = new Trap<string, LedgerFault>();
/** Given as they are: closing never fails, and pages are read like any other read. */
const NOT_COUNTED = ["close", "attempts", "standings", "holds", "batchAttempts"];

shared.guard = (ledger) =>
  new Proxy(ledger, {
    get: (target, name) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      if (NOT_COUNTED.includes(String(name))) return call.bind(target);
      return async (...args: unknown[]) => {
        const fault = trap.meet(String(name));
        if (fault?.when === "before") throw failed(name);
        const result: unknown = await Reflect.apply(call, target, args);
        if (fault) throw failed(name);
        return result;
      };
    },
  });

function failed(name: string | symbol): Problem {
  return new Problem("disk_failed", `the ledger: ${String(name)} was made to fail`);
}

describe("the ledger", () => {
  let template: Template;
  const swept: Swept[] = [];
  beforeAll(async () => {
    const server = memoryServer((transport) => {
      shared.transport = transport;
    });
    template = await Template.make({ server, lastOrder: FIVE_BATCHES });
  });
  afterAll(() => {
    template.remove();
    process.stdout.write(tableOf("ledger calls", swept));
  });

  test.for(FAULTS)("$name, at every call", { timeout: 120_000 }, async (fault, { task }) => {
    const result = await sweep(trap, fault, (disarm) => playPoint(template, disarm));
    expect(result.points).toBeGreaterThan(20);
    swept.push(result);
    task.meta.points = result.points;
  });
});
