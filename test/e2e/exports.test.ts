/** Exports in other shapes and with damage of every kind, through the whole program; and what becomes of the files. */
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXPORT_HEADER, exists, exportOf, exportOfCount, type MerchantFolder, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import type { Json } from "../support/rescue.ts";

const missing = openSshMissing();

/** A test number that its network publishes; never in one piece in this repo. */
const AMEX = ["3782", "822463", "10005"];

describe.skipIf(missing !== undefined)("exports in other shapes", () => {
  const shared = shareServer();

  /** The order ids, amounts and currencies that arrived, of this export. */
  async function arrived(merchant: MerchantFolder, file: string) {
    const sent = await merchant.rescue(["submit", file, "--json"]);
    const rows = (await merchant.delivered()).flatMap(({ text }) => text.trimEnd().split("\n").slice(1));
    return { status: sent.status, document: sent.documents[0] ?? {}, rows: rows.map((row) => pick(row)) };
  }

  const pick = (row: string) => {
    const cells = row.split(",");
    return `${cells[5]} ${cells[9]} ${cells[10]} ${cells[15]}`;
  };

  const GOOD = ["o-1 1999 USD tok_o-1", "o-2 1999 USD tok_o-2"];
  const reshaped = (change: (lines: string[][]) => string): string =>
    change(
      exportOfCount(2)
        .trimEnd()
        .split("\n")
        .map((line) => line.split(",")),
    );

  const shapes: [what: string, content: string | Buffer][] = [
    [
      "columns in another order",
      reshaped((lines) => lines.map((cells) => `${cells.toReversed().join(",")}\n`).join("")),
    ],
    ["semicolons", reshaped((lines) => lines.map((cells) => `${cells.join(";")}\n`).join(""))],
    ["tabs and CRLF", reshaped((lines) => lines.map((cells) => `${cells.join("\t")}\r\n`).join(""))],
    ["a byte order mark", `\ufeff${exportOfCount(2)}`],
    ["UTF-16LE with its mark", Buffer.from(`\ufeff${exportOfCount(2)}`, "utf16le")],
    ["UTF-16BE with its mark", Buffer.from(`\ufeff${exportOfCount(2)}`, "utf16le").swap16()],
    [
      "every cell quoted",
      reshaped((lines) => lines.map((cells) => `${cells.map((cell) => `"${cell}"`).join(",")}\n`).join("")),
    ],
    ["no newline at the end", exportOfCount(2).trimEnd()],
    [
      "unknown columns, quoted line breaks in them",
      reshaped((lines) =>
        lines.map((cells, at) => `${[at === 0 ? "note" : '"two\r\nlines, one"', ...cells].join(",")}\n`).join(""),
      ),
    ],
  ];

  test.each(shapes)("%s: the same rebills arrive", async (_what, content) => {
    const merchant = await shared.make();
    const file = await merchant.writeExport("rebills.csv", content);

    const { status, rows, document } = await arrived(merchant, file);

    expect(rows).toEqual(GOOD);
    expect(status).toBe(0);
    expect(document).toMatchObject({ accepted: 2, rejected: 0 });
  });

  test("a CRM's own headers and minor units, by the config; a mapped column that is absent is a note", async () => {
    const merchant = await shared.make({
      acme: {
        columns: { order_id: "Order #", amount: "Amount (cents)", declined_at: "Failed At", card_brand: "Brand" },
        amount_unit: "minor",
      },
    });
    const header = EXPORT_HEADER.replace("order_id", '"Order #"')
      .replace("amount", "Amount (cents)")
      .replace("declined_at", "Failed At");
    const rows = [
      "o-1,t-1,s-1,c-1,2026-11-20T05:00:00Z,1999,USD,51,tok_o-1",
      "o-2,t-2,s-2,c-2,2026-11-20T05:00:00Z,1980,JPY,51,tok_o-2",
      "o-3,t-3,s-3,c-3,2026-11-20T05:00:00Z,12345,KWD,51,tok_o-3",
    ];
    const file = await merchant.writeExport("crm.csv", [header, ...rows, ""].join("\n"));

    const sent = await arrived(merchant, file);

    expect(sent.rows).toEqual(["o-1 1999 USD tok_o-1", "o-2 1980 JPY tok_o-2", "o-3 12345 KWD tok_o-3"]);
    expect(sent.document["files"][0].notes.join()).toContain('card_brand ("Brand")');
  });

  test("damage of every kind is named with row, line, column and code, all in one pass; the good rows are sent", async () => {
    const merchant = await shared.make({ acme: { policy: { max_reject_ratio: 1, max_amount: { USD: "100.00" } } } });
    const good = "t,s,c,2026-11-20T05:00:00Z,19.99,USD,51,tok";
    const row = (order: string, change: (cells: string[]) => void = () => {}) => {
      const cells = [order, ...good.split(",")];
      cells[1] = `t-${order}`;
      change(cells);
      return cells.join(",");
    };
    const set = (place: number, value: string) => (cells: string[]) => {
      cells[place] = value;
    };
    const rows: [code: string, column: string, text: string][] = [
      ["", "", row("ok-1")],
      ["missing", "payment_token", row("r1", set(8, ""))],
      ["malformed", "amount", row("r2", set(5, "1.5E+03"))],
      ["malformed", "amount", row("r3", set(5, '"19,99"'))],
      ["malformed", "order_id", row(" r4")],
      ["too_long", "customer_id", row("r5", set(3, "c".repeat(65)))],
      ["bad_currency", "currency", row("r6", set(6, "usd"))],
      ["amount_precision", "amount", row("r7", set(5, "19.999"))],
      ["amount_precision", "amount", row("r8", (cells) => Object.assign(cells, { 5: "19.5", 6: "JPY" }))],
      ["amount_not_positive", "amount", row("r9", set(5, "0.00"))],
      ["amount_not_positive", "amount", row("r10", set(5, "-5"))],
      ["amount_over_limit", "amount", row("r11", set(5, "100.01"))],
      ["not_declined", "decline_code", row("r12", set(7, "00"))],
      ["malformed", "decline_code", row("r13", set(7, "5"))],
      ["stale_decline", "declined_at", row("r14", set(4, "2026-11-18T23:59:59Z"))],
      ["future_decline", "declined_at", row("r15", set(4, "2026-11-20T06:05:01Z"))],
      ["malformed", "declined_at", row("r16", set(4, "20/11/2026"))],
      ["duplicate_in_file", "order_id", row("ok-1", set(1, "another"))],
      ["column_count", "", row("r18").split(",").slice(0, 8).join(",")],
      ["card_number", "payment_token", row("r19", set(8, AMEX.join("-")))],
      ["bad_quoting", "", row("r20", set(2, 'a"b'))],
      ["", "", row("ok-2")],
    ];
    const file = join(merchant.folder, "damaged.csv");
    await writeFile(file, [EXPORT_HEADER, ...rows.map(([, , text]) => text), ""].join("\n"));
    await appendFile(file, Buffer.concat([Buffer.from(row("r22").replace("t-r22", "t-")), Buffer.from([0xe9, 0x0a])]));

    const checked = await merchant.rescue(["validate", file, "--json"]);
    const sent = await merchant.rescue(["submit", file, "--json"]);

    expect(checked.status).toBe(3);
    const [found] = checked.documents[0]?.["files"] ?? [];
    expect(checked.documents[0]).toMatchObject({ type: "validation", schema: 1, merchant: "acme", exit_status: 3 });
    expect(found).toMatchObject({
      file,
      problem: null,
      rows: 23,
      accepted: 2,
      skipped: 0,
      rejected: 21,
      totals: [{ currency: "USD", count: 2, amount_minor: "3998" }],
      rejects_truncated: false,
    });
    const expected = rows
      .map(([code, column], at) => ({ row: at + 1, line: at + 2, column, code }))
      .filter(({ code }) => code !== "");
    // The broken byte stands in an id, which must be ASCII as well.
    const last = { row: 23, line: 24 };
    expected.push(
      { ...last, column: "", code: "bad_encoding" },
      { ...last, column: "payment_token", code: "malformed" },
    );
    expect(found.rejects.map(({ message: _message, ...place }: Json) => place)).toEqual(expected);
    expect(Object.keys(found.rejects[0])).toEqual(["row", "line", "column", "code", "message"]);
    expect(sent.status).toBe(3);
    expect(sent.documents[0]).toMatchObject({ accepted: 2, rejected: 21, batches: [{ rows: 2, state: "delivered" }] });
    // Each row has one fault, but for the last.
    const counts = sent.documents[0]?.["rejected_by_code"] ?? {};
    expect(Object.values<number>(counts).reduce((sum, count) => sum + count, 0)).toBe(22);
    expect(counts).toMatchObject({ malformed: 6, amount_precision: 2, amount_not_positive: 2, card_number: 1 });
  });

  test("a rejects file that was mended is an export like any other; what it does not mend is rejected again", async () => {
    const merchant = await shared.make({ acme: { policy: { max_reject_ratio: 1 } } });
    const rows = [{ order: "o-1" }, { order: "o-2", amount: "1.999" }, { order: "o-3", currency: "XXX" }];
    const sent = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOf(rows)), "--json"]);
    const path: string = sent.documents[0]?.["files"][0].rejects_file;
    const rejects = await readFile(path, "utf8");
    expect(rejects.split("\n")[0]).toBe(`reject_line,reject_codes,reject_message,${EXPORT_HEADER}`);
    expect(rejects.split("\n")[1]).toMatch(/^3,amount_precision,"?amount .*o-2,t-o-2,/);
    expect(path.startsWith(join(merchant.data, "rejects"))).toBe(true);

    await writeFile(path, rejects.replace("1.999", "1.99"));
    const again = await merchant.rescue(["submit", path, "--json"]);

    expect(again.documents[0]).toMatchObject({ accepted: 1, rejected: 1, rejected_by_code: { bad_currency: 1 } });
    const [, second] = await merchant.delivered();
    expect(second?.text.split("\n").slice(1).map(pick)[0]).toBe("o-2 199 USD tok_o-2");
    expect(await exists(path)).toBe(true);
  });

  test("validate asks neither server nor ledger, and --against-ledger knows what was sent", async () => {
    const merchant = await shared.make();
    const file = await merchant.writeExport("a.csv", exportOfCount(3));
    const logged = shared.server.log();

    const alone = await merchant.rescue(["validate", file, "--json"]);
    expect(alone).toMatchObject({ status: 0, stderr: "" });
    expect(shared.server.log()).toBe(logged);
    expect(await exists(merchant.data)).toBe(false);

    await merchant.rescue(["submit", file]);
    const [moved = ""] = await readdir(join(merchant.inbox, "processed"));
    const known = await merchant.rescue([
      "validate",
      "--against-ledger",
      "--json",
      join(merchant.inbox, "processed", moved),
    ]);
    expect(known.status).toBe(0);
    expect(known.documents[0]?.["files"]).toMatchObject([
      { rows: 3, accepted: 0, skipped: 3, skipped_by_code: { already_pending: 3 }, rejected: 0, totals: [] },
    ]);
    const words = await merchant.rescue(["validate", join(merchant.inbox, "processed", moved)]);
    expect(words.stdout).toContain(`${basename(moved)}: 3 rows, 3 accepted (USD 59.97), 0 skipped, 0 rejected`);
  });

  test("of more than a thousand faults a thousand are listed, and all are counted", async () => {
    const merchant = await shared.make();
    const rows = Array.from({ length: 1200 }, (_, index) => ({ order: `o-${index}`, amount: "0" }));
    const checked = await merchant.rescue(["validate", await merchant.writeExport("a.csv", exportOf(rows)), "--json"]);

    expect(checked.documents[0]?.["files"][0]).toMatchObject({ rejected: 1200, rejects_truncated: true });
    expect(checked.documents[0]?.["files"][0].rejects).toHaveLength(1000);
  });
});
