/** The fast path accepts only what the truth accepts, with the same values; and what comes out does not tell which way was taken. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AcceptedPage } from "../../../src/domain/accepted-page.ts";
import type { IntakePath } from "../../../src/domain/intake-path.ts";
import { SeenIds } from "../../../src/intake/duplicates.ts";
import { type Check, handedOver } from "../../../src/intake/fast/checks.ts";
import { readHeader } from "../../../src/intake/header.ts";
import { parseRecords } from "../../../src/intake/parse-records.ts";
import { readAll } from "../../../src/intake/read-export.ts";
import { openRecords } from "../../../src/intake/read-records.ts";
import { RowReader } from "../../../src/intake/row-reader.ts";
import { RowTally } from "../../../src/intake/row-tally.ts";
import { goodRow, NOW, POLICY, SHAPE, toCsv } from "../read-all.ts";
import { anyFile, STRAINS } from "./files.ts";

interface Read {
  /** Everything that left the intake, in its order. */
  readonly events: readonly string[];
  readonly counts: string;
  readonly isUnended: boolean;
  readonly notes: readonly string[];
  readonly heldCardNumber: boolean;
  /** Rows that the truth was asked about. */
  readonly judged: number;
}

const RULES = { shape: SHAPE, policy: POLICY, now: NOW, maxAgeDays: POLICY.maxAgeDays };

/** The bytes in pieces of these sizes, the last size again and again. */
async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const size = Math.max(1, sizes[Math.min(piece, sizes.length - 1)] ?? bytes.length);
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    yield chunk;
    // Its memory is used again, as ExportFile does.
    chunk.fill("!");
    at += size;
  }
}

/** Without `keepsRows` nobody asks for the accepted rows, as with `validate`. */
async function readAs(
  path: IntakePath,
  bytes: Buffer,
  sizes: readonly number[],
  rules = RULES,
  keepsRows = true,
): Promise<Read> {
  const records = await openRecords(pieces(bytes, sizes), "test.csv");
  if (!records) throw new Error("no header");
  const [cells = []] = parseRecords([records.header.bytes.toString("utf8")], records.dialect);
  const { delimiter } = records.dialect;
  const header = readHeader(cells, rules.shape, { path: "test.csv", delimiter, hasByteOrderMark: false });
  const events: string[] = [];
  const accepted = async (page: AcceptedPage) => {
    for (let at = 0; at < page.length; at++) {
      const row = page.rows.bytes.toString("utf8", page.rows.start(at), page.rows.ends[at]);
      events.push(`accepted ${JSON.stringify(page.placeOf(at))} ${row}`);
    }
  };
  const tally = new RowTally({
    ...(keepsRows ? { accepted } : {}),
    skipped: async (rows) => void events.push(...rows.map((row) => `skipped ${JSON.stringify(row)}`)),
    rejected: async ({ header: _, ...row }) => void events.push(`rejected ${JSON.stringify(row)}`),
  });
  const seen = new SeenIds();
  const reader = new CountingReader(header, rules, records.dialect, seen);
  const job = { records, reader, rules, seen, tally, intakePath: path, totalBytes: bytes.length };
  const isUnended = await readAll(job);
  const counts = JSON.stringify(tally.summary(), (_, value) => (typeof value === "bigint" ? `${value}` : value));
  // Rows of each kind keep their order; kinds are handed on when their page is full.
  events.sort((left, right) => (left.split(" ")[0] ?? "").localeCompare(right.split(" ")[0] ?? ""));
  const { heldCardNumber, judged } = reader;
  return { events, counts, isUnended, notes: reader.notes(), heldCardNumber, judged };
}

class CountingReader extends RowReader {
  judged = 0;

  override judge(...given: Parameters<RowReader["judge"]>): ReturnType<RowReader["judge"]> {
    this.judged += given[0].length;
    return super.judge(...given);
  }
}

const isNoAccepted = (event: string) => !event.startsWith("accepted");
/** What there is to know where accepted rows are only counted. */
const counted = (read: Read) => ({ ...withoutWork(read), events: read.events.filter(isNoAccepted) });
const withoutWork = ({ judged: _, ...read }: Read) => read;
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 });

