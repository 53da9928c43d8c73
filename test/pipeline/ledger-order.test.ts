/** The order in which rows are applied is the ledger's, and nothing shows it: the ledger says what it says row by row, in the order of the file. */
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseInstant } from "../../src/domain/instant.ts";
import type { IntakePath } from "../../src/domain/intake-path.ts";
import { overdueFingerprint } from "../../src/domain/silence.ts";
import type { Ledger, NewAttempt, ResultFileRecord } from "../../src/ledger/ledger.ts";
import { applyFile } from "../../src/pipeline/apply-results.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { applyFiles, type Reconciliation } from "../../src/pipeline/reconcile.ts";
import type { PageSizes } from "../../src/pipeline/result-pages.ts";
import { flex } from "../../src/profiles/flex.ts";
import {
  archiveBatch,
  deliverBatch,
  FACT,
  failBatch,
  planBatch,
  sampleAttempt,
  sampleBreak,
} from "../contract/ledger/samples.ts";
import { makeMerchant, NIGHT, resultCsv, type TestMerchant } from "../support/pipeline.ts";

/** Each row is read, decided and written before the next one is looked at. */
const ROW_BY_ROW: PageSizes = { stretchRows: 1, stretchBytes: 1, pageRows: 1, filePageRows: 1 };

const ORDERS = 16;
const attempt = (n: number, again = 0): NewAttempt =>
  sampleAttempt(n + 100 * again, {
    orderId: `order-${n}`,
    declinedAt: parseInstant("2026-11-20T05:00:00Z") as number,
    expiresAt: parseInstant("2026-12-11T05:00:00Z") as number,
  });

/** Two orders of each batch, the batches in all states that a night can leave; orders 0 to 3 were sent a second time. */
async function sendSome(ledger: Ledger): Promise<void> {
  const send = (...numbers: number[]) => planBatch(ledger, ...numbers.map((n) => attempt(n)));
  const move = async (batchId: number, states: readonly ("uploading" | "uploaded" | "committing" | "uncertain")[]) => {
    await archiveBatch(ledger, batchId);
    for (const state of states) await ledger.recordBatchState(batchId, state, { ...FACT, try: 1 });
  };
  await failBatch(ledger, await send(0, 8));
  await deliverBatch(ledger, await send(1, 9));
  await move(await send(2, 10), ["uploading", "uploaded", "committing", "uncertain"]);
  await move(await send(3, 11), ["uploading", "uploaded", "committing"]);
  await send(4, 12);
  await move(await send(5, 13), ["uploading"]);
  await deliverBatch(ledger, await send(14, 6));
  await move(await send(7, 15), ["uncertain"]);
  await deliverBatch(ledger, await planBatch(ledger, attempt(1, 1), attempt(0, 1)));
  const overdue = [2, 4, 13].map((attemptId) => ({ attemptId, fingerprint: overdueFingerprint(attemptId) }));
  await ledger.recordBreaks(overdue.map((late) => sampleBreak({ ...late, code: "overdue" })));
  await move(await planBatch(ledger, attempt(3, 1), attempt(2, 1)), ["uploading", "uploaded", "committing"]);
}

/** Everything that the ledger says, but for when and where the files lie. */
async function contentOf({ ledger }: PipelineContext) {
  const attempts = (await Array.fromAsync(ledger.attempts())).flat();
  const batches = await ledger.batches("all");
  const events = await Promise.all(batches.map((batch) => ledger.batchEvents(batch.batchId)));
  const sessionKeys = attempts.flatMap((found) => found.sessionKey ?? []);
  const byKey = await Promise.all(
    sessionKeys.map((key) => ledger.findAttemptsForResults({ orderIds: [], sessionKeys: [key] })),
  );
  const files = (await ledger.resultFiles()).map(({ name, applied }) => ({ name, applied }));
  return { attempts, batches, events, byKey, files, breaks: await ledger.breaks("all") };
}

