/** What becomes of the files in the inbox: taken, failed, in quarantine, still growing. */
import { appendFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportOf, exportOfCount, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

const missing = openSshMissing();

/** Published by the card networks for tests; never in one piece in this repo. */
const TEST_CARD = ["4111", "1111", "1111", "1111"].join("");
const AMEX = ["3782", "822463", "10005"];

describe.skipIf(missing !== undefined)("the inbox", () => {
  const shared = shareServer();

  const pick = (row: string) => {
    const cells = row.split(",");
    return `${cells[5]} ${cells[9]} ${cells[10]} ${cells[15]}`;
  };

  test("too many rejects: nothing of the file is sent, 3, and the document still names every fault", async () => {
    const merchant = await shared.make();
    const rows = [1, 2, 3].map((number) => ({ order: `o-${number}`, ...(number === 1 ? {} : { amount: "0" }) }));
    await merchant.writeExport("a.csv", exportOf(rows));
    await merchant.writeExport("b.csv", exportOf([{ order: "o-9" }]));

    const checked = await merchant.rescue(["validate", join(merchant.inbox, "a.csv"), "--json"]);
    const ran = await merchant.rescue(["run", "--json"]);

    expect(checked.status).toBe(3);
    expect(checked.documents[0]?.["files"]).toMatchObject([
      { problem: { code: "too_many_rejects" }, rows: 3, rejected: 2 },
    ]);
    expect(ran.status).toBe(3);
    expect(ran.documents[0]?.["submission"]).toMatchObject({
      accepted: 1,
      rejected: 2,
      files: [{ problem: { code: "too_many_rejects" } }, { problem: null }],
    });
    const delivered = await merchant.delivered();
    expect(delivered).toHaveLength(1);
    expect(delivered[0]?.text).toContain("o-9");
    expect(delivered[0]?.text).not.toContain("o-1");
    const failed = await readdir(join(merchant.inbox, "failed"));
    expect(failed.map((name) => name.split("-").at(-1)).toSorted()).toEqual(["a.csv", "a.csv.reason.txt"]);
  });

  test("card data: its rows are masked in the rejects, its file goes to quarantine, its other rows are sent, and no output shows it", async () => {
    const merchant = await shared.make({ acme: { policy: { max_reject_ratio: 1 } } });
    const spaced = AMEX.join(" ");
    const lines = exportOfCount(4).trimEnd().split("\n");
    const content = [
      `${lines[0]},note`,
      `${lines[1]},fine`,
      `${lines[2]?.replace("tok_o-2", TEST_CARD)},`,
      `${lines[3]},read out as ${spaced}`,
      `${lines[4]},"t-${TEST_CARD}"`,
      "",
    ].join("\n");
    await merchant.writeExport("cards.csv", content);
    await merchant.writeExport(
      "cvv.csv",
      exportOf([{ order: "o-8" }])
        .replace("payment_token", "payment_token,Security Code")
        .replace("tok_o-8", "tok_o-8,123"),
    );

    const ran = await merchant.rescue(["run", "--json", "--verbose"]);

    expect(ran.status).toBe(3);
    const submission = ran.documents[0]?.["submission"];
    expect(submission).toMatchObject({ accepted: 2, rejected: 2, rejected_by_code: { card_number: 2 } });
    expect(submission.files).toMatchObject([{ accepted: 2 }, { problem: { code: "cvv_column" } }]);
    const [batch] = await merchant.delivered();
    expect(batch?.text.trimEnd().split("\n").slice(1).map(pick)).toEqual([
      "o-1 1999 USD tok_o-1",
      "o-4 1999 USD tok_o-4",
    ]);
    const rejects = await readFile(submission.files[0].rejects_file, "utf8");
    expect(rejects).toContain("411111XXXXXX1111");
    expect(rejects).toContain("3782 82XXXX X0005");
    const quarantined = await readdir(join(merchant.inbox, "quarantine"));
    expect(
      quarantined
        .filter((name) => name.endsWith(".csv"))
        .map((name) => name.split("-").at(-1))
        .toSorted(),
    ).toEqual(["cards.csv", "cvv.csv"]);
    const reason = quarantined.find((name) => name.endsWith("cards.csv.reason.txt")) ?? "";
    expect(await readFile(join(merchant.inbox, "quarantine", reason), "utf8")).toMatch(/delete/i);
    for (const entry of await readdir(merchant.data, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name), "latin1");
      // In an id it touches other characters, so it is none; that row was accepted and is in the archive.
      expect(bytes.replaceAll(`t-${TEST_CARD}`, "")).not.toContain(TEST_CARD);
      expect(bytes).not.toContain(spaced);
    }
    expect(ran.stdout + ran.stderr).not.toContain(TEST_CARD);
    expect(ran.stdout + ran.stderr).not.toContain(spaced);
  });

  test("run moves what it took, with the time in front; the same name tomorrow is no trouble; failed files have a reason", async () => {
    const merchant = await shared.make();
    await merchant.writeExport("rebills.csv", exportOfCount(1));
    await merchant.writeExport("empty.csv", "");
    await merchant.writeExport(".hidden.csv", exportOfCount(1, 50));
    await merchant.writeExport("upload.csv.part", exportOfCount(1, 60));

    const first = await merchant.rescue(["run", "--json"]);
    await merchant.writeExport("rebills.csv", exportOfCount(2));
    const second = await merchant.rescue(["run", "--json"]);

    // Among others, one export that cannot be read is 3; the good one was sent.
    expect(first.status).toBe(3);
    expect(first.errors).toMatchObject([{ code: "export_empty", exit_status: 2 }]);
    expect(second.status).toBe(0);
    expect(second.documents[0]?.["submission"]).toMatchObject({ accepted: 1, skipped: 1 });
    const processed = await readdir(join(merchant.inbox, "processed"));
    expect(processed).toHaveLength(2);
    for (const name of processed) expect(name).toMatch(/^\d{14}-[0-9a-z]+-rebills\.csv$/);
    const failed = (await readdir(join(merchant.inbox, "failed"))).toSorted();
    expect(failed).toHaveLength(2);
    expect(await readFile(join(merchant.inbox, "failed", failed[1] ?? ""), "utf8")).toMatch(/empty/i);
    expect((await readdir(merchant.inbox)).toSorted()).toEqual([
      ".hidden.csv",
      "failed",
      "processed",
      "upload.csv.part",
    ]);
    expect(await merchant.delivered()).toHaveLength(2);
  });

  test("a file that still grows is left for the next run", async () => {
    const merchant = await shared.make();
    const path = await merchant.writeExport("growing.csv", exportOfCount(1));
    const timer = setInterval(() => void appendFile(path, `${exportOfCount(1, Date.now()).split("\n")[1]}\n`), 100);

    const first = await merchant.rescue(["run", "--json"]).finally(() => clearInterval(timer));
    const orders = (await readFile(path, "utf8")).trimEnd().split("\n").length - 1;
    const second = await merchant.rescue(["run", "--json"]);

    expect(first.documents[0]?.["submission"]).toMatchObject({ accepted: 0, batches: [] });
    expect(second.documents[0]?.["submission"].accepted).toBe(orders);
  });
});
