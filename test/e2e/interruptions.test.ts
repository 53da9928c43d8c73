/** Two runs at once, waiting, signals, kills: what the statuses 4, 12 and 130 mean, and that the next run is whole. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { exists, exportOfCount, type MerchantFolder, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import { type Relay, startRelay } from "../support/relay.ts";

const missing = openSshMissing();

const relays: Relay[] = [];
afterAll(async () => {
  for (const relay of relays) await relay.stop();
});

describe.skipIf(missing !== undefined)("runs that end early", () => {
  const shared = shareServer();

  async function withPending(): Promise<MerchantFolder> {
    const merchant = await shared.make();
    const file = await merchant.writeExport("a.csv", exportOfCount(2));
    expect((await merchant.rescue(["submit", file])).status).toBe(0);
    return merchant;
  }

  /** A collect that has its lock and is in the middle of a download that goes no further until the gate is opened. */
  async function held() {
    let open = () => {};
    const gate = new Promise<true>((resolve) => {
      open = () => resolve(true);
    });
    let downloads = "";
    const relay = await startRelay(shared.server, async () => {
      const begun = await readdir(downloads).catch(() => []);
      return begun.length === 0 || gate;
    });
    relays.push(relay);
    const merchant = await shared.make({ acme: { sftp: { port: relay.port } } });
    downloads = join(merchant.data, "archive/results");
    await merchant.writeResults("nothing-new.csv", resultsOf([]));
    const running = merchant.start(["collect", "--json"]);
    await running.until("its download", async () => (await readdir(downloads).catch(() => [])).length > 0);
    return { merchant, running, open };
  }

  test("collect --wait ends with 4 while something is pending, with 0 once nothing is", async () => {
    const merchant = await withPending();

    const waited = await merchant.rescue(["collect", "--wait", "1s", "--poll", "1s", "--json"]);
    const running = merchant.start(["collect", "--wait", "30s", "--poll", "1s", "--json"]);
    await running.until("its start", () => exists(join(merchant.data, "lock.db")));
    await merchant.writeResults(
      "r.csv",
      resultsOf([
        { order: "o-1", status: "APPROVED" },
        { order: "o-2", status: "DECLINED" },
      ]),
    );
    const ended = await running.ended;

    expect(waited.status).toBe(4);
    expect(waited.documents).toMatchObject([{ type: "collection", merchant: "acme", exit_status: 4, files: [] }]);
    expect(ended.status).toBe(0);
    expect(ended.documents[0]?.["files"]).toMatchObject([{ name: "r.csv", state: "collected" }]);
    expect((await merchant.rescue(["collect", "--wait", "30s"])).status).toBe(0);
  });

  test("a second run at once is 12 and says who holds it; status works beside; the first is not disturbed", async () => {
    const { merchant, running, open } = await held();

    const second = await merchant.rescue(["run", "--json"]);
    const status = await merchant.rescue(["status", "--json"]);
    open();
    const first = await running.ended;

    expect(second.status).toBe(12);
    expect(second.documents).toEqual([]);
    expect(second.errors).toMatchObject([{ code: "locked", merchant: "acme", exit_status: 12 }]);
    expect(second.errors[0]?.["message"]).toContain(`pid ${running.child.pid}`);
    expect(status.status).toBe(0);
    expect(status.documents[0]).toMatchObject({ lock: { pid: running.child.pid, command: "collect" } });
    expect(first.status).toBe(0);
    expect((await merchant.rescue(["run"])).status).toBe(0);
  });

  test("a killed owner's lock is replaced at once", async () => {
    const { merchant, running, open } = await held();
    running.child.kill("SIGKILL");
    await running.ended;
    open();

    const next = await merchant.rescue(["run", "--json"]);

    expect(next.status).toBe(0);
    const status = await merchant.rescue(["status", "--json"]);
    expect(status.documents[0]).toMatchObject({ lock: null, last_runs: [{ exit_status: 0 }, { exit_status: null }] });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends collect --wait with 130, its lock free", async (signal) => {
    const merchant = await withPending();
    const running = merchant.start(["collect", "--wait", "60s", "--poll", "30s", "--json"]);
    const looks = async () => (await merchant.rescue(["status", "--json"])).documents[0]?.["last_collection"];
    await running.until("its first look", async () => (await looks()) !== null);
    running.child.kill(signal);
    const ended = await running.ended;

    expect(ended).toMatchObject({ status: 130, signal: null });
    expect(ended.documents).toMatchObject([{ type: "collection", exit_status: 130 }]);
    expect((await merchant.rescue(["run"])).status).toBe(0);
  });

  test("a second signal ends it at once with 130", async () => {
    const { merchant, running, open } = await held();
    running.child.kill("SIGTERM");
    await running.until("its answer", () => running.stderr().includes("again to stop at once"));
    running.child.kill("SIGTERM");

    expect(await running.ended).toMatchObject({ status: 130, signal: null });
    open();
    expect((await merchant.rescue(["run"])).status).toBe(0);
  });

  test("a run that is told to stop sends nothing more, ends with 130, and the next one does the rest", async () => {
    const merchant = await shared.make();
    const path = await merchant.writeExport("a.csv", exportOfCount(5));
    const logged = shared.server.log().length;
    const running = merchant.start(["run", "--json"]);
    // It looks for results first; then come two looks at the inbox, a second apart.
    await running.until("its connection", () => shared.server.log().slice(logged).includes("Accepted"));
    running.child.kill("SIGTERM");
    const ended = await running.ended;

    expect(ended.status).toBe(130);
    expect(await merchant.delivered()).toEqual([]);
    expect(await exists(path)).toBe(true);
    const next = await merchant.rescue(["run", "--json"]);
    expect(next.status).toBe(0);
    expect(next.documents[0]?.["submission"]).toMatchObject({
      accepted: 5,
      batches: [{ state: "delivered", rows: 5 }],
    });
  });

  test.each([5, 60, 150])(
    "killed %d ms after its first byte arrived: the next run sends each rebill exactly once",
    async (delayMs) => {
      const merchant = await shared.make();
      await merchant.writeExport("a.csv", exportOfCount(6000));
      const running = merchant.start(["run"]);
      await running.until("a first file", async () => (await readdir(merchant.inbound)).length > 0);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      running.child.kill("SIGKILL");
      await running.ended;

      const next = await merchant.rescue(["run", "--json"]);

      expect(next.status).toBe(0);
      const delivered = await merchant.delivered();
      expect(delivered.every(({ name }) => name.endsWith(".csv"))).toBe(true);
      const orders = delivered
        .flatMap(({ text }) => text.trimEnd().split("\n").slice(1))
        .map((line) => line.split(",")[5]);
      expect(orders).toHaveLength(6000);
      expect(new Set(orders).size).toBe(6000);
      expect(next.documents[0]?.["report"].currencies).toMatchObject([
        { submitted: { count: 6000 }, pending: { count: 6000 }, balanced: true },
      ]);
    },
  );
});
