import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { collect } from "../../src/pipeline/collect.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { recordSilence } from "../../src/pipeline/record-silence.ts";
import { settleBatch, settleBreak } from "../../src/pipeline/settle.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { verify } from "../../src/pipeline/verify.ts";
import { flex } from "../../src/profiles/flex.ts";
import { makeFolder, removeFolder } from "../ledger/folder.ts";
import {
  EXPORT_HEADER,
  exportCsv,
  makeMerchant,
  resultCsv,
  type TestMerchant,
  type TestMerchantOptions,
} from "../support/pipeline.ts";

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3;

const merchants: TestMerchant[] = [];
const make = async (options?: TestMerchantOptions) => {
  const merchant = await makeMerchant(options);
  merchants.push(merchant);
  return merchant;
};
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const DAY = 86_400_000;
const send = async (merchant: TestMerchant, context: PipelineContext, name: string, csv: string) =>
  submit(context, [await merchant.writeExport(name, csv)], { dryRun: false, reason: "" }, createInboxMover(context));
const resume = (context: PipelineContext) =>
  submit(context, [], { dryRun: false, reason: "" }, createInboxMover(context));
const take = async (merchant: TestMerchant, context: PipelineContext, name: string, ...rows: string[]) => {
  merchant.drop.put(`/outbound/${name}`, resultCsv(...rows));
  await collect(context);
  const found = await reconcile(context);
  await recordSilence(context);
  return found;
};
const row = (order: number, status: string, amount = "1999", at = "2026-11-21T07:00:00Z", currency = "USD") =>
  `o-${order},k-${order},${status},${amount},${currency},${at},00,some words`;
const verifyIt = (context: PipelineContext) =>
  verify(context, async (work) => {
    const folder = await makeFolder();
    const replica = await openSqliteLedger({ folder, merchant: "acme", host: "test", clock: () => 1 });
    try {
      await replica.acquireLock("verify");
      await work(replica);
    } finally {
      await replica.close();
      await removeFolder(folder);
    }
  });

/** Two nights with everything that can happen to a rebill, but for damage. */
async function playLongStory() {
  const fate = { losesAnswers: false, serverNow: 1_000 };
  const merchant = await make({
    isTaken: (path) => fate.losesAnswers && path.endsWith(".csv"),
    fault: ({ operation }) =>
      fate.losesAnswers && operation === "rename" ? { code: "remote_unreachable", when: "after" } : undefined,
    now: () => fate.serverNow,
    profile: { ...flex, batch: { ...flex.batch, maxRows: 4 } },
  });
  const context = await merchant.open();
  await send(merchant, context, "a.csv", exportCsv(9));
  await take(
    merchant,
    context,
    "r1.csv",
    row(1, "SUBMITTED"),
    row(2, "APPROVED"),
    row(3, "DECLINED"),
    row(77, "APPROVED"),
  );
  await take(
    merchant,
    context,
    "r2.csv",
    row(1, "APPROVED", "1999", "2026-11-22T07:00:00Z"),
    row(2, "APPROVED"),
    row(2, "REFUNDED", "500", "2026-11-22T08:00:00Z"),
    row(3, "APPROVED", "1999", "2026-11-22T07:00:00Z"),
    row(4, "APPROVED", "1998"),
    row(5, "APPROVED", "1999", "2026-11-21T07:00:00Z", "EUR"),
    row(6, "PENDING"),
    row(7, "CANCELLED"),
    row(8, "APPROVED", "1999", "2027-03-01T00:00:00Z"),
    "o-9,k-9",
  );
  const mismatch = (await context.ledger.breaks("open")).find((found) => found.code === "amount_mismatch");
  await settleBreak(context, mismatch?.breakId ?? 0, "rescued", "the gateway shows it");
  // The same bytes with another time, and a file that is none of results.
  fate.serverNow += 2_000;
  await take(
    merchant,
    context,
    "r1.csv",
    row(1, "SUBMITTED"),
    row(2, "APPROVED"),
    row(3, "DECLINED"),
    row(77, "APPROVED"),
  );
  merchant.drop.put("/outbound/readme.csv", "hello,world\n1,2\n");
  await collect(context);
  // o-3 and o-7 are declined anew and their file vanishes; it turns out to be lost; one of the rows is too late by then.
  merchant.now += DAY;
  fate.losesAnswers = true;
  const again = ["o-3,t-33,s-3,c-3,2026-11-20T12:00:00Z", "o-7,t-77,s-7,c-7,2026-11-21T05:00:00Z"];
  const rows = [...again, "o-20,t-20,s-20,c-20,2026-11-21T05:00:00Z"].map((ids) => `${ids},19.99,USD,51,tok`);
  await send(merchant, context, "b.csv", [EXPORT_HEADER, ...rows, ""].join("\n"));
  await recordSilence(context);
  merchant.drop.taken.clear();
  merchant.now += DAY;
  fate.losesAnswers = false;
  const lost = (await context.ledger.batches("unfinished"))[0]?.batchId;
  await settleBatch(context, String(lost), "not_delivered", "their ticket 4711");
  await resume(context);
  await take(merchant, context, "r3.csv", row(20, "SUBMITTED"), row(7, "APPROVED", "1999", "2026-11-23T07:00:00Z"));
  // And one that the server keeps: a row proves it.
  fate.losesAnswers = true;
  await send(merchant, context, "c.csv", exportCsv(2, { from: 30 }).replaceAll("2026-11-20T05", "2026-11-22T05"));
  fate.losesAnswers = false;
  await take(merchant, context, "r4.csv", row(30, "APPROVED", "1999", "2026-11-24T07:00:00Z"));
  // Collected, and not applied when verify looks.
  merchant.drop.put("/outbound/r5.csv", resultCsv(row(31, "APPROVED")));
  await collect(context);
  return { merchant, context };
}

