/** What reaches the server, byte for byte, and what `submit` says of it. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXPORT_HEADER, exportOf, exportOfCount, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

const missing = openSshMissing();

/** Written out by hand from issue and profile, not taken from the program. */
const BATCH_HEADER = [
  "sequenceNumber,mid,isDeclined,isMIT,isRecurring,orderId,expiryDateUtc,transaction.id,transaction.timestampUtc",
  "transaction.amount,transaction.currency,transaction.responseCode,transaction.responseCodeSource",
  "transaction.responseDescription,paymentMethod.Token,paymentMethod.cardNumber,paymentMethod.cardBinNumber",
  "paymentMethod.cardLast4Digits,paymentMethod.cardBrand,paymentMethod.expirationMonth,paymentMethod.expirationYear",
  "payer.id,payer.email,billingInformation.firstName,billingInformation.lastName,billingInformation.addressLine1",
  "billingInformation.city,billingInformation.state,billingInformation.zipCode,billingInformation.countryCode",
  "subscription.id,senseKey,siteId,customerIp",
].join(",");

const FULL_HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,decline_code_source," +
  "decline_message,advice_code,payment_token,card_bin,card_last4,card_brand,card_exp_month,card_exp_year," +
  "customer_email,first_name,last_name,address1,city,state,postal_code,country,expires_at,attempt,sense_key,site_id,customer_ip";

