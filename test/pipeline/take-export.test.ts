/** Rows are claimed while their export is still being read: what is found at its end takes them back. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { IntakePath } from "../../src/domain/intake-path.ts";
import { isProblem } from "../../src/domain/problem.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { RemoteSession } from "../../src/pipeline/session.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { takeExport } from "../../src/pipeline/take-export.ts";
import { EXPORT_HEADER, exportCsv, makeMerchant, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

/** Claimed in this thread, and in one of the ledger's own. */
const PATHS = ["one_thread", "workers"] as const;

async function make(intakePath: IntakePath = "auto") {
  const merchant = await makeMerchant();
  merchants.push(merchant);
  return { merchant, context: { ...(await merchant.open()), intakePath } };
}

const TAKE = { dryRun: false, reason: "" };
/** Several pages, and more than one batch. */
const MANY = 4_500;

async function expectNothingTaken({ ledger, archive }: PipelineContext): Promise<void> {
  expect(await ledger.hasAttempts()).toBe(false);
  expect(await ledger.batches("all")).toEqual([]);
  expect(await ledger.exports()).toEqual([]);
  expect(await readdir(archive.resolve("archive/exports"))).toEqual([]);
}

/** Good rows, and behind them as many without an amount. */
const halfBad = (count: number) =>
  exportCsv(count) +
  Array.from({ length: count }, (_, at) => `b-${at},bt-${at},s,c,2026-11-20T05:00:00Z,,USD,51,tok\n`).join("");

test.each(PATHS)(
  "too many rejects at the end of a file take back what was claimed at its beginning (%s)",
  async (path) => {
    const { merchant, context } = await make(path);
    const file = await merchant.writeExport("bad.csv", halfBad(MANY));
    const taken = await takeExport(context, file, TAKE);
    expect(isProblem(taken.problem, "too_many_rejects")).toBe(true);
    expect(taken).toMatchObject({ accepted: MANY, rejected: MANY });
    await expectNothingTaken(context);
    expect((await readFile(taken.rejectsPath, "utf8")).split("\n")).toHaveLength(MANY + 2);
    const good = await merchant.writeExport("good.csv", exportCsv(MANY));
    const { batches } = await submit(context, [good], TAKE, createInboxMover(context));
    expect(batches.map(({ batchId, state }) => `${batchId} ${state}`)).toEqual([
      "1 delivered",
      "2 delivered",
      "3 delivered",
    ]);
  },
);

test("the connection is made while the last claims of the last file are written, and not for what is not sent", async () => {
  const { merchant, context } = await make();
  const connecting = Promise.withResolvers<void>();
  const taken: string[] = [];
  const transport = {
    connect: () => {
      taken.push("connected");
      connecting.resolve();
      return merchant.drop.transport.connect();
    },
  };
  const remote = new RemoteSession(transport, new AbortController().signal);
  const { ledger } = context;
  const waiting = {
    ...ledger,
    endClaims: async (exportId: number) => {
      taken.push(`export ${exportId}`);
      if (exportId === 2) await connecting.promise;
      return ledger.endClaims(exportId);
    },
  };
  const bad = await merchant.writeExport("bad.csv", halfBad(10));
  const [first, last] = [
    await merchant.writeExport("first.csv", exportCsv(10)),
    await merchant.writeExport("last.csv", exportCsv(10, { from: 11 })),
  ];
  const watched = { ...context, remote, ledger: waiting };
  await submit(watched, [bad], TAKE, createInboxMover(context));
  expect(taken).toEqual([]);
  await submit(watched, [first, last], TAKE, createInboxMover(context));
  expect(taken).toEqual(["export 1", "connected", "export 2"]);
  await remote.close();
});

