/** Two runs at once, signals, kills, lost answers: what the statuses 4, 12, 13 and 130 mean, and that the next run is whole. */
import { readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exists, exportOf, exportOfCount, type MerchantFolder, resultsOf, shareServer } from "../support/e2e.ts";
import { type OpenSsh, openSshMissing } from "../support/openssh.ts";

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("runs that end early", () => {
  const shared = shareServer();

  async function withPending(): Promise<MerchantFolder> {
    const merchant = await shared.make();
    const file = await merchant.writeExport("a.csv", exportOfCount(2));
    expect((await merchant.rescue(["submit", file])).status).toBe(0);
    return merchant;
  }

  async function waiting(merchant: MerchantFolder) {
    const running = merchant.start(["collect", "--wait", "60s", "--poll", "1s", "--json"]);
    await running.until("the lock", async () =>
      (await merchant.rescue(["status"])).stdout.includes("Running now: rescue collect"),
    );
    return running;
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

  test("a second run at once is 12 and says who holds it; status works beside; SIGTERM ends the first with 130", async () => {
    const merchant = await withPending();
    const running = await waiting(merchant);

    const second = await merchant.rescue(["run", "--json"]);
    const status = await merchant.rescue(["status", "--json"]);
    running.child.kill("SIGTERM");
    const first = await running.ended;

    expect(second.status).toBe(12);
    expect(second.documents).toEqual([]);
    expect(second.errors).toMatchObject([{ code: "locked", merchant: "acme", exit_status: 12 }]);
    expect(second.errors[0]?.["message"]).toContain(`pid ${running.child.pid}`);
    expect(status.status).toBe(0);
    expect(first).toMatchObject({ status: 130, signal: null });
    expect(first.documents).toMatchObject([{ type: "collection", exit_status: 130 }]);
    expect((await merchant.rescue(["run"])).status).toBe(0);
  });

  test("a second signal ends at once with 130; a killed owner's lock is replaced at once", async () => {
    const merchant = await withPending();

    const stopped = await waiting(merchant);
    stopped.child.kill("SIGSTOP");
    stopped.child.kill("SIGINT");
    stopped.child.kill("SIGTERM");
    stopped.child.kill("SIGCONT");
    expect((await stopped.ended).status).toBe(130);
    const killed = await waiting(merchant);
    killed.child.kill("SIGKILL");
    await killed.ended;

    expect((await merchant.rescue(["run", "--json"])).status).toBe(0);
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

describe.skipIf(missing !== undefined)("a delivery whose commit had no answer", () => {
  /** Refuses the rename, so that the ledger stands at `committing`; what the folder then shows is the test's choice. */
  const refusing = shareServer({ sftpFlags: ["-P", "rename,posix-rename"] });
  const obliging = shareServer();

  async function cutOff() {
    const merchant = await refusing.make();
    const file = await merchant.writeExport("a.csv", exportOf([{ order: "o-1" }, { order: "o-2", amount: "5.00" }]));
    const sent = await merchant.rescue(["submit", file, "--json"]);
    const [part = ""] = await readdir(merchant.inbound);
    expect(part).toMatch(/_0001\.csv\.1\.part$/);
    return { merchant, sent, part: join(merchant.inbound, part), final: join(merchant.inbound, part.slice(0, -7)) };
  }

  /** The same folders behind a server that does what it is asked. */
  async function useServer(merchant: MerchantFolder, from: OpenSsh, to: OpenSsh): Promise<void> {
    const config = await readFile(merchant.config, "utf8");
    const changed = config
      .replace(`port: ${from.port}`, `port: ${to.port}`)
      .replace(from.hostKeyFingerprint, to.hostKeyFingerprint);
    await writeFile(merchant.config, changed);
    await writeFile(join(merchant.folder, "rescue_ed25519"), await readFile(to.privateKeyPath));
  }

  test("the temporary file is still there: it is renamed by the next run, and not sent again", async () => {
    const { merchant, sent, part, final } = await cutOff();
    expect(sent.errors[0]).toMatchObject({ code: "permission_denied" });
    const bytes = await readFile(part);
    await useServer(merchant, refusing.server, obliging.server);

    const next = await merchant.rescue(["submit", "--json"]);

    expect(next.status).toBe(0);
    expect(next.documents[0]?.["batches"]).toMatchObject([{ state: "delivered", rows: 2 }]);
    expect(await readFile(final)).toEqual(bytes);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("the file lies under its final name: it was delivered, and only the answer was lost", async () => {
    const { merchant, part, final } = await cutOff();
    await rename(part, final);

    const next = await merchant.rescue(["submit", "--json"]);

    expect(next.status).toBe(0);
    expect(next.documents[0]?.["batches"]).toMatchObject([{ state: "delivered" }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("both names are gone: 13 until evidence; nothing is sent again, and the money is unaccounted", async () => {
    const { merchant, part, final } = await cutOff();
    await rm(part);
    await useServer(merchant, refusing.server, obliging.server);

    const next = await merchant.rescue(["submit", "--json"]);
    const again = await merchant.rescue(["run", "--json"]);
    const status = await merchant.rescue(["status"]);

    expect(next.status).toBe(13);
    expect(next.documents[0]).toMatchObject({ exit_status: 13, batches: [{ state: "uncertain", rows: 2 }] });
    expect(again.status).toBe(13);
    expect(again.documents[0]?.["report"]).toMatchObject({
      breaks_by_code: { delivery_uncertain: 1 },
      currencies: [
        {
          submitted: { count: 2, amount_minor: "2499" },
          unaccounted: { count: 2, amount_minor: "2499" },
          pending: { count: 0, amount_minor: "0" },
          balanced: true,
        },
      ],
    });
    expect(status.status).toBe(13);
    expect(status.stdout).toContain(final);
    expect(status.stdout).toContain("rescue settle");
    expect(await merchant.delivered()).toEqual([]);
    const same = await merchant.writeExport("b.csv", exportOfCount(1));
    const skipped = await merchant.rescue(["submit", same, "--json"]);
    expect(skipped.documents[0]).toMatchObject({ accepted: 0, skipped_by_code: { already_pending: 1 } });
  });

  test("uncertain, and a result row names one of its orders: that is evidence, so delivered and applied", async () => {
    const { merchant, part } = await cutOff();
    await rm(part);
    await useServer(merchant, refusing.server, obliging.server);
    expect((await merchant.rescue(["run"])).status).toBe(13);
    await merchant.writeResults("r.csv", resultsOf([{ order: "o-2", status: "APPROVED", amount: "500" }]));

    const next = await merchant.rescue(["run", "--json"]);

    expect(next.documents[0]?.["reconciliation"]).toMatchObject({ rows: 1, applied: 1 });
    expect(next.documents[0]?.["report"].currencies).toMatchObject([
      { rescued: { count: 1, amount_minor: "500" }, pending: { count: 1, amount_minor: "1999" }, balanced: true },
    ]);
    expect(await merchant.delivered()).toEqual([]);
  });

  test("another size under the final name: 13, and touched by nobody", async () => {
    const { merchant, part, final } = await cutOff();
    await rename(part, final);
    await truncate(final, 100);
    await useServer(merchant, refusing.server, obliging.server);

    expect((await merchant.rescue(["submit"])).status).toBe(13);
    expect((await readFile(final)).byteLength).toBe(100);
    expect(await readdir(merchant.inbound)).toHaveLength(1);
  });

  test("settled as not delivered with a reason, the rows go again under a new name; as delivered, they are pending", async () => {
    const [lost, kept] = [await cutOff(), await cutOff()];
    for (const { merchant, part } of [lost, kept]) {
      await rm(part);
      await useServer(merchant, refusing.server, obliging.server);
      expect((await merchant.rescue(["submit"])).status).toBe(13);
    }

    expect((await lost.merchant.rescue(["settle", "1", "--not-delivered"])).status).toBe(2);
    const args = ["--reason", "ticket 4711", "--json"];
    const released = await lost.merchant.rescue(["settle", "1", "--not-delivered", ...args]);
    const sent = await lost.merchant.rescue(["submit", "--json"]);
    const delivered = await kept.merchant.rescue(["settle", "1", "--delivered", ...args]);
    const report = await kept.merchant.rescue(["report", "--json"]);

    expect(released.status).toBe(0);
    expect(released.documents[0]).toMatchObject({
      type: "settlement",
      batch: { state: "failed" },
      replanned: 2,
      released: [],
    });
    expect(sent.status).toBe(0);
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ batch_id: 2, state: "delivered", rows: 2 }]);
    const [file] = await lost.merchant.delivered();
    expect(file?.name).toMatch(/_0002\.csv$/);
    const balance = await lost.merchant.rescue(["report", "--json"]);
    expect(balance.documents[0]?.["currencies"]).toMatchObject([
      { submitted: { count: 2, amount_minor: "2499" }, pending: { count: 2, amount_minor: "2499" }, balanced: true },
    ]);
    expect(delivered).toMatchObject({ status: 0 });
    expect(delivered.documents[0]).toMatchObject({ batch: { state: "delivered" }, reason: "ticket 4711" });
    expect(report).toMatchObject({ status: 0 });
    expect(report.documents[0]?.["currencies"]).toMatchObject([{ pending: { count: 2 }, balanced: true }]);
    const twice = await kept.merchant.rescue(["settle", "1", "--delivered", "--reason", "again"]);
    expect(twice).toMatchObject({ status: 2 });
  });

  test("settled as not delivered when it is too late to send: the rows are named with their money", async () => {
    const { merchant, part } = await cutOff();
    await rm(part);
    expect((await merchant.rescue(["submit"])).status).toBe(13);

    const late = ["--as-of", "2026-11-25T06:00:00Z", "--json"];
    const released = await merchant.rescue(["settle", "1", "--not-delivered", "--reason", "never seen", ...late]);

    expect(released.documents[0]).toMatchObject({
      replanned: 0,
      released: [
        { order_id: "o-1", amount_minor: "1999", currency: "USD" },
        { order_id: "o-2", amount_minor: "500", currency: "USD" },
      ],
    });
    const report = await merchant.rescue(["report", ...late]);
    expect(report.documents[0]?.["currencies"]).toMatchObject([
      { submitted: { count: 0, amount_minor: "0" }, released: { count: 2, amount_minor: "2499" }, balanced: true },
    ]);
  });
});