describe.skipIf(missing !== undefined)("what is delivered", () => {
  const { make } = shareServer();

  test("every byte is what was accepted: quotes, commas, line breaks, unicode, minor units, UTC, absent cells", async () => {
    const merchant = await make();
    const file = await merchant.writeExport(
      "rebills.csv",
      [
        FULL_HEADER,
        'ord-1,txn-1,sub-1,cus-1,2026-11-20T06:30:00+01:30,19.99,USD,51,visa,"Insufficient funds, call ""bank""",02,tok_1,411111,1111,visa,01,2029,' +
          'zoë@example.com,"Zoë ""Zo""","O\'Neil, Jr.","1 Main St\nApt 2",München,BY,80331,DE,2026-12-20T05:00:00.250Z,2,sk-1,site-1,2001:db8::1',
        "ord:2,txn 2,sub-2,cus-2,2026-11-20T05:00:00.5Z,1980,JPY,05,,,,tok_2,,,,,,,,,,,,,,,,,,",
        "ord_3,txn-3,sub-3,cus-3,2026-11-20T05:00:00Z,12.345,KWD,91,,,,tok_3,,,,12,2030,,日本,😀,,,,,,,,,,",
        "ord.4,txn-4,sub-4,cus-4,2026-11-20T05:00:00Z,0.01,EUR,5,nmi,=1+1,,tok_4,,0042,,,,,,,,,,,,,,,,",
        "",
      ].join("\n"),
    );

    const sent = await merchant.rescue(["submit", file, "--json"]);

    expect(sent).toMatchObject({ status: 0, stderr: "" });
    const expected = [
      BATCH_HEADER,
      '1,mid-acme,true,true,true,ord-1,2026-12-20T05:00:00.250Z,txn-1,2026-11-20T05:00:00Z,1999,USD,51,visa,"Insufficient funds, call ""bank""",' +
        'true,tok_1,411111,1111,visa,01,2029,cus-1,zoë@example.com,"Zoë ""Zo""","O\'Neil, Jr.","1 Main St\nApt 2",München,BY,80331,DE,sub-1,sk-1,site-1,2001:db8::1',
      "2,mid-acme,true,true,true,ord:2,2026-12-11T05:00:00.500Z,txn 2,2026-11-20T05:00:00.500Z,1980,JPY,05,iso8583,,true,tok_2,,,,,,cus-2,,,,,,,,,sub-2,,,",
      "3,mid-acme,true,true,true,ord_3,2026-12-11T05:00:00Z,txn-3,2026-11-20T05:00:00Z,12345,KWD,91,iso8583,,true,tok_3,,,,12,2030,cus-3,,日本,😀,,,,,,sub-3,,,",
      "4,mid-acme,true,true,true,ord.4,2026-12-11T05:00:00Z,txn-4,2026-11-20T05:00:00Z,1,EUR,5,nmi,=1+1,true,tok_4,,0042,,,,cus-4,,,,,,,,,sub-4,,,",
      "",
    ].join("\n");
    const [batch, ...others] = await merchant.delivered();
    expect(others).toEqual([]);
    expect(batch?.text).toBe(expected);
    expect(batch?.name).toMatch(/^evaluate_mid-acme_\d{14}_0001\.csv$/);
    const { batches, ...document } = sent.documents[0] ?? {};
    expect(document).toMatchObject({
      type: "submission",
      schema: 1,
      merchant: "acme",
      exit_status: 0,
      dry_run: false,
      accepted: 4,
      skipped: 0,
      skipped_by_code: {},
      rejected: 0,
      rejected_by_code: {},
    });
    expect(batches).toEqual([
      expect.objectContaining({
        batch_id: 1,
        name: batch?.name,
        remote_path: join(merchant.inbound, batch?.name ?? ""),
        rows: 4,
        totals: [
          { currency: "EUR", count: 1, amount_minor: "1" },
          { currency: "JPY", count: 1, amount_minor: "1980" },
          { currency: "KWD", count: 1, amount_minor: "12345" },
          { currency: "USD", count: 1, amount_minor: "1999" },
        ],
        sha256: createHash("sha256").update(expected).digest("hex"),
        state: "delivered",
      }),
    ]);
  });

  test("an export is split at 2000 rows, in its order, under names that sort; no temporary file stays", async () => {
    const merchant = await make();
    const file = await merchant.writeExport("rebills.csv", exportOfCount(4001));

    const sent = await merchant.rescue(["submit", file, "--json"]);

    const delivered = await merchant.delivered();
    expect(sent.status).toBe(0);
    expect(delivered.map(({ name }) => name.slice(-8))).toEqual(["0001.csv", "0002.csv", "0003.csv"]);
    const rows = delivered.map(({ text }) => text.trimEnd().split("\n").slice(1));
    expect(rows.map((lines) => lines.length)).toEqual([2000, 2000, 1]);
    expect(rows[1]?.[0]).toMatch(/^1,mid-acme,true,true,true,o-2001,/);
    const orders = rows.flat().map((line) => line.split(",")[5]);
    expect(orders).toEqual(Array.from({ length: 4001 }, (_, index) => `o-${index + 1}`));
    expect(sent.documents[0]?.["batches"].map((batch: { rows: number }) => batch.rows)).toEqual([2000, 2000, 1]);
    expect(sent.documents[0]?.["batches"][2].totals).toEqual([{ currency: "USD", count: 1, amount_minor: "1999" }]);
  });

  test("the same night again, in another order and under another name, sends nothing and says where each went", async () => {
    const merchant = await make();
    const first = await merchant.writeExport("first.csv", exportOfCount(3));
    await merchant.rescue(["submit", first]);
    const [header, ...rows] = exportOfCount(4).trimEnd().split("\n");
    const second = await merchant.writeExport("second.csv", `${[header, ...rows.toReversed()].join("\r\n")}\r\n`);

    const sent = await merchant.rescue(["submit", second, "--json"]);

    expect(sent.status).toBe(0);
    expect(sent.documents[0]).toMatchObject({ accepted: 1, skipped: 3, skipped_by_code: { already_pending: 3 } });
    const delivered = await merchant.delivered();
    expect(delivered.map(({ text }) => text.trimEnd().split("\n").length - 1)).toEqual([3, 1]);
    const words = await merchant.rescue(["submit", await merchant.writeExport("third.csv", exportOfCount(1))]);
    expect(words).toMatchObject({ status: 0 });
    expect(words.stdout).toContain(`order o-1 went in ${delivered[0]?.name} (delivered `);
  });

  test("a name that is taken on the server is burned, and what lies there is not touched", async () => {
    const merchant = await make();
    const now = new Date();
    // Every name the next minutes may mint with number 1.
    for (let second = -2; second < 60; second++) {
      const stamp = new Date(now.getTime() + second * 1000).toISOString().replace(/\D/g, "").slice(0, 14);
      await writeFile(join(merchant.inbound, `evaluate_mid-acme_${stamp}_0001.csv`), "somebody else's\n");
    }
    const before = (await merchant.delivered()).length;

    const sent = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOfCount(2)), "--json"]);

    expect(sent.status).toBe(0);
    const after = await merchant.delivered();
    expect(after).toHaveLength(before + 1);
    expect(after.filter(({ text }) => text === "somebody else's\n")).toHaveLength(before);
    expect(sent.documents[0]?.["batches"][0].name).toMatch(/_0002\.csv$/);
  });

  test("a dry run says what would be sent, and neither sends nor records nor moves anything", async () => {
    const merchant = await make();
    const file = await merchant.writeExport("a.csv", exportOfCount(2));

    const looked = await merchant.rescue(["submit", file, "--dry-run", "--json"]);

    expect(looked.status).toBe(0);
    expect(looked.documents[0]).toMatchObject({ type: "submission", dry_run: true, accepted: 2, batches: [] });
    expect(await merchant.delivered()).toEqual([]);
    expect(await readdir(merchant.inbox)).toEqual(["a.csv"]);
    expect((await merchant.rescue(["submit", file, "--json"])).documents[0]).toMatchObject({ accepted: 2, skipped: 0 });
  });

  test("late declines are refused, and sent with --max-age and a --reason only", async () => {
    const merchant = await make();
    const late = exportOf([{ order: "o-1", declinedAt: "2026-11-18T05:00:00Z" }]);

    const refused = await merchant.rescue(["submit", await merchant.writeExport("a.csv", late), "--json"]);
    const unexplained = await merchant.rescue(["submit", join(merchant.folder, "x.csv"), "--max-age", "3d"]);
    const file = await merchant.writeExport("b.csv", late);
    const sent = await merchant.rescue(["submit", file, "--max-age", "3d", "--reason", "cron was down", "--json"]);

    expect(refused.status).toBe(3);
    expect(refused.documents[0]).toMatchObject({ accepted: 0, rejected: 1, rejected_by_code: { stale_decline: 1 } });
    expect(unexplained.status).toBe(2);
    expect(unexplained.stderr).toContain("--max-age needs a --reason");
    expect(sent).toMatchObject({ status: 0 });
    expect(sent.documents[0]).toMatchObject({ accepted: 1, rejected: 0 });
  });

  test("what is never to be retried is skipped, and quiet", async () => {
    const merchant = await make();
    const rows = [{ order: "o-1", code: "41" }, { order: "o-2" }];
    const sent = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOf(rows)), "--json"]);

    expect(sent.status).toBe(0);
    expect(sent.documents[0]).toMatchObject({ accepted: 1, skipped: 1, skipped_by_code: { never_retry: 1 } });
    const header = exportOf([]).trimEnd();
    expect(header).toBe(EXPORT_HEADER);
    const nothing = await merchant.rescue(["submit", await merchant.writeExport("b.csv", `${header}\n`), "--quiet"]);
    expect(nothing).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });

  test("files of the data folder are for their owner only, and hold the bytes that were sent", async () => {
    const merchant = await make();
    const rows = [
      { order: "o-1" },
      { order: "o-2", amount: "1,5" },
      { order: "o-3" },
      { order: "o-4" },
      { order: "o-5" },
    ];
    const lines = exportOf(rows).replace("1,5", '"1,5"');

    await merchant.writeExport("a.csv", lines);
    expect(await merchant.rescue(["run"])).toMatchObject({ status: 3 });

    const modes = new Set<string>();
    for (const entry of await readdir(merchant.data, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      modes.add(`${entry.isDirectory() ? "folder" : "file"} ${(mode & 0o777).toString(8)}`);
    }
    modes.add(`folder ${((await stat(merchant.data)).mode & 0o777).toString(8)}`);
    expect([...modes].toSorted()).toEqual(["file 600", "folder 700"]);
    const [batch] = await merchant.delivered();
    const archived = await readFile(join(merchant.data, "archive/batches/000001.csv"), "utf8");
    expect(archived).toBe(batch?.text);
  });
});