describe("a ledger and an archive that are whole", () => {
  test("an empty one", async () => {
    const merchant = await make();
    expect(await verifyIt(await merchant.open())).toMatchObject({ damages: [], files: 0, compared: { attempts: 0 } });
  });

  test("everything that can happen to a rebill follows again from the archive", async () => {
    const { context } = await playLongStory();
    const states = (await context.ledger.batches("all")).map((batch) => batch.state);
    expect(states).toEqual(["delivered", "delivered", "delivered", "failed", "delivered", "delivered"]);
    const { damages, compared, notes, files } = await verifyIt(context);
    expect(damages).toEqual([]);
    expect(notes).toEqual([]);
    expect(files).toBe(3 + 6 + 7);
    expect(compared).toMatchObject({ batches: 6, attempts: 14, resultFiles: 7 });
    expect(compared?.outcomes).toBeGreaterThan(8);
    expect(await verifyIt(context)).toMatchObject({ damages: [] });
  });

  test("rows that waited for a delivery, and a batch that became too late", async () => {
    const fate = { isDown: true };
    const merchant = await make({
      fault: ({ operation }) =>
        fate.isDown && operation === "connect" ? { code: "remote_unreachable", when: "before" } : undefined,
    });
    const context = await merchant.open();
    const csv = exportCsv(3).replace("o-1,t-1,s-1,c-1,2026-11-20", "o-1,t-1,s-1,c-1,2026-11-19");
    await send(merchant, context, "a.csv", csv);
    await context.remote.close();
    fate.isDown = false;
    merchant.now += DAY;
    await resume(context);
    expect((await context.ledger.batches("all")).map((batch) => batch.state)).toEqual(["failed", "delivered"]);
    await take(merchant, context, "r.csv", row(1, "APPROVED"), row(2, "APPROVED"));
    expect((await verifyIt(context)).damages).toEqual([]);
  });

  test.each([
    ["another row", "then"],
    ["a look", "then"],
    ["a person", "then"],
    ["another row", "after a kill"],
    ["a look", "after a kill"],
    ["a person", "after a kill"],
  ])("rows that waited until %s proved their delivery, and were applied %s", async (proof, when) => {
    const fate = { losesAnswers: false };
    const merchant = await make({
      isTaken: (path) => fate.losesAnswers && path.endsWith(".csv"),
      fault: ({ operation }) =>
        fate.losesAnswers && operation === "rename" ? { code: "remote_unreachable", when: "after" } : undefined,
    });
    const context = await merchant.open();
    const unnamed = (order: number, status: string, at: string) => `o-${order},,${status},1999,USD,${at},,`;
    await send(merchant, context, "a.csv", exportCsv(1));
    await take(merchant, context, "r1.csv", unnamed(1, "DECLINED", "2026-11-20T05:10:00Z"));
    fate.losesAnswers = true;
    const ids = ["o-1,t-9,s-1,c-1", "o-2,t-2,s-2,c-2"];
    const rows = ids.map((each) => `${each},2026-11-20T05:45:00Z,19.99,USD,51,tok`);
    await send(merchant, context, "b.csv", [EXPORT_HEADER, ...rows, ""].join("\n"));
    fate.losesAnswers = false;
    // Found by silence first, so that the row only meets it again.
    if (proof === "a look") await recordSilence(context);
    const waiting = unnamed(1, "APPROVED", "2026-11-21T07:00:00Z");
    const proving = resultCsv(unnamed(2, "SUBMITTED", "2026-11-21T07:00:00Z"));
    await take(merchant, context, "r2.csv", waiting);
    merchant.now += 1000;
    if (proof === "a look") for (const [path, { bytes }] of merchant.drop.taken) merchant.drop.put(path, bytes);
    if (proof === "another row") merchant.drop.put("/outbound/r3.csv", proving);
    if (proof === "another row") await collect(context);
    const prove = async (by: PipelineContext) => {
      if (proof === "a look") await resume(by);
      else if (proof === "a person") await settleBatch(by, "2", "delivered", "their ticket 4711");
      else await reconcile(by);
    };
    if (when === "after a kill") {
      const resultFiles = async (which?: "all" | "waiting") => {
        if (which !== "waiting") throw new Error("killed");
        return context.ledger.resultFiles(which);
      };
      await expect(prove({ ...context, ledger: { ...context.ledger, resultFiles } })).rejects.toThrow("killed");
      expect((await verifyIt(context)).damages).toEqual([]);
      merchant.now += 1000;
      await reconcile(context);
    } else await prove(context);
    const attempts = await context.ledger.findAttempts([{ orderId: "o-1", transactionId: "" }]);
    expect(attempts.map(({ outcomes }) => outcomes.map(({ status }) => status))).toEqual([["unrescued"], ["rescued"]]);
    expect((await verifyIt(context)).damages).toEqual([]);
  });

  test("a result that came before its order was sent, and was given once more afterwards", async () => {
    const merchant = await make();
    const context = await merchant.open();
    expect((await take(merchant, context, "early.csv", row(1, "APPROVED"))).breaks).toMatchObject([
      { code: "unknown_order" },
    ]);
    merchant.now += 60_000;
    await send(merchant, context, "a.csv", exportCsv(1));
    merchant.now += 60_000;
    const path = join(merchant.folder, "early.csv");
    await writeFile(path, resultCsv(row(1, "APPROVED")));
    expect(await reconcile(context, [path])).toMatchObject({ applied: 1 });
    expect((await verifyIt(context)).damages).toEqual([]);
  });

  test("a word that the profile learned later is a note, and no damage", async () => {
    const merchant = await make();
    const context = await merchant.open();
    await send(merchant, context, "a.csv", exportCsv(2));
    await take(merchant, context, "r.csv", row(1, "WEIRD"), row(2, "APPROVED"));
    const statuses = { ...flex.results.statuses, WEIRD: "rescued" as const };
    const learned = { ...context, profile: { ...flex, results: { ...flex.results, statuses } } };
    const { damages, notes } = await verifyIt(learned);
    expect(damages).toEqual([]);
    expect(notes.join()).toContain("1 attempts differ");
  });

  test("an export that was taken before its rows were hashed is compared by what they say", async () => {
    const { merchant, context, archived } = await oneNight();
    edit(merchant, "DELETE FROM export_archived", "export_archived");
    const { damages, notes } = await verifyIt(context);
    expect(damages).toEqual([]);
    expect(notes.join()).toContain("older rescue");
    await flipBit(archived("exports"), "19.99");
    expect((await verifyIt(context)).damages).not.toEqual([]);
  });

  test("a file of which no record speaks is a note", async () => {
    const { merchant, context } = await oneNight();
    await writeFile(join(merchant.folder, "data/archive/results/stray.csv"), "x\n");
    await writeFile(join(merchant.folder, "data/archive/batches/000001.csv.part"), "x\n");
    const { damages, notes } = await verifyIt(context);
    expect(damages).toEqual([]);
    expect(notes.map((note) => note.split(" ")[0])).toEqual([
      "archive/batches/000001.csv.part",
      "archive/results/stray.csv",
    ]);
  });
});

