import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkResultFile, type ResultFileVerdict } from "../../src/profiles/check-results.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import type { ResultLine } from "../../src/profiles/row-decoder.ts";
import { readResults } from "../support/read-results.ts";

const FIXTURES = new URL("../../fixtures/results/", import.meta.url).pathname;
const HEADER = "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message";

/** What is expected of each fixture: the verdict, and what its rows say in short. */
const CASES: Record<string, { verdict: ResultFileVerdict; rows?: string[] }> = {
  "plain.csv": {
    verdict: "complete",
    rows: [
      "2 O-1001 sk-O-1001 APPROVED=rescued 1999 USD 2026-11-04T08:30:00.000Z 00 approved",
      "3 O-1002 sk-O-1002 DECLINED=unrescued 1999 USD 2026-11-04T08:30:00.000Z 51 insufficient funds",
      "4 O-1003 sk-O-1003 SUBMITTED=pending - - -  ",
    ],
  },
  "columns-in-another-order.csv": {
    verdict: "complete",
    rows: [
      "2 O-1001 sk-O-1001 APPROVED=rescued 1999 JPY 2026-11-04T08:30:00.250Z 00 ok",
      "3 O-1002 sk-O-1002 EXPIRED=unrescued 12500 KWD 2026-11-23T21:00:00.000Z  ",
    ],
  },
  "byte-order-mark.csv": {
    verdict: "complete",
    rows: ["2 O-1001 sk-O-1001 APPROVED=rescued 1999 USD 2026-11-04T08:30:00.000Z 00 "],
  },
  "header-in-other-case.csv": {
    verdict: "complete",
    rows: ["2 O-1001 sk-O-1001  approved =rescued 1999 USD 2026-11-04T08:30:00.000Z 00 "],
  },
  "quoted-cells.csv": {
    verdict: "complete",
    rows: [
      '2 O-1001 sk-O-1001 DECLINED=unrescued 1999 USD 2026-11-04T08:30:00.000Z 05 said "do not honour", twice, then hung up',
      "4 O-1002 sk-O-1002 APPROVED=rescued 2500 EUR 2026-11-04T09:00:00.000Z 00 Zoë 🎉",
    ],
  },
  "every-status-word.csv": {
    verdict: "complete",
    rows: [
      "2 APPROVED=rescued",
      "3 COMPLETED=rescued",
      "4 EXPIRED=unrescued",
      "5 DECLINED=unrescued",
      "6 CANCELLED=cancelled",
      "7 REFUNDED=refunded",
      "8 RETURNED=refunded",
      "9 SUBMITTED=pending",
      "10 PROCESSING=pending",
      "11 PENDING=pending",
    ],
  },
  "unknown-status-words.csv": {
    verdict: "complete",
    rows: ["2 CHARGEBACK=?", "3 On hold=?", "4 __proto__=?"],
  },
  "times-without-a-zone.csv": {
    verdict: "complete",
    rows: ["2 2026-11-04T08:30:00.000Z", "3 2026-11-04T08:30:00.500Z", "4 2026-11-04T06:30:00.000Z", "5 -"],
  },
  "blank-lines.csv": { verdict: "complete", rows: ["4 O-1001", "6 O-1002"] },
  "header-only.csv": { verdict: "complete", rows: [] },
  "session-key-only.csv": {
    verdict: "complete",
    rows: ["2  sk-77 APPROVED=rescued 1999 USD 2026-11-04T08:30:00.000Z 00 "],
  },
  "card-number-in-a-message.csv": {
    verdict: "complete",
    rows: [
      "2 O-1001 sk-O-1001 DECLINED=unrescued 1999 USD 2026-11-04T08:30:00.000Z 14 card 4111 11XX XXXX 1111 [31m is not valid",
    ],
  },
  "damaged-rows.csv": {
    verdict: "complete",
    rows: [
      "2 O-1001",
      "3 malformed: 7 columns, the header has 8",
      "4 malformed: 9 columns, the header has 8",
      "5 malformed: the amount is not a whole number of minor units",
      "6 malformed: the amount is not a whole number of minor units",
      "7 malformed: the amount is not a whole number of minor units",
      "8 malformed: the amount is blank, and the word means rescued",
      "9 malformed: the currency is blank, and the word means refunded",
      "10 malformed: the currency is not an active ISO 4217 code",
      "11 malformed: the time of processing is not an ISO 8601 instant",
      "12 malformed: the time of processing lies before the year 2000",
      "13 malformed: neither an order id nor a session key",
      "14 malformed: the status is blank",
      "15 malformed: the order id is not plain text of at most 128 characters",
      "16 malformed: a quote stands where none may (INVALID_OPENING_QUOTE)",
      "17 malformed: a quote stands where none may (CSV_INVALID_CLOSING_QUOTE)",
      "18 malformed: a quote stands where none may (CSV_INVALID_CLOSING_QUOTE)",
      "19 O-1018",
      "20 malformed: the order id is not plain text of at most 128 characters",
      "21 O-1020",
    ],
  },
  "empty.csv": { verdict: { incomplete: "it is empty" } },
  "header-unfinished.csv": { verdict: { incomplete: "its header is not finished" } },
  "row-unfinished.csv": { verdict: { incomplete: "its last row is not finished" } },
  "row-unfinished-within-quotes.csv": { verdict: { incomplete: "a quote is still open at its end" } },
  "quote-open-at-the-end.csv": { verdict: { incomplete: "a quote is still open at its end" } },
  "cut-within-a-character.csv": { verdict: { incomplete: "it ends within a character" } },
  "space-reserved.csv": {
    verdict: { incomplete: "it holds NUL bytes, as a file does that is still being written" },
  },
  "no-final-newline.csv": {
    verdict: { incomplete: "no final newline", unterminated: true },
    rows: ["2 O-1001", "3 O-1002"],
  },
  "no-final-newline-within-a-key.csv": {
    verdict: { incomplete: "no final newline, and its last column is a key" },
  },
  "other-columns.csv": {
    verdict: {
      notResults:
        "its header lacks orderId, orderSessionKey, status, amount, currency, processedAtUtc, responseCode, message",
    },
  },
  "column-twice.csv": { verdict: { notResults: "its header has amount more than once" } },
  "utf-16.csv": { verdict: { notResults: "it is UTF-16, not UTF-8" } },
  "latin-1.csv": { verdict: { notResults: "it is not UTF-8" } },
};

