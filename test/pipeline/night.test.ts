import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { collect } from "../../src/pipeline/collect.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { reconcile } from "../../src/pipeline/reconcile.ts";
import { recordSilence } from "../../src/pipeline/record-silence.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import {
  exportCsv,
  makeMerchant,
  resultCsv,
  type TestMerchant,
  type TestMerchantOptions,
} from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
const make = async (options?: TestMerchantOptions) => {
  const merchant = await makeMerchant(options);
  merchants.push(merchant);
  return merchant;
};
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

function readlinkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

const SEND = { dryRun: false, reason: "" };
async function submitCsv(merchant: TestMerchant, csv: string, name = "rebills.csv") {
  const context = await merchant.open();
  const file = await merchant.writeExport(name, csv);
  return submit(context, [file], SEND, createInboxMover(context));
}
const inbound = (merchant: TestMerchant) =>
  [...merchant.drop.files.keys()].filter((path) => path.startsWith("/inbound/"));
const sentOrders = (merchant: TestMerchant) =>
  [...merchant.drop.files]
    .filter(([path]) => path.startsWith("/inbound/") && path.endsWith(".csv"))
    // By name: which of those that are on their way at once arrives first is chance.
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, file]) => file.bytes.toString().trimEnd().split("\n").slice(1))
    .map((line) => line.split(",")[5]);

describe("submit", () => {
  test("an export is delivered under its final name, and nothing else is left on the server", async () => {
    const merchant = await make();
    const result = await submitCsv(merchant, exportCsv(3));
    expect(result.batches.map((batch) => batch.state)).toEqual(["delivered"]);
    expect(inbound(merchant)).toEqual(["/inbound/evaluate_mid-1_20261120060000_0001.csv"]);
    expect(sentOrders(merchant)).toEqual(["o-1", "o-2", "o-3"]);
  });

  test("an export of more rows than a file may hold is split in export order", async () => {
    const merchant = await make();
    const result = await submitCsv(merchant, exportCsv(4001));
    expect(result.batches.map((batch) => batch.content?.rows)).toEqual([2000, 2000, 1]);
    expect(sentOrders(merchant)).toEqual(Array.from({ length: 4001 }, (_, index) => `o-${index + 1}`));
  });

  test.runIf(existsSync("/proc/self/fd"))("no file of the archive stays open behind a night", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(3));
    const open = readdirSync("/proc/self/fd").flatMap((fd) => {
      const path = readlinkOrNothing(`/proc/self/fd/${fd}`);
      return path.includes("/archive/") ? [path] : [];
    });
    expect(open).toEqual([]);
  });

  test("the same export again sends nothing, and says where each row went", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(3));
    const again = await submitCsv(merchant, exportCsv(3), "again.csv");
    expect(again.exports[0]).toMatchObject({ accepted: 0, skippedByCode: { already_pending: 3 } });
    expect(again.exports[0]?.notes.join()).toContain("the same bytes were taken");
    expect(again.exports[0]?.skippedRows[0]?.message).toContain("evaluate_mid-1_20261120060000_0001.csv");
    expect(sentOrders(merchant)).toHaveLength(3);
  });

  test("an overlapping export sends only what is new", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(3));
    await submitCsv(merchant, exportCsv(4, { from: 2 }), "b.csv");
    expect(sentOrders(merchant)).toEqual(["o-1", "o-2", "o-3", "o-4", "o-5"]);
  });

  test("a dry run claims and sends nothing", async () => {
    const merchant = await make();
    const context = await merchant.open();
    const file = await merchant.writeExport("a.csv", exportCsv(2));
    const result = await submit(context, [file], { dryRun: true, reason: "" }, createInboxMover(context));
    expect(result.exports[0]).toMatchObject({ accepted: 2 });
    expect(merchant.drop.requests).toEqual([]);
    expect(await context.ledger.exports()).toEqual([]);
  });

  test("a retry by the merchant inside the window is skipped and is a break", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(1));
    const again = await submitCsv(merchant, exportCsv(1, { transaction: "t-new" }), "b.csv");
    expect(again.exports[0]?.newBreaks).toMatchObject([{ code: "retried_while_held", orderId: "o-1" }]);
    expect(sentOrders(merchant)).toEqual(["o-1"]);
  });

  test("a name that is taken is burned, and its file is left alone", async () => {
    const merchant = await make();
    merchant.drop.put("/inbound/evaluate_mid-1_20261120060000_0001.csv", "somebody else's");
    const result = await submitCsv(merchant, exportCsv(1));
    expect(result.batches[0]).toMatchObject({ state: "delivered", name: "evaluate_mid-1_20261120060000_0002.csv" });
    expect(merchant.drop.files.get("/inbound/evaluate_mid-1_20261120060000_0001.csv")?.bytes.toString()).toBe(
      "somebody else's",
    );
  });

  test("a rename that the server refuses is told as refused, and nothing is in doubt: the temporary file is there", async () => {
    let refuses = true;
    const merchant = await make({
      fault: ({ operation }) =>
        refuses && operation === "rename" ? { code: "permission_denied", when: "before" } : undefined,
    });
    const first = await submitCsv(merchant, exportCsv(2));
    expect(first.problems.map((problem) => problem.code)).toEqual(["permission_denied"]);
    expect(first.batches[0]?.state).toBe("uploaded");
    refuses = false;
    const context = await merchant.open();
    await submit(context, [], SEND, createInboxMover(context));
    expect(sentOrders(merchant)).toEqual(["o-1", "o-2"]);
    expect(inbound(merchant)).toHaveLength(1);
  });

  test("rows that waited too long for the server are released with their money, and never sent late", async () => {
    let isDown = true;
    const merchant = await make({
      fault: ({ operation }) =>
        isDown && operation === "connect" ? { code: "remote_unreachable", when: "before" } : undefined,
    });
    const first = await submitCsv(merchant, exportCsv(2));
    expect(first.problems.map((problem) => problem.code)).toEqual(["remote_unreachable"]);
    expect(first.batches[0]?.state).toBe("archived");
    isDown = false;
    merchant.now += 3 * 86_400_000;
    const context = await merchant.open();
    const later = await submit(context, [], SEND, createInboxMover(context));
    expect(later.batches.map((batch) => batch.state)).toEqual(["failed"]);
    expect(merchant.notes.join("\n")).toContain("2 rebills (USD 39.98)");
    expect(inbound(merchant)).toEqual([]);
  });

  test("of rows that waited, the fresh ones go again under a new name", async () => {
    let isDown = true;
    const merchant = await make({
      fault: ({ operation }) =>
        isDown && operation === "connect" ? { code: "remote_unreachable", when: "before" } : undefined,
    });
    const csv = exportCsv(2).replace("o-1,t-1,s-1,c-1,2026-11-20", "o-1,t-1,s-1,c-1,2026-11-19");
    await submitCsv(merchant, csv);
    isDown = false;
    merchant.now += 86_400_000;
    const context = await merchant.open();
    const later = await submit(context, [], SEND, createInboxMover(context));
    expect(later.batches.map((batch) => batch.state)).toEqual(["failed", "delivered"]);
    expect(sentOrders(merchant)).toEqual(["o-2"]);
  });
});

