import { createHash } from "node:crypto";
import { appendFile, chmod, mkdir, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COLUMNS } from "../../src/domain/columns.ts";
import { readExport } from "../../src/intake/read-export.ts";
import {
  decodePage,
  goodRow,
  makeFolder,
  NOW,
  POLICY,
  readAll,
  readText,
  SHAPE,
  toCsv,
  writeExport,
} from "./read-all.ts";

const VISA = "4111111111111111";

/** Seconds; whole ones, which every file system can set back exactly. */
const LONG_AGO = 1_700_000_000;

describe("the file as a whole", () => {
  test("its sha256 and size are those of its own bytes, whatever its encoding", async () => {
    const bytes = Buffer.from(`\ufeff${toCsv([goodRow(1)], "\t", "\r\n")}`, "utf16le");
    const read = await readText(bytes);
    expect(read.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(read.sizeBytes).toBe(bytes.length);
    expect(read.accepted).toBe(1);
  });

  test.each([
    ["nothing", ""],
    ["only a byte order mark", "\ufeff"],
    ["only blank lines", "\n\r\n\n"],
  ])("%s in it is an empty export", async (_, text) => {
    await expect(readText(text)).rejects.toMatchObject({ code: "export_empty" });
  });

  test("a header and no rows is zero rows, with or without a line end", async () => {
    for (const text of [toCsv([]), toCsv([]).trimEnd()]) {
      expect(await readText(text)).toMatchObject({ rows: 0, accepted: 0, rejected: 0, totals: [] });
    }
  });

  test("a folder, a file that is not there and one that may not be read are unreadable", async () => {
    const folder = await makeFolder();
    await expect(readAll(folder)).rejects.toMatchObject({ code: "export_unreadable" });
    await expect(readAll(join(folder, "none.csv"))).rejects.toMatchObject({ code: "export_unreadable" });
    await expect(readAll("/dev/null")).rejects.toMatchObject({ code: "export_unreadable" });
    if (process.getuid?.() === 0) return; // root reads everything
    const closed = join(folder, "closed.csv");
    await writeFile(closed, toCsv([]));
    await chmod(closed, 0);
    await expect(readAll(closed)).rejects.toMatchObject({ code: "export_unreadable" });
  });

  test.each([
    ["an Excel workbook", [0x50, 0x4b, 0x03, 0x04, 0x14, 0x00]],
    ["a gzip file", [0x1f, 0x8b, 0x08, 0x00]],
  ])("%s is named as such", async (words, bytes) => {
    const reading = readText(Buffer.from(bytes));
    await expect(reading).rejects.toMatchObject({ code: "export_unreadable", message: expect.stringContaining(words) });
  });

  test("a first line that never ends is unreadable, not a matter of memory", async () => {
    await expect(readText("x".repeat(5_000_000))).rejects.toMatchObject({ code: "export_unreadable" });
  });

  test.each([
    ["grows", (path: string) => appendFile(path, toCsv([goodRow("late")]).split("\n")[1] ?? "")],
    [
      "grows, though its time is set back,",
      async (path: string) => {
        await appendFile(path, "R-2");
        await utimes(path, LONG_AGO, LONG_AGO);
      },
    ],
    ["is written again", (path: string) => writeFile(path, toCsv([goodRow("other")]))],
    [
      "is replaced by one of the same size",
      async (path: string) => {
        await writeFile(`${path}.new`, toCsv([goodRow(2)]));
        await rename(`${path}.new`, path);
      },
    ],
  ])("a file that %s while it is read has changed", async (_, change) => {
    const path = await writeExport(toCsv([goodRow(1)]));
    await utimes(path, LONG_AGO, LONG_AGO);
    const reading = readExport(
      path,
      { shape: SHAPE, policy: POLICY, now: NOW },
      {
        accepted: () => change(path),
        skipped: async () => {},
        rejected: async () => {},
      },
    );
    await expect(reading).rejects.toMatchObject({ code: "export_changed" });
  });

  test("what a sink throws comes out, and the file is closed", async () => {
    const path = await writeExport(toCsv([goodRow(1)]));
    const reading = readExport(
      path,
      { shape: SHAPE, policy: POLICY, now: NOW },
      {
        accepted: async () => {
          throw new Error("the disk is full");
        },
        skipped: async () => {},
        rejected: async () => {},
      },
    );
    await expect(reading).rejects.toThrow("the disk is full");
  });
});

describe("form", () => {
  test("a plain file has no notes", async () => {
    expect((await readText(toCsv([goodRow(1)]))).notes).toEqual([]);
  });

  test.each([
    ["a byte order mark", `\ufeff${toCsv([goodRow(1)])}`, "byte order mark"],
    ["semicolons", toCsv([goodRow(1)], ";"), "semicolons"],
    ["tabs", toCsv([goodRow(1)], "\t"), "tabs"],
    ["lone carriage returns", toCsv([goodRow(1)], ",", "\r"), "carriage return"],
    ["no last line end", toCsv([goodRow(1)]).trimEnd(), "no line end"],
    ["unknown columns", toCsv([goodRow(1, { campaign: "x" })]), '"campaign"'],
  ])("%s is understood and noted", async (_, text, words) => {
    const read = await readText(text);
    expect(read.accepted).toBe(1);
    expect(read.notes.join("\n")).toContain(words);
    expect(read.notes).toHaveLength(1);
  });

  test("CRLF and LF are the same file to us, line by line", async () => {
    const rows = [goodRow(1, { city: "a\nb" }), goodRow(2, { amount: "x" })];
    const [lf, crlf] = await Promise.all([readText(toCsv(rows)), readText(toCsv(rows, ",", "\r\n"))]);
    expect(crlf.acceptedRows).toEqual(lf.acceptedRows);
    expect(crlf.rejects).toEqual(lf.rejects);
    expect(lf.rejects).toEqual(["2 4 amount malformed"]);
  });

  test("lines and rows are counted through quoted line breaks and blank lines", async () => {
    const [header, first, second] = toCsv([goodRow(1), goodRow(2, { amount: "0" })]).split("\n");
    const withBreak = first?.replace("cus_1", '"cus\n\n1"');
    const read = await readText([header, "", withBreak, "", "", second, ""].join("\n"));
    expect(read.rejects).toEqual(["1 3 customer_id malformed", "2 8 amount amount_not_positive"]);
    expect(read.rows).toBe(2);
  });

  test("a canonical column that the config maps is found under its own header only", async () => {
    const text = toCsv([goodRow(1, { order_id: "wrong", "Order No": "R-9" })]);
    const read = await readText(text, { shape: { columns: { order_id: "Order No" } } });
    expect(read.acceptedRows[0]?.rebill.orderId).toBe("R-9");
    expect(read.notes).toEqual(['columns that are not used: "order_id"']);
  });

  test("a mapped column that the file does not have is missing if it is required, else noted", async () => {
    const required = readText(toCsv([goodRow(1)]), { shape: { columns: { order_id: "Order No" } } });
    await expect(required).rejects.toMatchObject({
      code: "columns_missing",
      message: expect.stringContaining("Order No"),
    });
    const optional = await readText(toCsv([goodRow(1)]), { shape: { columns: { expires_at: "Retry until" } } });
    expect(optional.notes).toEqual([
      'columns named in the config that the file does not have: expires_at ("Retry until")',
    ]);
  });

  test("all missing columns are named, each with the nearest header, and no value of a file without a header is shown", async () => {
    const text = toCsv([goodRow(1)])
      .replace("order_id", "Order-ID")
      .replace("declined_at", "when")
      .replace("amount", "amuont");
    await expect(readText(text)).rejects.toMatchObject({
      message: expect.stringMatching(/order_id, nearest is "Order-ID"; declined_at; amount, nearest is "amuont"$/),
    });
    const headless = `R-1,txn_1,${VISA},jane@example.com,jane@example.com\n`;
    const error = await readText(headless).catch((error: Error) => error);
    expect(error).toMatchObject({ code: "columns_missing" });
    expect(String(error)).not.toMatch(/jane|4111|txn_1/);
  });

  test.each([
    "cvv",
    "CVC",
    "Cvv2",
    "cvc-2",
    "CID",
    "csc",
    "Security Code",
    "card_code",
    "verification.value",
    "card_cvv",
    "CVV Number",
  ])("a column %j stops the file", async (name) => {
    await expect(readText(toCsv([goodRow(1, { [name]: "" })]))).rejects.toMatchObject({ code: "cvv_column" });
  });

  test.each([
    "cvv_result",
    "CVV Response",
    "cvc_status",
    "csc-result",
    "click_id",
    "customer_cid",
    "cidr",
    "security_codes_sent",
  ])("a column %j does not", async (name) => {
    expect((await readText(toCsv([goodRow(1, { [name]: "M" })]))).accepted).toBe(1);
  });

  test("columns without a name are no duplicates", async () => {
    const [header, row] = toCsv([goodRow(1)]).split("\n");
    const read = await readText(`${header},,\n${row},,\n`);
    expect(read.accepted).toBe(1);
    expect(read.notes).toEqual(["columns that are not used: (without a name), (without a name)"]);
  });
});

describe("accepted rows", () => {
  test("values are taken as they are; absent ones are absent; defaults are filled in", async () => {
    const read = await readText(toCsv([goodRow(1, { city: " São Paulo ", first_name: "", state: "=1+1" })]));
    expect(read.acceptedRows).toEqual([
      {
        row: 1,
        line: 2,
        rebill: {
          orderId: "R-1",
          transactionId: "txn_1",
          subscriptionId: "sub_1",
          customerId: "cus_1",
          declinedAt: Date.parse("2026-11-20T22:15:00Z"),
          amountMinor: 1999,
          currency: "USD",
          declineCode: "51",
          declineCodeSource: "iso8583",
          paymentToken: "tok_1",
          city: " São Paulo ",
          state: "=1+1",
          expiresAt: Date.parse("2026-12-11T22:15:00Z"),
          attempt: 1,
        },
      },
    ]);
  });

  test("totals are per currency, exact, and of accepted rows only", async () => {
    const rows = [
      goodRow(1),
      goodRow(2, { amount: "0.01" }),
      goodRow(3, { currency: "KWD", amount: "1.005" }),
      goodRow(4, { amount: "0" }),
    ];
    expect((await readText(toCsv(rows))).totals).toEqual([
      { currency: "KWD", count: 1, amountMinor: 1005n },
      { currency: "USD", count: 2, amountMinor: 2000n },
    ]);
  });

  test("many rows come in pages of at most a thousand, in the order of the file, and each page is awaited", async () => {
    const rows = Array.from({ length: 3_500 }, (_, at) => goodRow(at));
    const path = await writeExport(toCsv(rows));
    const pages: number[] = [];
    const orders: string[] = [];
    let isBusy = false;
    await readExport(
      path,
      { shape: SHAPE, policy: POLICY, now: NOW },
      {
        accepted: async (page) => {
          expect(isBusy).toBe(false);
          isBusy = true;
          await new Promise((resolve) => setImmediate(resolve));
          isBusy = false;
          pages.push(page.length);
          orders.push(...decodePage(page).map(({ rebill }) => rebill.orderId));
        },
        skipped: async () => {},
        rejected: async () => {},
      },
    );
    expect(Math.max(...pages)).toBeLessThanOrEqual(1000);
    expect(orders).toEqual(rows.map(({ order_id }) => order_id));
  });

  test("a US postal code of four digits is a note, not an error", async () => {
    const read = await readText(
      toCsv([goodRow(1, { country: "US", postal_code: "2134" }), goodRow(2, { country: "AT", postal_code: "1010" })]),
    );
    expect(read.accepted).toBe(2);
    expect(read.notes.join()).toContain("1 US postal codes");
  });
});

describe("rules", () => {
  const judge = async (cells: Record<string, string>, overrides = {}): Promise<string[]> => {
    const read = await readText(toCsv([goodRow(1, cells)]), overrides);
    return read.rejectedRows.flatMap(({ problems }) => problems.map(({ column, code }) => `${column} ${code}`));
  };

  test("everything wrong with a row is found in one pass", async () => {
    const cells = {
      order_id: "R 1",
      amount: "1.999",
      currency: "usd",
      decline_code: "00",
      declined_at: "2026-01-01T00:00:00Z",
      card_exp_month: "13",
      plan: VISA,
    };
    expect(await judge(cells)).toEqual([
      "plan card_number",
      "order_id malformed",
      "declined_at stale_decline",
      "currency bad_currency",
      "decline_code not_declined",
      "card_exp_month malformed",
      "card_exp_year missing",
    ]);
  });

  test("age is counted in calendar days of the merchant's zone, over both changes of the clock", async () => {
    const at = (declined_at: string, now: string) =>
      judge({ declined_at }, { now: Date.parse(now), policy: { maxAgeDays: 1 } });
    // 00:30 in New York: yesterday began 24.5 hours ago.
    expect(await at("2026-11-20T05:00:00Z", "2026-11-21T05:30:00Z")).toEqual([]);
    expect(await at("2026-11-20T04:59:59Z", "2026-11-21T05:30:00Z")).toEqual(["declined_at stale_decline"]);
    // The day of 25 hours, seen from the last minute of the day after it.
    expect(await at("2026-11-01T04:00:00Z", "2026-11-03T04:59:00Z")).toEqual([]);
    expect(await at("2026-11-01T03:59:59Z", "2026-11-03T04:59:00Z")).toEqual(["declined_at stale_decline"]);
    // The day of 23 hours.
    expect(await at("2026-03-08T05:00:00Z", "2026-03-10T03:59:00Z")).toEqual([]);
    expect(await at("2026-03-08T04:59:59Z", "2026-03-10T03:59:00Z")).toEqual(["declined_at stale_decline"]);
  });

  test("a missed night is taken with its own max age", async () => {
    const cells = { declined_at: "2026-11-18T12:00:00Z" };
    expect(await judge(cells)).toEqual(["declined_at stale_decline"]);
    expect(await judge(cells, { maxAgeDays: 3 })).toEqual([]);
    expect(await judge(cells, { maxAgeDays: 2 })).toEqual(["declined_at stale_decline"]);
  });

  test("an ancient date is stale, however its year is written", async () => {
    expect(await judge({ declined_at: "0020-11-20T12:00:00Z" })).toEqual(["declined_at stale_decline"]);
  });

  test("a default window that is already over is too short, even where the age is allowed", async () => {
    expect(await judge({ declined_at: "2026-10-25T12:00:00Z" }, { maxAgeDays: 60 })).toEqual([
      "expires_at window_too_short",
    ]);
  });

  test("a window that ends now is over", async () => {
    const cells = { declined_at: "2026-10-25T12:00:00Z", expires_at: new Date(NOW).toISOString() };
    expect(await judge(cells, { maxAgeDays: 60 })).toEqual(["expires_at window_too_short"]);
    const later = { ...cells, expires_at: new Date(NOW + 1).toISOString() };
    expect(await judge(later, { maxAgeDays: 60 })).toEqual([]);
  });

  test("five minutes of skew are allowed, to the millisecond", async () => {
    const limit = NOW + 5 * 60_000;
    expect(await judge({ declined_at: new Date(limit).toISOString() })).toEqual([]);
    expect(await judge({ declined_at: new Date(limit + 1).toISOString() })).toEqual(["declined_at future_decline"]);
  });

  test("a policy may send what is never to be retried", async () => {
    const stolen = goodRow(1, { decline_code: "43" });
    expect((await readText(toCsv([stolen]))).skippedByCode).toEqual({ never_retry: 1 });
    expect((await readText(toCsv([stolen]), { policy: { neverRetry: "send" } })).accepted).toBe(1);
  });

  test("a row's own code source wins over the config's", async () => {
    const row = goodRow(1, { decline_code: "12", decline_code_source: "visa" });
    expect((await readText(toCsv([row]))).skipped).toBe(1);
    expect((await readText(toCsv([goodRow(1, { decline_code: "12" })]))).skipped).toBe(0);
    expect(
      (await readText(toCsv([goodRow(1, { decline_code: "12" })]), { shape: { declineCodeSource: "visa" } })).skipped,
    ).toBe(1);
  });

  test("a rejected row claims no identity: its mended copy further down is taken", async () => {
    const read = await readText(toCsv([goodRow(1, { amount: "x" }), goodRow(1), goodRow(1)]));
    expect(read.acceptedRows.map(({ row }) => row)).toEqual([2]);
    expect(read.rejectedRows[1]?.problems[0]?.message).toContain("line 3");
  });

  test("problems are counted by code, rows once", async () => {
    const read = await readText(toCsv([goodRow(1, { order_id: "", customer_id: "" }), goodRow(2)]));
    expect(read).toMatchObject({ rows: 2, rejected: 1, rejectedByCode: { missing: 2 } });
  });

  test("a limit counts characters as people do", async () => {
    expect(await judge({ decline_message: "😀".repeat(256) })).toEqual([]);
    expect(await judge({ decline_message: "😀".repeat(257) })).toEqual(["decline_message too_long"]);
  });

  test.each([
    ["amount", "19,99", "decimal comma"],
    ["amount", "1,234.56", "thousands"],
    ["amount", "1.234,56", "thousands"],
    ["amount", "1E+15", "1E+15"],
    ["amount", "$19.99", "more than a number"],
    ["amount", " 19.99", "spaces"],
    ["amount", "19.999", "3 decimals; USD takes 2"],
    ["currency", "eur", "capitals"],
    ["currency", "USD ", "spaces"],
    ["transaction_id", "1.23457E+15", "1E+15"],
    ["order_id", "4E+11", "1E+15"],
    ["order_id", "R-1 ", "spaces"],
    ["declined_at", "2026-11-20T10:00:00", "time zone"],
    ["declined_at", "2026-11-20", "time of day"],
    ["declined_at", "11/20/26 22:15", "spreadsheet"],
    ["decline_code", "4", "dropped the zero"],
    ["advice_code", "1", "dropped the zeros"],
    ["card_last4", "42", "dropped the zeros"],
    ["card_bin", "42424x", "only digits, 6 to 8"],
    ["country", "us", "capitals"],
    ["country", "USA", "two capital letters"],
    ["city", "a\u0000b", "control characters"],
    ["payment_token", "411111XXXXXX1111", "masked card number"],
    ["attempt", "1.0", "whole number"],
  ])("%s %j is explained: %s", async (column, value, words) => {
    const read = await readText(toCsv([goodRow(1, { [column]: value })]));
    const [problem] = read.rejectedRows[0]?.problems ?? [];
    expect(problem?.column).toBe(column);
    expect(problem?.message).toContain(words);
    expect(problem?.message.startsWith(`${column} `)).toBe(true);
  });

  test("a mapped column is named in both words", async () => {
    const row = goodRow(1);
    const { amount: _, ...rest } = row;
    const read = await readText(toCsv([{ ...rest, Total: "x" }]).replace(",amount,", ",old,"), {
      shape: { columns: { amount: "Total" } },
    });
    expect(read.rejectedRows[0]?.problems[0]).toMatchObject({
      column: "amount",
      message: expect.stringContaining('amount ("Total")'),
    });
  });

  test("no message ever holds a cell's value", async () => {
    const names = COLUMNS.map(({ name }) => name);
    const anyValue = fc.stringMatching(/^[QWZ]{3}[A-Za-z0-9 +,.é/-]{2,12}$/);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), anyValue, async (column, value) => {
        const read = await readText(toCsv([goodRow(1, { [column]: value })]));
        for (const { problems } of read.rejectedRows) {
          for (const { message } of problems) expect(message).not.toContain(value);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("card numbers", () => {
  const PAN = "5555 5555 5555 4444";

  test("are found in every cell of every column, ours or not, and the value is in no message", async () => {
    const columns = [...COLUMNS.map(({ name }) => name), "plan"];
    for (const column of columns) {
      const read = await readText(toCsv([goodRow(1, { [column]: VISA })]));
      expect(read.rejects, column).toContain(`1 2 ${column} card_number`);
      expect(read.heldCardNumber).toBe(true);
      expect(JSON.stringify(read.rejectedRows)).not.toContain(VISA);
    }
  });

  test("are found and masked in rows that cannot be split", async () => {
    for (const row of [`R-1,${VISA}`, `R-1,"x"x,${PAN},`, `"R-1,\n${VISA}`]) {
      const read = await readText(`${toCsv([])}${row}\n`);
      expect(read.rejectedByCode.card_number).toBe(1);
      expect(read.heldCardNumber).toBe(true);
      expect(JSON.stringify(read.rejectedRows)).not.toMatch(new RegExp(`${VISA}|${PAN}`));
    }
  });

  test("a column that only looks so is exempt, by our name or by the export's", async () => {
    for (const name of ["transaction_id", "Txn"]) {
      const text = toCsv([goodRow(1, { transaction_id: VISA, city: "x" })]).replace("transaction_id", "Txn");
      const shape = { columns: { transaction_id: "Txn" } };
      const read = await readText(text, { shape, policy: { notCardNumbers: [name] } });
      expect(read).toMatchObject({ accepted: 1, heldCardNumber: false });
    }
    const other = await readText(toCsv([goodRow(1, { city: VISA })]), {
      policy: { notCardNumbers: ["transaction_id"] },
    });
    expect(other.rejects).toEqual(["1 2 city card_number"]);
  });

  test("good rows of such a file are still accepted", async () => {
    const read = await readText(toCsv([goodRow(1), goodRow(2, { payment_token: VISA }), goodRow(3)]));
    expect(read).toMatchObject({ accepted: 2, rejected: 1, heldCardNumber: true });
  });
});

test("a folder with the name of an export is not read", async () => {
  const path = join(await makeFolder(), "export.csv");
  await mkdir(path);
  await expect(readAll(path)).rejects.toMatchObject({ message: expect.stringContaining("it is a folder") });
});