test.each(PATHS)("a file that cannot be read to its end leaves no claim (%s)", async (path) => {
  const { merchant, context } = await make(path);
  const file = await merchant.writeExport("a.csv", exportCsv(MANY));
  const { ledger } = context;
  let claims = 0;
  const growing: PipelineContext = {
    ...context,
    ledger: {
      ...ledger,
      claimRows: async (...call) => {
        claims += 1;
        if (claims === 2) await merchant.writeExport("a.csv", exportCsv(MANY + 10));
        return ledger.claimRows(...call);
      },
    },
  };
  const failure = await takeExport(growing, file, TAKE).catch((error: unknown) => error);
  expect(isProblem(failure, "export_changed")).toBe(true);
  expect(claims).toBeGreaterThan(1);
  await expectNothingTaken(context);
  expect((await takeExport(context, file, TAKE)).accepted).toBe(MANY + 10);
});

test.each(PATHS)(
  "an archived copy that does not read back as it was written claims nothing, and the same export can be taken later (%s)",
  async (path) => {
    const { merchant, context } = await make(path);
    const file = await merchant.writeExport("a.csv", exportCsv(MANY));
    const archive = Object.create(context.archive) as typeof context.archive;
    archive.create = async (path) => {
      const writer = await context.archive.create(path);
      const keep = writer.keep.bind(writer);
      writer.keep = async () => {
        const kept = await keep();
        const at = context.archive.resolve(path);
        await writeFile(at, (await readFile(at, "utf8")).replace("19.99", "91.99"));
        return kept;
      };
      return writer;
    };
    const failure = await takeExport({ ...context, archive }, file, TAKE).catch((error: unknown) => error);
    expect(isProblem(failure, "disk_failed")).toBe(true);
    expect(String(failure)).toContain("does not read back as it was written");
    await expectNothingTaken(context);
    expect((await takeExport(context, file, TAKE)).accepted).toBe(MANY);
  },
);

test("a dry run leaves nothing at all", async () => {
  const { merchant, context } = await make();
  const file = await merchant.writeExport("a.csv", halfBad(MANY));
  const before = await readdir(join(merchant.folder, "data"), { recursive: true });
  expect((await takeExport(context, file, { ...TAKE, dryRun: true })).accepted).toBe(MANY);
  await expectNothingTaken(context);
  expect(await readdir(join(merchant.folder, "data"), { recursive: true })).toEqual(before);
});

test("a subscription that bills twice within one export is not said to have an order pending", async () => {
  const { merchant, context } = await make();
  await takeExport(context, await merchant.writeExport("first.csv", exportCsv(1)), TAKE);
  const rows = (from: number, subscription: string) =>
    Array.from(
      { length: MANY },
      (_, at) => `w-${from + at},wt-${from + at},${subscription},c,2026-11-20T05:00:00Z,19.99,USD,51,tok\n`,
    ).join("");
  const own = await merchant.writeExport("own.csv", `${EXPORT_HEADER}\n${rows(0, "s-weekly")}`);
  expect((await takeExport(context, own, TAKE)).notes.join()).not.toContain("another order pending");
  const later = await merchant.writeExport("later.csv", `${EXPORT_HEADER}\n${rows(MANY, "s-weekly")}`);
  expect((await takeExport(context, later, TAKE)).notes.join()).toContain(`${MANY} rows bill a subscription`);
});

test("the ledger says the same of an export, in whatever thread its rows are claimed", async () => {
  const said: unknown[] = [];
  for (const path of PATHS) {
    const { merchant, context } = await make(path);
    for (const from of [1, MANY - 10]) {
      const file = await merchant.writeExport(`${from}.csv`, exportCsv(MANY, { from }));
      const { accepted, skipped, newBreaks } = await takeExport(context, file, TAKE);
      said.push({ accepted, skipped, newBreaks });
    }
    const { ledger } = context;
    const attempts: unknown[] = [];
    for await (const page of ledger.attempts()) attempts.push(...page);
    const exports = (await ledger.exports()).map(({ archivePath: _, ...taken }) => taken);
    said.push({ attempts, exports, batches: await ledger.batches("all"), wrong: await ledger.checkIntegrity() });
  }
  expect(said.slice(3)).toEqual(said.slice(0, 3));
  expect(said).toHaveLength(6);
});