interface Way {
  readonly sizes: PageSizes;
  readonly afterWindow?: "overdue" | undefined;
  /** `workers`: the ledger is written in a thread of its own. */
  readonly intakePath?: IntakePath;
}

async function outcomeOf(files: readonly (readonly string[])[], { sizes, afterWindow, intakePath = "auto" }: Way) {
  const profile = afterWindow ? { ...flex, window: { ...flex.window, afterWindow } } : flex;
  const merchant = await makeMerchant({ profile });
  try {
    const context = { ...(await merchant.open()), intakePath };
    const { ledger } = context;
    await ledger.transaction(() => sendSome(ledger));
    const applied: Reconciliation[] = [];
    for (const [index, rows] of files.entries()) {
      applied.push(await applyFiles(context, [await recordResults(merchant, context, `r-${index}.csv`, rows)], sizes));
    }
    return { applied, content: await contentOf(context) };
  } finally {
    await merchant.close();
  }
}

async function recordResults(
  merchant: TestMerchant,
  { archive, ledger }: PipelineContext,
  name: string,
  rows: readonly string[],
): Promise<ResultFileRecord> {
  const archivePath = `archive/results/${name}`;
  const copied = await archive.copyIn(await merchant.writeExport(name, resultCsv(...rows)), archivePath);
  const file = { ...copied, name, archivePath, at: NIGHT, recordedAt: NIGHT, modifiedAt: NIGHT };
  const record = { ...file, state: "collected", source: "file" } as const;
  return { ...record, resultFileId: await ledger.recordResultFile(record), applied: undefined };
}

const order = fc.oneof(
  { weight: 12, arbitrary: fc.nat(ORDERS - 1).map((n) => `order-${n}`) },
  { weight: 1, arbitrary: fc.constantFrom("nobody-1", "nobody-2", "aa-nobody") },
);
const named = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(order, fc.constant("")) },
  { weight: 6, arbitrary: fc.tuple(order, fc.constantFrom("k-1", "k-2", "k-3", "order-3")) },
);
const bySession = fc.oneof(
  fc.tuple(fc.constant(""), fc.constantFrom("k-1", "k-2", "k-9", "order-3")),
  fc.constantFrom("k-1", "k-2", "order-3").map((key) => [key, key] as [string, string]),
);
const rest = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.constantFrom("APPROVED", "DECLINED", "SUBMITTED", "REFUNDED", "CANCELLED", "WHATEVER"),
        fc.constantFrom("1999", "1999", "1999", "5", "500"),
        fc.constantFrom("USD", "USD", "USD", "EUR"),
        fc.constantFrom(
          "",
          "2026-11-21T07:00:00Z",
          "2026-11-22T07:00:00Z",
          "2026-11-19T07:00:00Z",
          "2026-12-20T07:00:00Z",
        ),
      )
      .map((cells) => `${cells.join(",")},,`),
  },
  { weight: 1, arbitrary: fc.constantFrom("APPROVED,x,USD,,,", "APPROVED,5,USD,,,,", 'APPROVED,1999,USD,,,"no') },
);
const rowsOf = (name: fc.Arbitrary<[string, string]>) =>
  fc.array(
    fc.tuple(name, rest).map(([[orderId, key], cells]) => `${orderId},${key},${cells}`),
    { minLength: 1, maxLength: 40 },
  );
/** Orders whose delivery is known, and one row that goes by a key which one of them may have learned before it. */
const oneBySession = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(9, 14, 6, 1), fc.constantFrom("k-1", "k-2")), { minLength: 1, maxLength: 8 }),
    bySession,
    fc.nat(8),
  )
  .map(([learners, [orderId, key], at]) => {
    const rows = learners.map(([n, learned]) => `order-${n},${learned},SUBMITTED,1999,USD,,,`);
    return rows.toSpliced(at, 0, `${orderId},${key},APPROVED,1999,USD,,,`);
  });
