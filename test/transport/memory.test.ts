import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createMemoryDrop, type MemoryFault, type MemoryRequest } from "../../src/transport/memory.ts";
import { describeTransport, problemCode } from "../contract/transport-suite.ts";

describeTransport("the memory drop", async () => {
  const drop = createMemoryDrop();
  return {
    transport: drop.transport,
    inbound: "/inbound",
    outbound: "/outbound",
    put: async (path, bytes) => drop.put(path, bytes),
    read: async (path) => drop.files.get(path)?.bytes,
    clear: async () => drop.files.clear(),
    stop: async () => {},
  };
});

describe("the memory drop's faults", () => {
  const local = mkdtempSync(join(tmpdir(), "rescue-memory-"));
  const source = join(local, "batch.csv");
  writeFileSync(source, "a line\n");
  afterAll(() => rmSync(local, { recursive: true }));

  const failing = (operation: MemoryRequest["operation"], fault: MemoryFault) => {
    const drop = createMemoryDrop({ fault: (request) => (request.operation === operation ? fault : undefined) });
    return drop;
  };

  it("loses the answer of a rename that was carried out, and the connection with it", async () => {
    const memory = failing("rename", { code: "remote_unreachable", when: "after" });
    const drop = await memory.transport.connect();
    await drop.upload(source, "/inbound/a.part");
    expect(await problemCode(drop.rename("/inbound/a.part", "/inbound/a"))).toBe("remote_unreachable");
    expect([...memory.files.keys()]).toEqual(["/inbound/a"]);
    expect(await problemCode(drop.list("/inbound"))).toBe("remote_unreachable");
  });

  it("refuses before the act, and stays usable if the server only said no", async () => {
    const memory = failing("create", { code: "permission_denied", when: "before" });
    const drop = await memory.transport.connect();
    expect(await problemCode(drop.upload(source, "/inbound/a.part"))).toBe("permission_denied");
    expect(memory.files.size).toBe(0);
    expect(await drop.list("/inbound")).toEqual([]);
  });

  it("leaves the empty file of an upload that was cut off at its first byte", async () => {
    const memory = failing("write", { code: "remote_unreachable", when: "before" });
    const drop = await memory.transport.connect();
    expect(await problemCode(drop.upload(source, "/inbound/a.part"))).toBe("remote_unreachable");
    expect(memory.files.get("/inbound/a.part")?.bytes.length).toBe(0);
  });

  it("gives a file to the provider the moment it has its final name", async () => {
    const memory = createMemoryDrop({ isTaken: (path) => path.endsWith(".csv") });
    const drop = await memory.transport.connect();
    await drop.upload(source, "/inbound/a.csv.part");
    await drop.rename("/inbound/a.csv.part", "/inbound/a.csv");
    expect(memory.files.size).toBe(0);
    expect(memory.taken.get("/inbound/a.csv")?.bytes.toString()).toBe("a line\n");
  });

  it("numbers every request over all connections, so that the k-th can be made to fail", async () => {
    const memory = createMemoryDrop({
      fault: ({ number }) => (number === 3 ? { code: "remote_failed", when: "before" } : undefined),
    });
    await (await memory.transport.connect()).close();
    const drop = await memory.transport.connect();
    expect(await problemCode(drop.list("/inbound"))).toBe("remote_failed");
    expect(memory.requests.map(({ number, operation }) => `${number} ${operation}`)).toEqual([
      "1 connect",
      "2 connect",
      "3 list",
    ]);
  });
});
