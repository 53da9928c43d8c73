/** Servers with manners of their own, as mailbox products have them: the same night, and the same promise. */
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test, vi } from "vitest";
import { exportOfCount, resultsOf } from "../support/e2e.ts";
import { NIGHT_LIMIT_MS, ordersOf, playNight, profileWith, RESULTS, runOf } from "./night.ts";
import { makeHostKey, makeOddMerchant, takingAtOnce } from "./odd-merchant.ts";

vi.setConfig({ testTimeout: NIGHT_LIMIT_MS });

const YEAR_MS = 365 * 86_400_000;

describe("a whole night", { concurrent: true }, () => {
  test("where the provider takes each file in the moment of its rename", async () => {
    const merchant = await makeOddMerchant(takingAtOnce);
    await playNight(merchant);
    expect(merchant.taken.size).toBe(2);
  });

  test("where a result can be read once", async () => {
    const merchant = await makeOddMerchant((place) => ({
      onDone: (done, path) => {
        if (done === "read" && path.startsWith("/outbound/")) place.server.files.delete(path);
      },
    }));
    await playNight(merchant);
    expect([...merchant.server.files.keys()].filter((path) => path.startsWith("/outbound/"))).toEqual([]);
  });

  test("where a rename writes over what is there, reads come short, and listings tell no mode", async () => {
    await playNight(await makeOddMerchant({ renameOverwrites: true, shortReads: true, listsWithoutMode: true }));
  });

  test.each([
    ["behind", -20 * YEAR_MS],
    ["ahead", 3 * YEAR_MS],
  ])("where the server's clock is years %s", async (_, clockOffsetMs) => {
    await playNight(await makeOddMerchant({ clockOffsetMs }));
  });
});

test("a rename that would write over a foreign file is not asked for: the name is burned", async () => {
  const merchant = await makeOddMerchant(
    { renameOverwrites: true },
    { profile: profileWith({}, {}, "batch_{number:4}.csv") },
  );
  merchant.server.files.set("/inbound/batch_0001.csv", Buffer.from("theirs"));
  await merchant.writeExport("a.csv", exportOfCount(2));

  const sent = await runOf(merchant);

  expect(sent).toMatchObject({ status: 0, submission: { batches: [{ name: "batch_0002.csv", state: "delivered" }] } });
  expect(merchant.server.files.get("/inbound/batch_0001.csv")?.toString()).toBe("theirs");
});

test("a server that wants one write after the other refuses a pipelined upload, and the hint mends it", async () => {
  const merchant = await makeOddMerchant({ sequentialWrites: true, busyMs: 1 });
  await merchant.writeExport("a.csv", exportOfCount(1500));

  const refused = await merchant.rescue(["run", "--json"]);
  expect(refused.status).not.toBe(0);
  expect(refused.errors[0]?.["hint"]).toContain("concurrency: 1");
  expect(ordersOf(await merchant.delivered())).toEqual([]);

  const config = await readFile(merchant.config, "utf8");
  await writeFile(merchant.config, config.replace("port:", "concurrency: 1\n      port:"));
  expect(await runOf(merchant)).toMatchObject({ status: 0, submission: { batches: [{ rows: 1500 }] } });
  expect(new Set(ordersOf(await merchant.delivered())).size).toBe(1500);
  expect(await merchant.delivered()).toHaveLength(1);
});

describe("results that are not written at once", { concurrent: true }, () => {
  const half = RESULTS.slice(0, RESULTS.length / 2);
  const firstRows = resultsOf([
    { order: "o-1", status: "APPROVED" },
    { order: "o-2", status: "DECLINED" },
  ]);
  const sentFive = async () => {
    const merchant = await makeOddMerchant({});
    await merchant.writeExport("a.csv", exportOfCount(5));
    expect(await runOf(merchant)).toMatchObject({ status: 0 });
    return merchant;
  };
  const all = resultsOf([1, 2, 3, 4, 5].map((number) => ({ order: `o-${number}`, status: "APPROVED" })));

  test("in two pieces, cut within a row: not yet, and then once", async () => {
    const merchant = await sentFive();
    await merchant.writeResults("r.csv", half);
    const early = await runOf(merchant);
    expect(early).toMatchObject({ status: 0, collection: { files: [{ state: "not_ready" }] } });
    expect(early["reconciliation"].rows).toBe(0);

    await merchant.writeResults("r.csv", all);
    expect(await runOf(merchant)).toMatchObject({ status: 0, reconciliation: { rows: 5, applied: 5 } });
  });

  test("in two pieces, cut between two rows, which looks whole: each row counts once all the same", async () => {
    const merchant = await sentFive();
    await merchant.writeResults("r.csv", firstRows);
    expect(await runOf(merchant)).toMatchObject({ status: 0, reconciliation: { rows: 2, applied: 2 } });

    const rest = resultsOf([3, 4, 5].map((number) => ({ order: `o-${number}`, status: "APPROVED" })));
    await merchant.writeResults("r.csv", firstRows + rest.slice(rest.indexOf("\n") + 1));
    const later = await runOf(merchant);
    expect(later).toMatchObject({ status: 0, reconciliation: { rows: 5, applied: 3, repeated: 2, breaks: [] } });
  });

  test("slowly, while we look: not yet, and nothing of it is kept", async () => {
    const merchant = await sentFive();
    let bytes = 200;
    await merchant.writeResults("r.csv", all.slice(0, bytes));
    const writing = setInterval(() => {
      bytes += 1;
      void merchant.writeResults("r.csv", all.slice(0, bytes));
    }, 100);
    const early = await runOf(merchant).finally(() => clearInterval(writing));
    expect(early).toMatchObject({ status: 0, collection: { files: [{ state: "not_ready" }] } });
    expect(early["reconciliation"].rows).toBe(0);

    await merchant.writeResults("r.csv", all);
    expect(await runOf(merchant)).toMatchObject({ status: 0, reconciliation: { rows: 5, applied: 5 } });
  });
});

describe("a host key that changed", () => {
  test("is refused within a second where it is not pinned, and taken where it is the second pin", async () => {
    const { fingerprint } = await makeHostKey();
    const merchant = await makeOddMerchant({}, { sftp: { host_key: fingerprint } });
    await merchant.writeExport("a.csv", exportOfCount(2));

    const refused = await merchant.rescue(["run", "--json"]);
    expect(refused.status).toBe(11);
    expect(refused.errors[0]).toMatchObject({ code: "host_key_refused" });
    expect(merchant.server.logins).toEqual([]);
    expect(merchant.server.connectionsMs.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(1_000);

    const shown = /ssh-ed25519 (SHA256:\S+)/.exec(refused.errors[0]?.["message"])?.[1] ?? "";
    const config = await readFile(merchant.config, "utf8");
    const pins = `host_key: ["${fingerprint}", "${shown}"]`;
    await writeFile(merchant.config, config.replace(/host_key: .*/, pins));
    expect(await runOf(merchant)).toMatchObject({ status: 0, submission: { batches: [{ state: "delivered" }] } });
  });

  test("no pin at all is no connection", async () => {
    const merchant = await makeOddMerchant({}, { sftp: { host_key: undefined } });
    await merchant.writeExport("a.csv", exportOfCount(2));

    expect((await merchant.rescue(["run", "--json"])).status).toBe(2);
    expect(merchant.server.logins).toEqual([]);
    expect(merchant.server.connectionsMs).toEqual([]);
  });
});