const file = fc.oneof(
  { weight: 2, arbitrary: rowsOf(named) },
  { weight: 1, arbitrary: oneBySession },
  { weight: 1, arbitrary: rowsOf(fc.oneof({ weight: 5, arbitrary: named }, { weight: 1, arbitrary: bySession })) },
);
const small = fc.integer({ min: 1, max: 6 });
const sizes = fc.record({
  stretchRows: fc.integer({ min: 1, max: 50 }),
  stretchBytes: fc.constantFrom(100, 100_000),
  pageRows: small,
  filePageRows: small,
});

async function expectAsRowByRow(how: {
  readonly mostFiles: number;
  readonly numRuns: number;
  readonly intakePath?: IntakePath;
}): Promise<void> {
  const { mostFiles, numRuns, ...paths } = how;
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: mostFiles }),
      sizes,
      fc.constantFrom(undefined, "overdue" as const),
      async (files, pages, afterWindow) => {
        const expected = await outcomeOf(files, { sizes: ROW_BY_ROW, afterWindow });
        expect(await outcomeOf(files, { sizes: pages, afterWindow, ...paths })).toEqual(expected);
      },
    ),
    { numRuns },
  );
}

describe("applying the rows of a file in the order of the ledger", () => {
  test("gives the ledger that applying them one by one gives", async () => {
    await expectAsRowByRow({ mostFiles: 3, numRuns: 100 });
  }, 240_000);

  test("gives it too when the ledger is written in a thread, and pages are asked for ahead of what is written", async () => {
    await expectAsRowByRow({ mostFiles: 2, numRuns: 30, intakePath: "workers" });
  }, 240_000);

  test("names the same of thousands of rows alike", async () => {
    const rows = Array.from({ length: 2_600 }, (_, n) => {
      if (n % 2 === 0) return `order-${(n * 7) % ORDERS},k-${n % 5},broken`;
      return `nobody-${(n * 31) % 1_200},,APPROVED,1999,USD,,,`;
    });
    const pages = { stretchRows: 2_400, stretchBytes: 1_000_000, pageRows: 70, filePageRows: 90 };
    const { applied, content } = await outcomeOf([rows, rows.slice(900)], { sizes: pages, intakePath: "workers" });
    expect({ applied, content }).toEqual(await outcomeOf([rows, rows.slice(900)], { sizes: ROW_BY_ROW }));
    const [first] = applied;
    expect(first?.breaks.filter(({ code }) => code === "malformed_result")).toHaveLength(1_001);
    expect(first?.breaks.filter(({ code }) => code === "unknown_order").length).toBeLessThan(1_001);
  }, 120_000);
});

describe("a file of many pages", () => {
  const ROWS = Array.from({ length: ORDERS }, (_, n) => `order-${n},,APPROVED,1999,USD,2026-11-21T07:00:00Z,,`);
  const prepare = async () => {
    const merchant = await makeMerchant();
    onTestFinished(() => merchant.close());
    const context = await merchant.open();
    await sendSome(context.ledger);
    return { merchant, context, file: await recordResults(merchant, context, "r.csv", ROWS) };
  };

  test("has one time, whatever the clock does meanwhile, so that verify plays it once", async () => {
    const { merchant, context, file } = await prepare();
    const clock = { ...context.clock, wall: () => (merchant.now += 1) };
    await applyFile({ ...context, clock }, file, ROW_BY_ROW);
    const outcomes = (await Array.fromAsync(context.ledger.attempts())).flat().flatMap((found) => found.outcomes);
    expect(outcomes.length).toBeGreaterThan(4);
    expect(new Set(outcomes.map(({ recordedAt }) => recordedAt)).size).toBe(1);
  });

  test("asks for the rows of unfinished batches once, not once a stretch", async () => {
    const { context, file } = await prepare();
    const unfinished = (await context.ledger.batches("unfinished")).map(({ batchId }) => batchId);
    const asked: number[] = [];
    const claims = (batchId: number) => {
      asked.push(batchId);
      return context.ledger.claims(batchId);
    };
    await applyFile({ ...context, ledger: { ...context.ledger, claims } }, file, ROW_BY_ROW);
    expect(asked).toEqual(unfinished);
  });
});
