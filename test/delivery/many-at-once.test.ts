/**
 * Several batches on their way over one connection: what befalls one of them, or all of them at once, and what becomes of
 * the others.
 */
import { afterEach, describe, expect, test } from "vitest";
import { Problem } from "../../src/domain/problem.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { MemoryRequest } from "../../src/transport/memory.ts";
import { exportCsv, makeMerchant, type TestMerchant, type TestMerchantOptions } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const ONE_ROW = { ...flex, batch: { ...flex.batch, maxRows: 1, nameTemplate: "b{number:2}.csv" } };
const BATCHES = 12;

/** Twelve batches of one rebill each, eight at once where nothing else is said; taken, not yet sent. */
async function twelve(options: TestMerchantOptions = {}, change: Partial<PipelineContext> = {}) {
  const merchant = await makeMerchant({ profile: ONE_ROW, ...options });
  merchants.push(merchant);
  const context = { ...(await merchant.open()), ...change };
  const file = await merchant.writeExport("a.csv", exportCsv(BATCHES));
  const send = (files: string[]) => submit(context, files, { dryRun: false, reason: "" }, createInboxMover(context));
  return { merchant, context, send: () => send([file]), again: () => send([]) };
}

const batchOf = ({ path }: MemoryRequest) => /b(\d\d)\.csv/.exec(path)?.[1];
const ordersOf = (merchant: TestMerchant) =>
  [...merchant.drop.files, ...merchant.drop.taken]
    .filter(([path]) => path.startsWith("/inbound/") && path.endsWith(".csv"))
    .flatMap(([, file]) => file.bytes.toString().trimEnd().split("\n").slice(1))
    .map((line) => line.split(",")[5] ?? "")
    .toSorted((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
const ALL = Array.from({ length: BATCHES }, (_, index) => `o-${index + 1}`);
const connects = (merchant: TestMerchant) =>
  merchant.drop.requests.filter(({ operation }) => operation === "connect").length;
const partsOf = (merchant: TestMerchant) => [...merchant.drop.files.keys()].filter((path) => path.endsWith(".part"));
const statesOf = async (context: PipelineContext) => (await context.ledger.batches("all")).map((batch) => batch.state);

describe("batches at once", () => {
  test("eight are on their way before the first has arrived, and they are told in their order", async () => {
    const { merchant, send } = await twelve();
    const { batches } = await send();
    const { requests } = merchant.drop;
    const before = requests.slice(
      0,
      requests.findIndex(({ operation }) => operation === "rename"),
    );
    expect(new Set(before.map(batchOf).filter(Boolean)).size).toBe(8);
    expect(batches.map(({ batchId, name, state }) => `${batchId} ${name} ${state}`)).toEqual(
      ALL.map((_, index) => `${index + 1} b${String(index + 1).padStart(2, "0")}.csv delivered`),
    );
    expect(ordersOf(merchant)).toEqual(ALL);
    expect(connects(merchant)).toBe(1);
  });

  test("one at a time means that nothing is asked for a batch before the last one was delivered", async () => {
    const { merchant, send } = await twelve({ batchesAtOnce: 1 });
    await send();
    const asked = merchant.drop.requests.map(batchOf).filter((batch) => batch !== undefined);
    expect(asked).toEqual(asked.toSorted());
    expect(ordersOf(merchant)).toEqual(ALL);
  });

  test("a server without rename gets one after the other: a lost connection leaves one question, not eight", async () => {
    const direct = { ...ONE_ROW, delivery: { ...ONE_ROW.delivery, commit: "direct" as const } };
    const { merchant, context, send } = await twelve({
      profile: direct,
      fault: (request) =>
        request.operation === "write" && batchOf(request) === "03"
          ? { code: "remote_unreachable", when: "before" }
          : undefined,
    });
    await send();
    const asked = merchant.drop.requests.map(batchOf).filter((batch) => batch !== undefined);
    expect(asked).toEqual(asked.toSorted());
    expect(await statesOf(context)).toEqual(ALL.map((order) => (order === "o-3" ? "uncertain" : "delivered")));
  });

  test("each state of each batch is recorded before the act that it allows", async () => {
    const { merchant, context, send } = await twelve();
    const wrong: string[] = [];
    const record = context.ledger.recordBatchState.bind(context.ledger);
    const reached = new Map<string, string>();
    context.ledger.recordBatchState = async (batchId, state, fact) => {
      await record(batchId, state, fact);
      reached.set(String(batchId).padStart(2, "0"), state);
    };
    const needed: Partial<Record<MemoryRequest["operation"], string>> = { create: "uploading", rename: "committing" };
    const push = merchant.drop.requests as MemoryRequest[];
    push.push = (request: MemoryRequest) => {
      const state = needed[request.operation];
      const batch = batchOf(request) ?? "";
      if (state !== undefined && reached.get(batch) !== state) wrong.push(`${request.operation} of ${batch}`);
      return Array.prototype.push.call(push, request);
    };
    await send();
    expect(wrong).toEqual([]);
    expect(ordersOf(merchant)).toEqual(ALL);
  });
});

describe("a connection that dies with eight batches on it", () => {
  const acts = ["stat", "create", "write", "close", "rename"] as const;
  const cases = acts.flatMap((act) =>
    (["before", "after"] as const).flatMap((when) => [1, 5, 8].map((nth) => [act, when, nth] as const)),
  );

  test.each(cases)(
    "at a %s, %s it was done, the %ith: all are looked at over one new connection",
    async (act, when, nth) => {
      let met = 0;
      const { merchant, send } = await twelve({
        fault: ({ operation }) => {
          met += operation === act ? 1 : 0;
          if (operation !== act || met !== nth) return undefined;
          return { code: "remote_unreachable", when };
        },
      });
      const { batches, problems } = await send();
      expect(problems).toEqual([]);
      expect(batches.map(({ state }) => state)).toEqual(ALL.map(() => "delivered"));
      expect(ordersOf(merchant)).toEqual(ALL);
      expect(partsOf(merchant)).toEqual([]);
      expect(connects(merchant)).toBe(2);
    },
  );

  test("where the provider takes files at once: in doubt is the one whose rename was not answered, and no other", async () => {
    let renames = 0;
    const { merchant, context, send, again } = await twelve({
      isTaken: (path) => path.endsWith(".csv"),
      fault: ({ operation }) => {
        renames += operation === "rename" ? 1 : 0;
        return operation === "rename" && renames === 3 ? { code: "remote_unreachable", when: "after" } : undefined;
      },
    });
    await send();
    const states = await statesOf(context);
    expect(states.filter((state) => state === "uncertain")).toHaveLength(1);
    expect(states.filter((state) => state === "delivered")).toHaveLength(BATCHES - 1);
    await again();
    expect(ordersOf(merchant)).toEqual(ALL);
  });

  test("answers that were on their way are lost with it: in doubt are just those whose file is gone", async () => {
    let renames = 0;
    const lost: string[] = [];
    const { merchant, context, send, again } = await twelve({
      isTaken: (path) => path.endsWith(".csv"),
      travel: () => new Promise((resolve) => setTimeout(resolve, 25)),
      onAnswerLost: (request) => void (request.operation === "rename" && lost.push(batchOf(request) ?? "")),
      fault: ({ operation }) => {
        renames += operation === "rename" ? 1 : 0;
        return operation === "rename" && renames === 4 ? { code: "remote_unreachable", when: "before" } : undefined;
      },
    });
    await send();
    const uncertain = (await context.ledger.batches("all")).filter(({ state }) => state === "uncertain");
    expect(lost.length).toBeGreaterThan(0);
    expect(uncertain.map(({ name }) => name.slice(1, 3))).toEqual(lost.toSorted());
    await again();
    expect(ordersOf(merchant)).toEqual(ALL);
  });

  test("and cannot be made anew: nothing further is begun, and the next run finishes all", async () => {
    const server = { isDown: false, isMended: false };
    const { merchant, context, send, again } = await twelve({
      fault: ({ operation }) => {
        server.isDown ||= operation === "rename";
        return server.isDown && !server.isMended ? { code: "remote_unreachable", when: "before" } : undefined;
      },
    });
    const { problems } = await send();
    expect(problems.map(({ code }) => code)).toEqual(["remote_unreachable"]);
    expect((await statesOf(context)).slice(8)).toEqual(["archived", "archived", "archived", "archived"]);
    expect(connects(merchant)).toBe(2);
    server.isMended = true;
    await context.remote.close();
    await again();
    expect(await statesOf(context)).toEqual(ALL.map(() => "delivered"));
    expect(ordersOf(merchant)).toEqual(ALL);
    expect(partsOf(merchant)).toEqual([]);
  });
});

describe("what befalls one of several", () => {
  test("a rename that was done and answered with failure is looked at, while the others go on", async () => {
    const { merchant, send } = await twelve({
      fault: (request) =>
        request.operation === "rename" && batchOf(request) === "03"
          ? { code: "remote_failed", when: "after" }
          : undefined,
    });
    const { batches, problems } = await send();
    expect(problems).toEqual([]);
    expect(batches.every(({ state }) => state === "delivered")).toBe(true);
    expect(ordersOf(merchant)).toEqual(ALL);
    expect(connects(merchant)).toBe(1);
  });

  test("a full disk stops none of the others, and is told", async () => {
    const { merchant, context, send } = await twelve({
      fault: (request) =>
        request.operation === "write" && batchOf(request) === "03"
          ? { code: "remote_failed", when: "halfway" }
          : undefined,
    });
    const { problems } = await send();
    expect(problems.map(({ code }) => code)).toEqual(["remote_failed"]);
    expect(await statesOf(context)).toEqual(ALL.map((order) => (order === "o-3" ? "archived" : "delivered")));
    expect(ordersOf(merchant)).toEqual(ALL.filter((order) => order !== "o-3"));
    expect(partsOf(merchant)).toEqual([]);
  });

  test("a permission that is refused lets those on their way arrive, and begins no other", async () => {
    const { context, send, again } = await twelve({
      batchesAtOnce: 4,
      fault: (request) =>
        request.operation === "create" && batchOf(request) === "02"
          ? { code: "permission_denied", when: "before" }
          : undefined,
    });
    const { problems } = await send();
    expect(problems.map(({ code }) => code)).toEqual(["permission_denied"]);
    const states = await statesOf(context);
    expect([states[0], states[1], states[2], states[3]]).toEqual(["delivered", "archived", "delivered", "delivered"]);
    expect(states.slice(5)).toEqual(states.slice(5).map(() => "archived"));
    await again();
  });

  test("a signal lets those on their way arrive, and begins no other", async () => {
    const stop = new AbortController();
    const { merchant, context, send } = await twelve(
      {
        batchesAtOnce: 4,
        fault: ({ operation }) => {
          if (operation === "write") stop.abort();
          return undefined;
        },
      },
      { stop: stop.signal },
    );
    const { problems } = await send();
    expect(problems.map(({ code }) => code)).toEqual(["interrupted"]);
    expect(await statesOf(context)).toEqual(ALL.map((_, index) => (index < 4 ? "delivered" : "archived")));
    expect(ordersOf(merchant)).toEqual(ALL.slice(0, 4));
  });

  test("a lock that is lost ends the run, once nothing is on its way any more", async () => {
    const { merchant, context, send } = await twelve();
    const record = context.ledger.recordBatchState.bind(context.ledger);
    context.ledger.recordBatchState = async (batchId, state, fact) => {
      if (batchId === 2 && state === "committing") throw new Problem("locked", "this run has lost the lock");
      await record(batchId, state, fact);
    };
    await expect(send()).rejects.toMatchObject({ code: "locked" });
    const asked = merchant.drop.requests.length;
    expect((await statesOf(context)).slice(0, 8)).toEqual(
      ALL.slice(0, 8).map((order) => (order === "o-2" ? "uploaded" : "delivered")),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(merchant.drop.requests).toHaveLength(asked);
    expect(ordersOf(merchant)).not.toContain("o-2");
  });
});