describe("the fast path", () => {
  test("gives what the truth gives, whatever the file, its damage, and how it was cut into pieces", async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, sizes, async ({ bytes }, cuts) => {
        const truth = await readAs("truth", bytes, [1 << 30]);
        expect(withoutWork(await readAs("one_thread", bytes, cuts))).toEqual(withoutWork(truth));
      }),
      { numRuns: Number(process.env["RESCUE_FUZZ_RUNS"] ?? 300) },
    );
  }, 120_000);

  test("counts the same where nobody wants the accepted rows", async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, sizes, async ({ bytes }, cuts) => {
        const truth = counted(await readAs("truth", bytes, [1 << 30]));
        expect(withoutWork(await readAs("one_thread", bytes, cuts, RULES, false))).toEqual(truth);
        expect(withoutWork(await readAs("truth", bytes, cuts, RULES, false))).toEqual(truth);
      }),
      { numRuns: Number(process.env["RESCUE_FUZZ_RUNS"] ?? 100) },
    );
  }, 120_000);

  test("every strain of a cell is decided as the truth decides it, in every form of file", async () => {
    const handedOver: Record<string, string> = {};
    for (const { name, column, cell } of STRAINS) {
      for (const [delimiter, newline] of [
        [",", "\n"],
        [";", "\r\n"],
      ] as const) {
        const rest = column === "card_exp_month" ? { card_exp_year: "2030" } : { card_exp_month: "4" };
        const pair = column.startsWith("card_exp") ? rest : {};
        const rows = [goodRow(1), goodRow(2, { ...pair, [column]: cell }), goodRow(3)];
        const bytes = Buffer.from(toCsv(rows, delimiter, newline));
        const truth = await readAs("truth", bytes, [1 << 30]);
        const fast = await readAs("one_thread", bytes, [1 << 30]);
        expect(withoutWork(fast), name).toEqual(withoutWork(truth));
        // A pair that is missing in the other rows makes these odd as well.
        const isRight = truth.events.every((event) => event.startsWith("accepted"));
        handedOver[name] =
          fast.judged === 0 ? "decided" : isRight ? "handed over, and right" : "handed over, and wrong";
      }
    }
    const tally = Object.values(handedOver).reduce<Record<string, number>>((sums, word) => {
      sums[word] = (sums[word] ?? 0) + 1;
      return sums;
    }, {});
    // The coverage figure: what the fast path decides alone, and what it leaves to the truth.
    process.stdout.write(`fast path, by strain of a cell: ${JSON.stringify(tally)}\n`);
    expect(tally["handed over, and wrong"]).toBeGreaterThan(100);
    expect(tally["decided"]).toBeGreaterThan(50);
    expect(tally["handed over, and right"] ?? 0).toBeLessThan(25);
  });

  test("each of its checks decides somewhere in the generated and mutated files, and is counted", async () => {
    const before = { ...handedOver };
    const strained = STRAINS.map(({ column, cell }) =>
      Buffer.from(toCsv([goodRow(1), goodRow(2, { [column]: cell })])),
    );
    const latin = Buffer.from(toCsv([goodRow(1, { first_name: "Zoë" })]), "latin1");
    const generated = fc.sample(anyFile, 1000).map(({ bytes }) => bytes);
    for (const bytes of [...strained, latin, ...generated]) await readAs("one_thread", bytes, [1 << 30]);
    const figures = Object.entries(handedOver).map(
      ([check, count]) => [check, count - before[check as Check]] as const,
    );
    process.stdout.write(`fast path, rows handed over by check: ${JSON.stringify(Object.fromEntries(figures))}\n`);
    expect(figures.filter(([, count]) => count === 0)).toEqual([]);
  });

  test("plain rows never reach the truth", async () => {
    const rows = Array.from({ length: 500 }, (_, at) =>
      goodRow(at, {
        first_name: "Zoë",
        address1: "1 Main St, Apt 4",
        expires_at: "2026-12-12T17:15:00-05:00",
        amount: "5",
      }),
    );
    expect((await readAs("one_thread", Buffer.from(toCsv(rows)), [1 << 30])).judged).toBe(0);
  });

  test("amounts in minor units, another source of codes, a limit and exempt columns are obeyed", async () => {
    const rules = {
      ...RULES,
      shape: { columns: {}, amountUnit: "minor" as const },
      policy: { ...POLICY, neverRetry: "send" as const, notCardNumbers: ["address1"], maxAmountMinor: { JPY: 100 } },
    };
    const rows = ["5", "05", "1999", "19.99", "0", "100", "101"].flatMap((amount, at) => [
      goodRow(`a${at}`, { amount, address1: "4111111111111111", decline_code: "41" }),
      goodRow(`b${at}`, { amount, currency: "JPY", city: "4111111111111111" }),
      goodRow(`c${at}`, { amount, currency: "JPY" }),
    ]);
    const bytes = Buffer.from(toCsv(rows));
    const truth = await readAs("truth", bytes, [1 << 30], rules);
    expect(withoutWork(await readAs("one_thread", bytes, [100], rules))).toEqual(withoutWork(truth));
    expect(truth.events.filter((event) => event.startsWith("accepted")).length).toBeGreaterThan(5);
  });
});

