/** `verify`, as a crontab sees it: whole is 0, every damage is 1 and named, and the truth is told when there is no ledger. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { exportOfCount, type MerchantFolder, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

// Each test plays two nights of thousands of rows first.
vi.setConfig({ testTimeout: 120_000 });

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("rescue verify", () => {
  const shared = shareServer();

  async function afterANight(): Promise<MerchantFolder> {
    const merchant = await shared.make();
    await merchant.writeExport("a.csv", exportOfCount(4000));
    expect((await merchant.rescue(["run"])).status).toBe(0);
    await merchant.writeResults("r.csv", resultsOf([{ order: "o-1", status: "APPROVED" }]));
    expect((await merchant.rescue(["run"])).status).toBe(0);
    return merchant;
  }

  const archived = async (merchant: MerchantFolder, kind: string) => {
    const [name = ""] = await readdir(join(merchant.data, "archive", kind));
    return join(merchant.data, "archive", kind, name);
  };

  test("a folder that is whole is 0, with what was compared; nothing is left behind, and nothing was changed", async () => {
    const merchant = await afterANight();
    const before = await merchant.rescue(["report", "--json"]);

    const temporary = await mkdtemp(join(merchant.folder, "tmp-"));
    const verified = await merchant.rescue(["verify", "--json"], { env: { TMPDIR: temporary } });

    expect(verified).toMatchObject({ status: 0, stderr: "" });
    expect(await readdir(temporary)).toEqual([]);
    expect(verified.documents).toMatchObject([
      {
        type: "verification",
        schema: 1,
        merchant: "acme",
        exit_status: 0,
        whole: true,
        files: 4,
        compared: { batches: 2, attempts: 4000, outcomes: 1, result_files: 1, breaks: 0 },
        damages: [],
        damages_truncated: false,
        notes: [],
      },
    ]);
    expect((await merchant.rescue(["verify"])).stdout).toContain("whole: 4 archived files");
    expect((await merchant.rescue(["verify", "-q"])).stdout).toBe("");
    expect((await merchant.rescue(["report", "--json"])).documents).toEqual(before.documents);
  });

  test("damage is 1, and each file is named with what is wrong with it", async () => {
    const merchant = await afterANight();
    const [batch, result, rows] = await Promise.all(
      ["batches", "results", "exports"].map((k) => archived(merchant, k)),
    );
    const bytes = await readFile(batch ?? "");
    bytes[5000] = (bytes[5000] ?? 0) ^ 4;
    await writeFile(batch ?? "", bytes);
    await rm(result ?? "");
    await truncate(rows ?? "", 10_000);

    const verified = await merchant.rescue(["verify", "--json"]);
    const words = await merchant.rescue(["verify"]);

    expect(verified.status).toBe(1);
    expect(verified.documents[0]).toMatchObject({ whole: false, exit_status: 1, compared: null });
    const damages: { code: string; path: string }[] = verified.documents[0]?.["damages"];
    expect(damages.map(({ code, path }) => [code, join(merchant.data, path)])).toEqual([
      ["cut_short", rows],
      ["altered", batch],
      ["missing", result],
    ]);
    expect(words.status).toBe(1);
    expect(words.stdout).toContain("missing: archive/results/");
    expect(words.stdout).toContain("3 damages found");
  });

  test.each([
    ["truncated", (path: string) => truncate(path, 30_000)],
    ["emptied", (path: string) => truncate(path, 0)],
    ["overwritten in the middle", overwrite],
    ["gone", (path: string) => rm(path)],
  ])("a ledger that is %s is 1 and named, as JSON too", async (_how, harm) => {
    const merchant = await afterANight();
    for (const beside of ["-wal", "-shm"]) await rm(join(merchant.data, `ledger.db${beside}`), { force: true });
    await harm(join(merchant.data, "ledger.db"));

    const verified = await merchant.rescue(["verify", "--json"]);

    expect(verified.status).toBe(1);
    expect(verified.documents[0]).toMatchObject({ type: "verification", whole: false });
    expect(verified.documents[0]?.["damages"][0]).toMatchObject({ code: "ledger_damaged", path: "ledger.db" });
  });

  test("an old ledger put back under a newer archive: verify names it, and a run sends nothing", async () => {
    const merchant = await afterANight();
    const ledger = join(merchant.data, "ledger.db");
    const old = await readFile(ledger);
    await merchant.writeExport("b.csv", exportOfCount(2, 5001));
    expect((await merchant.rescue(["run"])).status).toBe(0);
    for (const beside of ["-wal", "-shm"]) await rm(`${ledger}${beside}`, { force: true });
    await writeFile(ledger, old);
    await merchant.writeExport("c.csv", exportOfCount(2, 5001));
    const delivered = (await merchant.delivered()).length;

    const verified = await merchant.rescue(["verify", "--json"]);
    const ran = await merchant.rescue(["run", "--json"]);

    expect(verified.documents[0]).toMatchObject({ exit_status: 1, damages: [{ code: "unknown_batch" }] });
    expect(ran.status).toBe(1);
    expect(ran.errors[0]).toMatchObject({ code: "ledger_damaged" });
    expect(ran.errors[0]?.["message"]).toContain("it knows 2 batches, the archive has 3");
    expect(await merchant.delivered()).toHaveLength(delivered);
  });

  test("while another run is busy it is 12; where nothing was ever taken, 0", async () => {
    const nothing = await (await shared.make()).rescue(["verify"]);
    const merchant = await afterANight();
    const other = await openSqliteLedger({
      folder: merchant.data,
      merchant: "acme",
      host: hostname(),
      clock: () => Date.now(),
    });
    await other.acquireLock("run");
    const busy = await merchant.rescue(["verify"]);
    await other.close();

    expect(nothing).toMatchObject({ status: 0 });
    expect(nothing.stdout).toContain("nothing to verify yet");
    expect(busy.status).toBe(12);
  });
});

/** As a disk does that writes a block to the wrong place. */
async function overwrite(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = Math.floor(bytes.length / 8192) * 4096;
  bytes.fill(0x5a, middle, middle + 8192);
  await writeFile(path, bytes);
}