describe("every request, lost before and after the act", () => {
  test("each rebill ends in exactly one delivered file, or its batch is uncertain", async () => {
    const whole = await make();
    await submitCsv(whole, exportCsv(2));
    const requests = whole.drop.requests.length;
    expect(requests).toBeGreaterThan(5);
    for (const when of ["before", "after"] as const) {
      for (let number = 1; number <= requests; number++) {
        const merchant = await make({
          fault: (request) => (request.number === number ? { code: "remote_unreachable", when } : undefined),
        });
        await submitCsv(merchant, exportCsv(2));
        const context = await merchant.open();
        const last = await submit(context, [], SEND, createInboxMover(context));
        const states = (await context.ledger.batches("all")).map((batch) => batch.state);
        expect.soft({ number, when, states, sent: sentOrders(merchant), left: inbound(merchant).length }).toEqual({
          number,
          when,
          states: ["delivered"],
          sent: ["o-1", "o-2"],
          left: 1,
        });
        expect(last.problems).toEqual([]);
      }
    }
  });

  test("a server that takes files at once, with the answer to the rename lost, leaves the batch uncertain", async () => {
    const merchant = await make({
      isTaken: (path) => path.endsWith(".csv"),
      fault: ({ operation }) => (operation === "rename" ? { code: "remote_unreachable", when: "after" } : undefined),
    });
    const result = await submitCsv(merchant, exportCsv(2));
    expect(result.batches[0]?.state).toBe("uncertain");
    expect(merchant.drop.taken.size).toBe(1);
    const again = await submitCsv(merchant, exportCsv(2), "again.csv");
    expect(again.batches[0]?.state).toBe("uncertain");
    expect(merchant.drop.taken.size).toBe(1);
    merchant.drop.put("/outbound/r.csv", resultCsv("o-1,k1,SUBMITTED,1999,USD,2026-11-20T07:00:00Z,,"));
    const context = await merchant.open();
    expect(await recordSilence(context)).toMatchObject([{ code: "delivery_uncertain" }]);
    await collect(context);
    await reconcile(context);
    expect((await context.ledger.batches("all"))[0]?.state).toBe("delivered");
    expect(await context.ledger.breaks("open")).toEqual([]);
  });
});

