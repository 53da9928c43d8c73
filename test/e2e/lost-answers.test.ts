/** Renames whose answer was lost or was a refusal: what the folder shows decides, then evidence, then a person. */
import { readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { exportOf, exportOfCount, type MerchantFolder, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import { type Relay, startRelay } from "../support/relay.ts";

const missing = openSshMissing();

const relays: Relay[] = [];
afterAll(async () => {
  for (const relay of relays) await relay.stop();
});

describe.skipIf(missing !== undefined)("a delivery whose commit had no answer", () => {
  const shared = shareServer();

  /**
   * Sends two rebills over a line that is cut when the rename has been carried out and its answer is on the way; what the
   * folder then shows is the test's choice. With `reconnects: false` the run never gets through again.
   */
  async function cutOff(then: (final: string) => Promise<void>, { reconnects = true } = {}) {
    let isCut = false;
    let inbound = "";
    const relay = await startRelay(shared.server, async () => {
      if (isCut) return reconnects;
      const final = (await readdir(inbound)).find((name) => name.endsWith(".csv"));
      if (final === undefined) return true;
      isCut = true;
      await then(join(inbound, final));
      return false;
    });
    relays.push(relay);
    const merchant = await shared.make({ acme: { sftp: { port: relay.port } } });
    inbound = merchant.inbound;
    const file = await merchant.writeExport("a.csv", exportOf([{ order: "o-1" }, { order: "o-2", amount: "5.00" }]));
    const sent = await merchant.rescue(["submit", file, "--json"]);
    expect(isCut).toBe(true);
    return { merchant, sent };
  }

  const leave = async () => {};
  const take = (final: string) => rm(final);
  const undo = (final: string) => rename(final, `${final}.1.part`);

  test("the file lies under its final name: it was delivered, and only the answer was lost", async () => {
    const { merchant, sent } = await cutOff(leave);

    expect(sent.status).toBe(0);
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ state: "delivered", rows: 2 }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("the temporary file is still there: it is renamed, and not sent again", async () => {
    const { merchant, sent } = await cutOff(undo);

    expect(sent.status).toBe(0);
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ state: "delivered", rows: 2 }]);
    const [batch, ...others] = await merchant.delivered();
    expect(others).toEqual([]);
    expect(batch?.name).toMatch(/_0001\.csv$/);
  });

  test("no connection again: 13, and the next run finds it delivered", async () => {
    const { merchant, sent } = await cutOff(leave, { reconnects: false });

    expect(sent.status).toBe(13);
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ state: "committing" }]);
    const report = await merchant.rescue(["report", "--json"]);
    expect(report.documents[0]?.["currencies"]).toMatchObject([{ unaccounted: { count: 2 }, balanced: true }]);
    await useServer(merchant);
    const next = await merchant.rescue(["submit", "--json"]);
    expect(next.status).toBe(0);
    expect(next.documents[0]?.["batches"]).toMatchObject([{ state: "delivered" }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  /** Past the line that was cut. */
  async function useServer(merchant: MerchantFolder): Promise<void> {
    const config = await readFile(merchant.config, "utf8");
    await writeFile(merchant.config, config.replace(/port: \d+/, `port: ${shared.server.port}`));
  }

  test("both names are gone: 13 until evidence; nothing is sent again, and the money is unaccounted", async () => {
    const { merchant, sent } = await cutOff(take);

    const again = await merchant.rescue(["run", "--json"]);
    const status = await merchant.rescue(["status"]);

    expect(sent.status).toBe(13);
    expect(sent.documents[0]).toMatchObject({ exit_status: 13, batches: [{ state: "uncertain", rows: 2 }] });
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
    expect(status.stdout).toContain(sent.documents[0]?.["batches"][0].remote_path);
    expect(status.stdout).toContain("rescue settle");
    expect(await merchant.delivered()).toEqual([]);
    const same = await merchant.writeExport("b.csv", exportOfCount(1));
    const skipped = await merchant.rescue(["submit", same, "--json"]);
    expect(skipped.documents[0]).toMatchObject({ accepted: 0, skipped_by_code: { already_pending: 1 } });
  });

  test("uncertain, and a result row names one of its orders: that is evidence, so delivered and applied", async () => {
    const { merchant } = await cutOff(take);
    await merchant.writeResults("r.csv", resultsOf([{ order: "o-2", status: "APPROVED", amount: "500" }]));

    const next = await merchant.rescue(["run", "--json"]);

    expect(next.documents[0]?.["reconciliation"]).toMatchObject({ rows: 1, applied: 1 });
    expect(next.documents[0]?.["report"].currencies).toMatchObject([
      { rescued: { count: 1, amount_minor: "500" }, pending: { count: 1, amount_minor: "1999" }, balanced: true },
    ]);
    expect(await merchant.delivered()).toEqual([]);
  });

  test("another size under the final name: 13, and touched by nobody", async () => {
    const { merchant, sent } = await cutOff((final) => truncate(final, 100));

    expect(sent.status).toBe(13);
    expect((await merchant.rescue(["submit"])).status).toBe(13);
    const [batch, ...others] = await merchant.delivered();
    expect(others).toEqual([]);
    expect(batch?.text).toHaveLength(100);
  });

  test("settled as not delivered with a reason, the rows go again under a new name; as delivered, they are pending", async () => {
    const [lost, kept] = [await cutOff(take), await cutOff(take)];

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
    const { merchant } = await cutOff(take);

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

describe.skipIf(missing !== undefined)("a server that refuses the rename", () => {
  const refusing = shareServer({ sftpFlags: ["-P", "rename,posix-rename"] });
  const obliging = shareServer();

  test("11: it is known that nothing was delivered; the batch waits, and goes when renaming is allowed", async () => {
    const merchant = await refusing.make();
    const sent = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOfCount(2)), "--json"]);
    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "permission_denied", exit_status: 11 });
    expect((await merchant.delivered()).filter(({ name }) => name.endsWith(".csv"))).toEqual([]);

    // The same folders behind a server that does what it is asked.
    const { server } = obliging;
    const config = (await readFile(merchant.config, "utf8"))
      .replace(/port: \d+/, `port: ${server.port}`)
      .replace(refusing.server.hostKeyFingerprint, server.hostKeyFingerprint);
    await writeFile(merchant.config, config);
    await writeFile(join(merchant.folder, "rescue_ed25519"), await readFile(server.privateKeyPath));
    const next = await merchant.rescue(["submit", "--json"]);

    expect(next.status).toBe(0);
    expect(next.documents[0]?.["batches"]).toMatchObject([{ batch_id: 1, state: "delivered", rows: 2 }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });
});
