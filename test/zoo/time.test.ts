/** Nothing waits for ever: servers that fall silent at each stage are given up at the limit that the config sets. */
import { createServer, type Socket } from "node:net";
import { afterAll, describe, expect, test, vi } from "vitest";
import { exportOfCount } from "../support/e2e.ts";
import { NIGHT_LIMIT_MS, ordersOf, runOf } from "./night.ts";
import { makeOddMerchant } from "./odd-merchant.ts";

vi.setConfig({ testTimeout: NIGHT_LIMIT_MS });

const servers: { stop(): void }[] = [];
afterAll(() => {
  for (const server of servers) server.stop();
});

/** Takes connections and says at most `greeting`; tells how long each was left open. */
async function startSilent(greeting: string) {
  const openMs: number[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    const begun = performance.now();
    sockets.add(socket);
    socket.write(greeting);
    socket.on("error", () => {}).on("data", () => {});
    socket.once("close", () => openMs.push(performance.now() - begun));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  servers.push({
    stop: () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return { port: address.port, openMs };
}

/** Two slow cores run everybody's tests at once. */
const SLACK_MS = 1_500;

describe("a server that falls silent", { concurrent: true }, () => {
  test.for([
    ["after TCP accept", ""],
    ["after its banner", "SSH-2.0-silent\r\n"],
  ] as const)("%s: each of three tries ends at connect_timeout, 10, nothing sent", async ([, greeting]) => {
    const silent = await startSilent(greeting);
    const merchant = await makeOddMerchant({}, { sftp: { port: silent.port, connect_timeout: "1s" } });
    await merchant.writeExport("a.csv", exportOfCount(2));

    const ran = await merchant.rescue(["run", "--json"]);

    expect(ran.status).toBe(10);
    expect(ran.errors[0]).toMatchObject({ code: "remote_unreachable", message: expect.stringContaining("3 tries") });
    expect(silent.openMs).toHaveLength(3);
    expect(Math.min(...silent.openMs)).toBeGreaterThan(500);
    expect(Math.max(...silent.openMs)).toBeLessThan(1_000 + SLACK_MS);
  });

  test.for(["write", "rename", "readdir"] as const)(
    "for good at every %s: given up at idle_timeout, on two connections and no more; the next run finishes",
    async (act) => {
      let isSilent = true;
      const merchant = await makeOddMerchant(
        { fault: (asked) => (isSilent && asked === act ? "no answer" : undefined) },
        { sftp: { idle_timeout: "1s" } },
      );
      await merchant.writeExport("a.csv", exportOfCount(2));

      const ran = await merchant.rescue(["submit", `${merchant.inbox}/a.csv`, "--json"]);
      const collected = await merchant.rescue(["collect", "--json"]);

      expect([ran.status, collected.status]).toEqual(act === "readdir" ? [0, 10] : [act === "rename" ? 13 : 10, 0]);
      const longest = merchant.server.connectionsMs.toSorted((a, b) => b - a);
      expect(longest[0]).toBeGreaterThan(900);
      expect(longest[0]).toBeLessThan(1_000 + 2 * SLACK_MS);
      isSilent = false;
      expect(await runOf(merchant)).toMatchObject({ status: 0 });
      expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2"]);
      expect(await merchant.delivered()).toHaveLength(1);
    },
  );

  test("while the limits are long: --deadline ends the whole run, and the next one finishes", async () => {
    let isSilent = true;
    const merchant = await makeOddMerchant({
      fault: (act) => (isSilent && act === "write" ? "no answer" : undefined),
    });
    await merchant.writeExport("a.csv", exportOfCount(2));

    const ran = await merchant.rescue(["run", "--json", "--deadline", "4s"]);

    expect(ran.status).toBe(10);
    expect(ran.errors[0]).toMatchObject({ code: "deadline_reached" });
    expect(Math.max(...merchant.server.connectionsMs)).toBeLessThan(4_000 + SLACK_MS);
    expect(ordersOf(await merchant.delivered())).toEqual([]);
    isSilent = false;
    expect(await runOf(merchant)).toMatchObject({ status: 0, submission: { batches: [{ state: "delivered" }] } });
    expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2"]);
  });
});