async function oneNight() {
  const merchant = await make();
  const context = await merchant.open();
  await send(merchant, context, "a.csv", exportCsv(3));
  await take(merchant, context, "r.csv", row(1, "APPROVED"), row(2, "DECLINED"));
  const names = await Promise.all(
    ["exports", "batches", "results"].map(async (kind) => {
      const [name = ""] = await readdir(join(merchant.folder, "data/archive", kind));
      return [kind, join(merchant.folder, "data/archive", kind, name)] as const;
    }),
  );
  const paths = new Map<string, string>(names);
  return { merchant, context, archived: (kind: string) => paths.get(kind) ?? "" };
}

/** Somebody writes into the database, past everything that keeps facts from being changed. */
function edit(merchant: TestMerchant, sql: string, table: string): void {
  const db = new Sqlite(join(merchant.folder, "data/ledger.db"));
  db.exec(
    `PRAGMA foreign_keys = OFF; DROP TRIGGER ${table}_is_never_updated; DROP TRIGGER ${table}_is_never_deleted; ${sql}`,
  );
  db.close();
}

/** One bit of the byte where these words first stand (`9` becomes `8`), so that it is still text. */
async function flipBit(path: string, words: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(words) + words.length - 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe.each(["exports", "batches", "results"])("an archived file of %s", (kind) => {
  const damage: Readonly<Record<string, (path: string) => Promise<void>>> = {
    altered: (path) => flipBit(path, "1999".slice(0, kind === "exports" ? 1 : 4)),
    missing: (path) => rm(path),
    cut_short: (path) => truncate(path, 120),
  };

  test.each(Object.keys(damage))("%s: it is named, and nothing else is", async (code) => {
    const { merchant, context, archived } = await oneNight();
    const path = archived(kind);
    await damage[code]?.(path);
    const { damages, compared } = await verifyIt(context);
    const shown = path.slice(join(merchant.folder, "data").length + 1);
    expect(damages).toMatchObject([{ code, path: shown }]);
    expect(compared).toBeUndefined();
  });
});

describe("a ledger that was changed", () => {
  test.each([
    [
      "an amount",
      "UPDATE attempt SET amount_minor = 2999 WHERE attempt_id = 2",
      "attempt",
      "order o-2, attempt 1: amountMinor",
    ],
    [
      "an outcome",
      "UPDATE outcome SET status = 'rescued' WHERE attempt_id = 2",
      "outcome",
      'status is "rescued" in the ledger',
    ],
    ["an outcome that is gone", "DELETE FROM outcome WHERE attempt_id = 1", "outcome", "is missing in the ledger"],
    [
      "an outcome that nobody sent",
      "INSERT INTO outcome SELECT 3, 1, status, raw_status, amount_minor, currency, processed_at, source, result_file_id, line, response_code, message, '', at, recorded_at FROM outcome WHERE attempt_id = 1",
      "outcome",
      "is in no archived file",
    ],
    ["an attempt that is gone", "DELETE FROM attempt WHERE attempt_id = 3", "attempt", "holds more rows"],
    [
      "the order of two",
      "UPDATE attempt SET position = 5 - position WHERE attempt_id > 1",
      "attempt",
      "disagree about row 2 of export 1",
    ],
    ["control totals", "UPDATE batch_content SET totals = '[]'", "batch_content", "batch 1: totals"],
    [
      "a state",
      "DELETE FROM batch_event WHERE kind = 'committing'",
      "batch_event",
      "cannot go from uploaded to delivered",
    ],
  ])("%s: it is named", async (_what, sql, table, words) => {
    const { merchant, context } = await oneNight();
    edit(merchant, sql, table);
    const { damages } = await verifyIt(context);
    expect(damages.map(({ code }) => code)).toContain("contradiction");
    expect(damages.map(({ message }) => message).join("\n")).toContain(words);
  });

  test("a break that is gone, and one without a cause", async () => {
    const { merchant, context } = await playLongStory();
    edit(merchant, "DELETE FROM break WHERE code = 'unknown_order'", "break");
    edit(merchant, "UPDATE break_settled SET reason = reason", "break_settled");
    const { damages } = await verifyIt(context);
    expect(damages.map(({ message }) => message).join("\n")).toContain("(unknown_order");
  });

  test.each([
    ["transaction_key", "transaction_id"],
    ["subscription_key", "subscription_id"],
    ["learned_key", "session_key"],
  ])("an attempt that %s has forgotten, which nobody would find", async (table, column) => {
    const { merchant, context } = await oneNight();
    edit(merchant, `DELETE FROM ${table} WHERE attempt_id = 1`, table);
    expect((await verifyIt(context)).damages).toMatchObject([
      { code: "ledger_damaged", message: expect.stringContaining(`attempt 1 cannot be found by its ${column}`) },
    ]);
  });

  test("an older one beside a newer archive", async () => {
    const { merchant, context } = await oneNight();
    await writeFile(join(merchant.folder, "data/archive/batches/000002.csv"), "x\n");
    expect((await verifyIt(context)).damages).toMatchObject([
      { code: "unknown_batch", path: "archive/batches/000002.csv" },
    ]);
  });
});