describe("a server that takes files at once", () => {
  test("temporary names included: the batch is uncertain, and never sent again", async () => {
    const merchant = await make({ isTaken: () => true });
    const result = await submitCsv(merchant, exportCsv(2));
    expect(result.batches[0]).toMatchObject({ state: "uncertain" });
    const context = await merchant.open();
    await submit(context, [], SEND, createInboxMover(context));
    expect([...merchant.drop.taken.keys()]).toEqual(["/inbound/evaluate_mid-1_20261120060000_0001.csv.1.part"]);
  });

  test("without temporary names: every byte and the close were acknowledged, so it is delivered", async () => {
    const direct: Profile = { ...flex, delivery: { ...flex.delivery, commit: "direct" } };
    const merchant = await make({ profile: direct, isTaken: () => true });
    const result = await submitCsv(merchant, exportCsv(2));
    expect(result.batches[0]).toMatchObject({ state: "delivered" });
    expect([...merchant.drop.taken.keys()]).toEqual(["/inbound/evaluate_mid-1_20261120060000_0001.csv"]);
  });
});

describe("collect and reconcile", () => {
  test("a result file is taken once, and its rows are applied once", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(2));
    merchant.drop.put(
      "/outbound/r1.csv",
      resultCsv("o-1,k1,APPROVED,1999,USD,2026-11-21T07:00:00Z,,", "o-9,k9,APPROVED,1999,USD,2026-11-21T07:00:00Z,,"),
    );
    const context = await merchant.open();
    expect((await collect(context)).files).toMatchObject([{ name: "r1.csv", state: "collected" }]);
    expect(await reconcile(context)).toMatchObject({
      rows: 2,
      applied: 1,
      repeated: 0,
      breaks: [{ code: "unknown_order" }],
    });
    expect((await collect(context)).files).toMatchObject([{ name: "r1.csv", state: "seen" }]);
    expect(await reconcile(context)).toMatchObject({ rows: 0 });
  });

  test("a file that changes between two looks, or is half written, is not taken", async () => {
    const merchant = await make();
    merchant.drop.put("/outbound/half.csv", resultCsv("o-1,k1,APPROVED,19").trimEnd());
    merchant.drop.put("/outbound/empty.csv", "");
    const context = await merchant.open();
    const { files } = await collect(context);
    expect(files.map((file) => `${file.name} ${file.state}`)).toEqual(["empty.csv not_ready", "half.csv not_ready"]);
    expect(await context.ledger.resultFiles()).toEqual([]);
  });

  test("a file that stays unfinished for a day is a finding, once, and is still not taken", async () => {
    const merchant = await make();
    merchant.drop.put("/outbound/half.csv", resultCsv("o-1,k1,APPROVED,19").trimEnd());
    const context = await merchant.open();
    await collect(context);
    expect(await context.ledger.breaks("open")).toEqual([]);
    for (const _night of [1, 2]) {
      merchant.now += 86_400_000;
      expect((await collect(context)).files).toMatchObject([{ state: "not_ready" }]);
    }
    expect(await context.ledger.breaks("open")).toMatchObject([{ code: "malformed_result", file: "half.csv" }]);
  });

  test("a file whole but for its last newline is taken once nobody has written to it for a while", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(1));
    merchant.drop.put("/outbound/r.csv", resultCsv("o-1,k1,APPROVED,1999,USD,2026-11-21T07:00:00Z,,").trimEnd());
    const context = await merchant.open();
    expect((await collect(context)).files).toMatchObject([{ state: "not_ready", reason: "no final newline" }]);
    merchant.now += 10_000;
    expect((await collect(context)).files).toMatchObject([{ state: "collected" }]);
    expect(await reconcile(context)).toMatchObject({ applied: 1 });
  });

  test("the same name with other bytes is read again, and only its new rows are applied", async () => {
    const merchant = await make();
    await submitCsv(merchant, exportCsv(2));
    const row = (id: number) => `o-${id},k${id},APPROVED,1999,USD,2026-11-21T07:00:00Z,,`;
    merchant.drop.put("/outbound/r.csv", resultCsv(row(1)));
    const context = await merchant.open();
    await collect(context);
    await reconcile(context);
    merchant.drop.put("/outbound/r.csv", resultCsv(row(1), row(2)));
    await collect(context);
    expect(await reconcile(context)).toMatchObject({ rows: 2, applied: 1, repeated: 1 });
  });

  test("a name that is no plain file name is a finding, and nothing is asked for by it", async () => {
    const merchant = await make();
    merchant.drop.put("/outbound/r\u0007.csv", resultCsv());
    const context = await merchant.open();
    expect((await collect(context)).files).toMatchObject([{ state: "quarantined", sha256: "" }]);
    expect(merchant.drop.requests.filter(({ operation }) => operation === "read")).toEqual([]);
    await collect(context);
    expect(await context.ledger.breaks("open")).toMatchObject([{ code: "malformed_result" }]);
  });

  test("a file that is no result file is quarantined, and is a break", async () => {
    const merchant = await make();
    merchant.drop.put("/outbound/readme.csv", "hello,world\n1,2\n");
    const context = await merchant.open();
    expect((await collect(context)).files).toMatchObject([{ state: "quarantined" }]);
    expect(await context.ledger.breaks("open")).toMatchObject([{ code: "malformed_result", file: "readme.csv" }]);
  });
});