describe("a column of the file that serves two of ours", () => {
  const head =
    "transaction_id,subscription_id,customer_email,country,declined_at,amount,currency,decline_code,payment_token";
  const line = (cells: Readonly<Record<string, string>>) =>
    head
      .split(",")
      .map((name) => cells[name] ?? { ...goodRow(1), country: "US", customer_email: "a@b.c" }[name] ?? "")
      .join(",");
  const fields: fc.Arbitrary<string> = fc.constantFrom(
    ...[
      "",
      "o-1",
      "order 1/x?",
      "é@b.c",
      "a b",
      "1",
      "12",
      "411111XXXXXX1111",
      "US",
      "x".repeat(70),
      "x".repeat(200),
      "a\u00a0b",
    ],
  );
  const shared = fc.constantFrom("transaction_id", "subscription_id", "customer_email", "country", "payment_token");

  test.each<[Record<string, string>, Record<string, string>]>([
    [{ order_id: "transaction_id", customer_id: "subscription_id" }, { transaction_id: "order 1/x?" }],
    [{ order_id: "subscription_id", customer_id: "customer_email" }, { customer_email: "" }],
    [{ order_id: "subscription_id", customer_id: "customer_email" }, { customer_email: "é@b.c" }],
  ])("obeys the rules of both: %j refuses %j", async (columns, cells) => {
    const rules = { ...RULES, shape: { ...SHAPE, columns } };
    const bytes = Buffer.from(`${head}\n${line(cells)}\n`);
    const [truth, fast] = [
      await readAs("truth", bytes, [1 << 30], rules),
      await readAs("one_thread", bytes, [1 << 30], rules),
    ];
    expect({ ...fast, judged: 0 }).toEqual({ ...truth, judged: 0 });
    expect(fast.events[0]).toMatch(/^rejected/);
  });

  test("gives what the truth gives, whichever are shared and whatever stands there", async () => {
    await fc.assert(
      fc.asyncProperty(shared, shared, fc.dictionary(shared, fields), async (order, customer, cells) => {
        const rules = { ...RULES, shape: { ...SHAPE, columns: { order_id: order, customer_id: customer } } };
        const bytes = Buffer.from(`${head}\n${line({})}\n${line(cells)}\n`);
        const [truth, fast] = [
          await readAs("truth", bytes, [1 << 30], rules),
          await readAs("one_thread", bytes, [1 << 30], rules),
        ];
        expect({ ...fast, judged: 0 }).toEqual({ ...truth, judged: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

describe("a row as long as a record may be, and a little longer", () => {
  test.each([-1, 0, 1, 2, 1_000, 200_000])("is judged alike by %i bytes more", async (more) => {
    const rows = [goodRow(1), goodRow(2), goodRow(3)].map((row) => ({ ...row, note: "" }));
    const bare = toCsv(rows.slice(1, 2)).split("\n")[1]?.length ?? 0;
    const long = { ...rows[1], note: "x".repeat(1024 * 1024 + more - bare) };
    const bytes = Buffer.from(toCsv([rows[0] ?? {}, long, rows[2] ?? {}]));
    const whole = await readAs("truth", bytes, [1 << 30]);
    for (const sizes of [[1 << 30], [256 * 1024]]) {
      expect({ ...(await readAs("one_thread", bytes, sizes)), judged: 0 }).toEqual({ ...whole, judged: 0 });
    }
  });
});

describe("threads", () => {
  test("a file of many pieces gives the same with any number of threads, line breaks in quotes on every cut included", async () => {
    const rows = Array.from({ length: 11_000 }, (_, at) =>
      goodRow(at % 997 === 0 ? 1 : at, {
        decline_message: at % 3 === 0 ? `first\n${"x".repeat(at % 200)}\n"last"` : "Zoë",
        amount: at % 101 === 0 ? "nine" : "19.99",
        decline_code: at % 89 === 0 ? "41" : "51",
        address1: "y".repeat(180),
        first_name: at % 500 === 0 ? 'a "stray' : "b",
      }),
    );
    const bytes = Buffer.from(toCsv(rows).replaceAll('"a ""stray"', 'a "stray'));
    expect(bytes.length).toBeGreaterThan(3 * 1024 * 1024);
    const truth = await readAs("truth", bytes, [256 * 1024]);
    for (const cuts of [[256 * 1024], [1_000_003], [1 << 30]]) {
      expect(withoutWork(await readAs("workers", bytes, cuts))).toEqual(withoutWork(truth));
      expect(withoutWork(await readAs("workers", bytes, cuts, RULES, false))).toEqual(counted(truth));
    }
  }, 60_000);

  test("a row that never ends is given up in the same place", async () => {
    const rows = Array.from({ length: 4_000 }, (_, at) => goodRow(at, { address1: "y".repeat(150) }));
    const endless = `R-x,"${`${"z".repeat(40)}\n`.repeat(30_000)}`;
    const lines = toCsv(rows).split("\n");
    const bytes = Buffer.from([...lines.slice(0, 2_000), endless, ...lines.slice(2_000)].join("\n"));
    const truth = withoutWork(await readAs("truth", bytes, [256 * 1024]));
    expect(withoutWork(await readAs("truth", bytes, [999_983]))).toEqual(truth);
    expect(withoutWork(await readAs("one_thread", bytes, [256 * 1024]))).toEqual(truth);
    expect(withoutWork(await readAs("workers", bytes, [256 * 1024]))).toEqual(truth);
  }, 60_000);
});
