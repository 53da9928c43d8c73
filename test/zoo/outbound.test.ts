/** Outbound folders as nobody should keep them: names that try to leave it, very many names, a very big file. */
import { open, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { exportOfCount, type MerchantFolder, makeMerchantFolder, RESULT_HEADER, resultsOf } from "../support/e2e.ts";
import { type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { NIGHT_LIMIT_MS, runOf } from "./night.ts";
import { makeOddMerchant } from "./odd-merchant.ts";

vi.setConfig({ testTimeout: NIGHT_LIMIT_MS });

const RESULT = resultsOf([
  { order: "o-1", status: "APPROVED" },
  { order: "o-2", status: "DECLINED" },
]);

/** Everything that is in the merchant's folder now, by path. */
async function filesOf(merchant: MerchantFolder): Promise<string[]> {
  return (await readdir(merchant.folder, { recursive: true })).toSorted();
}

describe("names that try to leave the folder", () => {
  test("listed by a server that lies: none is asked for, each is a finding, the good one is taken", async () => {
    const names = ["../x.csv", "/etc/x.csv", "a/b.csv", "new\nline.csv", "\u001b[2J.csv", `${"n".repeat(300)}.csv`];
    const merchant = await makeOddMerchant({ listsAlso: names });
    await merchant.writeExport("a.csv", exportOfCount(2));
    expect(await merchant.rescue(["submit", join(merchant.inbox, "a.csv")])).toMatchObject({ status: 0 });
    await merchant.writeResults("r.csv", RESULT);

    const ran = await runOf(merchant);

    expect(ran).toMatchObject({ status: 3, reconciliation: { applied: 2 } });
    const quarantined = ran["collection"].files.filter((file: { state: string }) => file.state === "quarantined");
    expect(quarantined.map((file: { name: string }) => file.name).toSorted()).toEqual(names.toSorted());
    const stored = (await filesOf(merchant)).filter((path) => /archive.results./.test(path));
    expect(stored).toHaveLength(1);
    const shown = await merchant.rescue(["breaks"]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a screen.
    expect(`${shown.stdout}${shown.stderr}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });

  describe.skipIf(openSshMissing() !== undefined)("on a real server", () => {
    let server: OpenSsh;
    beforeAll(async () => {
      server = await startOpenSsh();
    });
    afterAll(async () => {
      await server.stop();
    });

    test("not UTF-8, with control characters, a newline, a backslash: left alone, and the good one is taken", async () => {
      const merchant = await makeMerchantFolder(server);
      try {
        await merchant.writeExport("a.csv", exportOfCount(2));
        expect(await merchant.rescue(["submit", join(merchant.inbox, "a.csv")])).toMatchObject({ status: 0 });
        const bad = [[0xff, 0xfe], [0x07], [0x0a], [0x5c], [0xe2, 0x80, 0xae]].map((bytes) =>
          Buffer.concat([Buffer.from(`${merchant.outbound}/x`), Buffer.from(bytes), Buffer.from(".csv")]),
        );
        for (const path of bad) await writeFile(path, RESULT);
        await merchant.writeResults("r.csv", RESULT);

        const ran = await runOf(merchant);

        expect(ran).toMatchObject({ status: 3, reconciliation: { rows: 2, applied: 2 } });
        const states = ran["collection"].files.map((file: { state: string }) => file.state);
        expect(states.toSorted()).toEqual(["collected", ...bad.map(() => "quarantined")]);
        expect(await readdir(merchant.outbound, { encoding: "buffer" })).toHaveLength(bad.length + 1);
      } finally {
        await merchant.remove();
      }
    });

    test("a result file of 200 MB is taken whole, and its rows are applied", { timeout: 120_000 }, async () => {
      const merchant = await makeMerchantFolder(server);
      try {
        await merchant.writeExport("a.csv", exportOfCount(2));
        expect(await merchant.rescue(["submit", join(merchant.inbox, "a.csv")])).toMatchObject({ status: 0 });
        const rows = await writeBigResult(join(merchant.outbound, "r.csv"), 200_000_000);

        const ran = await runOf(merchant);

        expect(ran).toMatchObject({ status: 0, reconciliation: { rows, applied: 2, repeated: rows - 2, breaks: [] } });
      } finally {
        await merchant.remove();
      }
    });
  });
});

test("50,000 names that are not results do not hide the one that is", async () => {
  const listsAlso = Array.from({ length: 50_000 }, (_, index) => `report-${index}.txt`);
  const merchant = await makeOddMerchant({ listsAlso });
  await merchant.writeExport("a.csv", exportOfCount(2));
  expect(await merchant.rescue(["submit", join(merchant.inbox, "a.csv")])).toMatchObject({ status: 0 });
  await merchant.writeResults("r.csv", RESULT);

  expect(await runOf(merchant)).toMatchObject({ status: 0, reconciliation: { rows: 2, applied: 2 } });
});

/** Two outcomes, said again and again with messages of some length; resolves with the number of rows. */
async function writeBigResult(path: string, bytes: number): Promise<number> {
  const words = "x".repeat(200);
  const pair = ["o-1,sk-o-1,APPROVED", "o-2,sk-o-2,DECLINED"]
    .map((row) => `${row},1999,USD,2026-11-21T10:00:00Z,00,${words}\n`)
    .join("");
  const pairs = Math.ceil(bytes / pair.length);
  const file = await open(path, "wx");
  await file.write(`${RESULT_HEADER}\n`);
  const PAIRS_AT_ONCE = 5_000;
  for (let written = 0; written < pairs; written += PAIRS_AT_ONCE) {
    await file.write(pair.repeat(Math.min(PAIRS_AT_ONCE, pairs - written)));
  }
  await file.close();
  return pairs * 2;
}