describe("result files in fixtures/results", () => {
  test("every fixture is expected, and every expectation has its fixture", () => {
    expect(readdirSync(FIXTURES).sort()).toEqual(Object.keys(CASES).sort());
  });

  test.each(Object.entries(CASES))("%s is judged and read as expected", async (name, { verdict, rows }) => {
    expect(await checkResultFile(flex, join(FIXTURES, name))).toEqual(verdict);
    if (rows === undefined) return;
    const lines = await readAll(flex, join(FIXTURES, name));
    expect(lines.map((line, index) => describeLike(rows[index] ?? "", line))).toEqual(rows);
  });
});

describe("other profiles", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rescue-results-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const save = async (text: string | Buffer): Promise<string> => {
    const path = join(folder, "results.csv");
    await writeFile(path, text);
    return path;
  };

  test("amounts in major units are read by the currency's own decimals", async () => {
    const major: Profile = { ...flex, results: { ...flex.results, amountUnit: "major", delimiter: ";" } };
    const row = (amount: string, currency: string) => `O-1;sk;DECLINED;${amount};${currency};;;`;
    const cells = [row("19.99", "USD"), row("1999", "JPY"), row("1.2345", "KWD"), row("0.00", "USD"), row("5", "")];
    const path = await save(`${HEADER.replaceAll(",", ";")}\n${cells.join("\n")}\n`);
    expect(
      (await readAll(major, path)).map((line) => ("malformed" in line ? line.malformed : line.amountMinor)),
    ).toEqual([
      1999,
      1999,
      "the amount is not a plain decimal in KWD",
      0,
      "an amount in major units, and no currency to read it by",
    ]);
  });

  test("a column that the profile does not name may be missing", async () => {
    const { message: _message, session_key: _key, ...columns } = flex.results.columns;
    const short: Profile = { ...flex, results: { ...flex.results, columns } };
    const path = await save("orderId,status,amount,currency,processedAtUtc,responseCode\nO-1,APPROVED,5,USD,,00\n");
    expect(await checkResultFile(short, path)).toBe("complete");
    expect(await readAll(short, path)).toMatchObject([{ orderId: "O-1", sessionKey: "", message: "" }]);
  });

  test("a file cut off at any byte is never complete, unless it ends behind a row", async () => {
    const bytes = await readFile(join(FIXTURES, "quoted-cells.csv"));
    const rowEnds = new Set([HEADER.length + 1, bytes.lastIndexOf('"O-1002"'), bytes.length]);
    for (let length = 0; length <= bytes.length; length++) {
      const verdict = await checkResultFile(flex, await save(bytes.subarray(0, length)));
      if (rowEnds.has(length)) expect(verdict, `${length} bytes`).toBe("complete");
      else expect(verdict, `${length} bytes`).toHaveProperty("incomplete");
    }
  });

  test("a file is judged by all of its bytes, wherever the pieces end in which it is read", async () => {
    const piece = 256 * 1024;
    const row = (message: string) => `O-1,sk,APPROVED,5,USD,,00,${message}\n`;
    const tricky = `${row("été 🎉")}${row('"said ""no"",\ntwice"')}`;
    const filler = row("x".repeat(992 - row("").length));
    for (let shift = 0; shift <= Buffer.byteLength(tricky); shift++) {
      const before = `${HEADER}\n`;
      const room = piece - shift - before.length;
      const pad = room - 992 * (Math.floor(room / 992) - 1);
      const begin = `${before}${filler.repeat(Math.floor(room / 992) - 1)}${row("y".repeat(pad - row("").length))}`;
      expect(begin.length + shift).toBe(piece);
      const judge = async (end: string) => checkResultFile(flex, await save(`${begin}${tricky}${end}`));
      expect(await judge(row("ok")), `${shift}`).toBe("complete");
      expect(await judge("O-2,sk,APPR")).toEqual({ incomplete: "its last row is not finished" });
      expect(await judge('O-2,sk,APPROVED,5,USD,,00,"o\n')).toEqual({ incomplete: "a quote is still open at its end" });
    }
  });

  test("a byte order mark belongs to no cell, quoted or not", async () => {
    const quoted = HEADER.replace(/[^,]+/g, '"$&"');
    expect(await checkResultFile(flex, await save(`\ufeff${quoted}\n`))).toBe("complete");
    expect(await checkResultFile(flex, await save(`\ufeff${HEADER}\n`))).toBe("complete");
  });

  test("a file of other bytes than text is told from one that is cut off", async () => {
    const text = Buffer.from(`${HEADER}\nO-1,sk,APPROVED,5,USD,,00,ok 🎉`);
    expect(await checkResultFile(flex, await save(text.subarray(0, -1)))).toEqual({
      incomplete: "it ends within a character",
    });
    for (const end of ["", "\n", "\nO-2"]) {
      const wrong = Buffer.concat([text.subarray(0, -1), Buffer.from(`x${end}`)]);
      expect(await checkResultFile(flex, await save(wrong))).toEqual({ notResults: "it is not UTF-8" });
    }
    expect(await checkResultFile(flex, await save(Buffer.concat([text, Buffer.from("\n\0\0")])))).toHaveProperty(
      "incomplete",
    );
  });

  test("a stray quote costs its line only, however many rows stand behind it", async () => {
    const good = Array.from({ length: 5000 }, (_, index) => `O-${index},sk,APPROVED,5,USD,,00,ok`);
    const path = await save(`${HEADER}\nO-bad,sk,APPROVED,5,USD,,00,"never closed\n${good.join("\n")}\n`);
    expect(await checkResultFile(flex, path)).toBe("complete");
    const lines = await readAll(flex, path);
    expect(lines.filter((line) => "malformed" in line)).toEqual([
      { line: 2, malformed: "a quote is opened and never closed" },
    ]);
    expect(lines).toHaveLength(5001);
    expect(lines.at(-1)).toMatchObject({ line: 5002, orderId: "O-4999" });
  });

  test("a line of another kind of file does not fill the memory", async () => {
    const path = await save(`${HEADER}\n${"x".repeat(3 * 1024 * 1024)}`);
    expect(await checkResultFile(flex, path)).toEqual({ notResults: "a line is longer than 1 MiB" });
  });

  test("what csv-stringify writes is read back cell for cell, at its physical line", async () => {
    const cell = fc.stringMatching(/^[a-z ",\n;é🎉]{0,12}$/u);
    await fc.assert(
      fc.asyncProperty(
        fc.array(cell, { minLength: 1, maxLength: 30 }),
        fc.constantFrom("\n", "\r\n"),
        async (cells, end) => {
          const rows = cells.map((message, index) => [`O-${index}`, "sk", "APPROVED", "5", "USD", "", "00", message]);
          const path = await save(
            stringify([HEADER.split(","), ...rows], { record_delimiter: end, quote_record_delimiter: true }),
          );
          expect(await checkResultFile(flex, path)).toBe("complete");
          const lines = await readAll(flex, path);
          let line = 2;
          const expected = cells.map((message, index) => {
            const at = line;
            line += 1 + message.split("\n").length - 1;
            return { line: at, orderId: `O-${index}`, message: message.replace(/\n+/g, " ") };
          });
          expect(lines).toMatchObject(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});

async function readAll(profile: Profile, path: string): Promise<ResultLine[]> {
  return Array.fromAsync(readResults(profile, path));
}

/** As much of the line as the expectation speaks of. */
function describeLike(expected: string, line: ResultLine): string {
  if ("malformed" in line) return `${line.line} malformed: ${line.malformed}`;
  const { orderId, sessionKey, rawStatus, status, amountMinor, currency, processedAt, responseCode, message } = line;
  const word = `${rawStatus}=${status ?? "?"}`;
  const time = processedAt === undefined ? "-" : new Date(processedAt).toISOString();
  const whole = [
    line.line,
    orderId,
    sessionKey,
    word,
    amountMinor ?? "-",
    currency || "-",
    time,
    responseCode,
    message,
  ];
  const short = [whole.join(" "), `${line.line} ${orderId}`, `${line.line} ${word}`, `${line.line} ${time}`];
  return short.find((text) => text === expected) ?? (short[0] as string);
}
