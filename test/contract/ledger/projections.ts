/** Reads that give a part of what is known, for millions of rows: the part is the same as in the whole. */
import { describe, expect, test } from "vitest";
import type { AttemptHold, AttemptRecord, AttemptStanding, SentAttempt } from "../../../src/ledger/ledger.ts";
import type { LedgerBench } from "../ledger-suite.ts";
import {
  archiveBatch,
  deliverBatch,
  FACT,
  failBatch,
  pagesOf,
  planBatch,
  STAMP,
  sampleAttempt,
  sampleBreak,
  sampleOutcome,
} from "./samples.ts";

/** Three batches: one uncertain, one failed whose rows went into a delivered one; words, keys and open breaks among them. */
async function playSome({ ledger }: LedgerBench): Promise<void> {
  const uncertain = await planBatch(ledger, sampleAttempt(0), sampleAttempt(1));
  await archiveBatch(ledger, uncertain);
  await ledger.recordBatchState(uncertain, "uncertain", FACT);
  await failBatch(ledger, await planBatch(ledger, sampleAttempt(2), sampleAttempt(3)));
  const again = await ledger.planBatch({ ...STAMP, exportId: 2 });
  await ledger.reclaim(again, [3]);
  await deliverBatch(ledger, again);
  await ledger.appendOutcomes([
    sampleOutcome(1, { status: "pending", sessionKey: "s-1", processedAt: 5 }),
    sampleOutcome(3),
    sampleOutcome(1, { sessionKey: "s-2" }),
  ]);
  await ledger.recordBreaks([
    sampleBreak({ code: "amount_mismatch", attemptId: 4 }),
    sampleBreak({ code: "currency_mismatch", attemptId: 2 }),
    sampleBreak({ code: "late_outcome", attemptId: 3 }),
  ]);
  await ledger.settleBreak(2, { ...STAMP, reason: "compared", as: undefined });
}

/** Of the whole records what such a part says. */
function standingsOf(whole: readonly AttemptRecord[], part: AttemptStanding | undefined): object[] {
  return whole.map((record) => ({
    ...Object.fromEntries(Object.keys(part ?? {}).map((key) => [key, record[key as keyof AttemptRecord]])),
    outcomes: record.outcomes.map(({ status, amountMinor, at }) => ({ status, amountMinor, at })),
  }));
}

export function projectionPromises(bench: LedgerBench): void {
  describe("a part of what is known", () => {
    test("says where each attempt stands as the whole record does", async () => {
      await playSome(bench);
      const whole = await pagesOf(bench.ledger.attempts());
      const parts: AttemptStanding[] = [];
      for await (const page of bench.ledger.standings()) parts.push(...page);
      expect(parts).toEqual(standingsOf(whole, parts[0]));
      expect(parts.map((part) => part.batchState)).toEqual(["uncertain", "uncertain", "delivered", "failed"]);
      expect(parts.map((part) => part.mismatchOpen)).toEqual([false, false, false, true]);
    });

    test("says whose each attempt is, and which orders were sent again", async () => {
      await playSome(bench);
      const whole = await pagesOf(bench.ledger.attempts());
      const parts: AttemptHold[] = [];
      for await (const page of bench.ledger.holds()) parts.push(...page);
      expect(parts).toEqual(standingsOf(whole, parts[0]));
      expect(parts[1]).toMatchObject({ subscriptionId: "subscription-1", customerId: "customer-1", attemptNumber: 1 });
      expect(await bench.ledger.ordersSentAgain()).toEqual(new Map());
      const again = { orderId: "order-3", transactionId: "transaction-30" };
      await planBatch(bench.ledger, sampleAttempt(30, again));
      await planBatch(bench.ledger, sampleAttempt(31, { ...again, transactionId: "transaction-31" }));
      expect(await bench.ledger.ordersSentAgain()).toEqual(new Map([["order-3", 3]]));
    });

    test("says of what was sent what a result row is compared with", async () => {
      await playSome(bench);
      const orderIds = ["order-3", "order-0", "order-2", "order-9", "order-1"];
      const found = await bench.ledger.findSentAttempts({ attemptIds: [], orderIds, sessionKeys: ["s-2", "s-9"] });
      const whole = await bench.ledger.findAttemptsForResults({ orderIds, sessionKeys: [] });
      expect(found.toSorted((a, b) => a.attemptId - b.attemptId)).toEqual(
        whole.map((record) => ({
          ...Object.fromEntries(Object.keys(found[0] ?? {}).map((key) => [key, record[key as keyof typeof record]])),
          batchWasUploaded: record.batchState === "delivered",
          outcomes: record.outcomes.map(({ status, rawStatus, amountMinor, currency, processedAt }) => ({
            status,
            rawStatus,
            amountMinor,
            currency,
            ...(processedAt === undefined ? {} : { processedAt }),
          })),
        })),
      );
      expect(found).toHaveLength(4);
    });

    test("says it in the very words, whatever they are made of", async () => {
      const { ledger } = bench;
      const words = ['"', "\\", "a\u0000b", "\u0001\u001f\u007f", "\u2028", "ä🎉", "[1,null]", "a\r\nb", "\ufeff"];
      await planBatch(ledger, ...words.map((orderId, n) => sampleAttempt(n, { orderId })));
      const said = (rawStatus: string, n: number) =>
        sampleOutcome(n + 1, { rawStatus, sessionKey: `${rawStatus} key` });
      await ledger.appendOutcomes(words.map(said));
      const keys = { attemptIds: [], orderIds: words, sessionKeys: words.map((word) => `${word} key`) };
      const found = await ledger.findSentAttempts(keys);
      const inOrder = found.toSorted((a, b) => a.attemptId - b.attemptId);
      expect(inOrder.map(({ orderId }) => orderId)).toEqual(words);
      expect(inOrder.map(({ outcomes }) => outcomes.map(({ rawStatus }) => rawStatus))).toEqual(
        words.map((word) => [word]),
      );
      expect(inOrder.map(({ sessionKey }) => sessionKey)).toEqual(words.map((word) => `${word} key`));
      expect((await ledger.findAttemptIds(words)).attemptIds).toHaveLength(words.length);
    });

    test("finds the same by an id, each once, whatever else it is asked for by", async () => {
      await playSome(bench);
      const { ledger } = bench;
      const byOrder = await ledger.findSentAttempts({
        attemptIds: [],
        orderIds: ["order-0", "order-2"],
        sessionKeys: [],
      });
      const byId = await ledger.findSentAttempts({ attemptIds: [3, 1, 99, 3], orderIds: [], sessionKeys: [] });
      const inOrder = (found: SentAttempt[]) => found.toSorted((a, b) => a.attemptId - b.attemptId);
      expect(inOrder(byId)).toEqual(inOrder(byOrder));
      const all = await ledger.findSentAttempts({ attemptIds: [1, 2], orderIds: ["order-0"], sessionKeys: ["s-1"] });
      expect(inOrder(all).map((found) => found.attemptId)).toEqual([1, 2]);
    });

    test("finds the attempts of orders by their ids alone", async () => {
      await playSome(bench);
      const { ledger } = bench;
      const again = { orderId: "order-2", transactionId: "transaction-20" };
      await planBatch(ledger, sampleAttempt(20, again), sampleAttempt(21));
      await planBatch(ledger, sampleAttempt(22, { ...again, transactionId: "transaction-22" }));
      const asked = ["order-3", "nobody", "order-2", "", "order-0", "order-2"];
      const { orders, attemptIds } = await ledger.findAttemptIds(asked);
      const idsOf = (place: number) => attemptIds.filter((_, n) => orders[n] === place).toSorted((a, b) => a - b);
      expect(asked.map((_, place) => idsOf(place))).toEqual([[4], [], [3, 5, 7], [], [1], [3, 5, 7]]);
      expect(await ledger.findAttemptIds([])).toEqual({ orders: [], attemptIds: [] });
    });

    test("finds what was sent by a session key alone, and by nothing else", async () => {
      await playSome(bench);
      const find = async (sessionKeys: string[]) =>
        (await bench.ledger.findSentAttempts({ attemptIds: [], orderIds: [], sessionKeys })).map(
          (found) => found.attemptId,
        );
      expect(await find(["s-2"])).toEqual([1]);
      expect(await find(["s-1", "s-2"])).toEqual([1]);
      expect(await find(["", "s-3", "order-0"])).toEqual([]);
    });
  });

  describe("outcomes by the hundred", () => {
    test("keep their order within an attempt, whatever they share with their neighbours", async () => {
      const { ledger } = bench;
      const attempts = Array.from({ length: 150 }, (_, n) => sampleAttempt(n));
      await planBatch(ledger, ...attempts);
      const file = { ...STAMP, name: "r", sizeBytes: 1, modifiedAt: 1, sha256: "c", archivePath: "a" };
      const resultFileId = await ledger.recordResultFile({ ...file, state: "collected", source: "file" });
      const said = (id: number, line: number) =>
        line % 67 === 0
          ? sampleOutcome(id, { line, message: "a person" })
          : sampleOutcome(id, { line, source: "file", resultFileId, sessionKey: `s-${id}`, processedAt: line });
      const words = Array.from({ length: 400 }, (_, n) => said(((n * 7) % 150) + 1, n));
      await ledger.appendOutcomes(words.slice(0, 211));
      await ledger.appendOutcomes(words.slice(211));
      for (const record of await pagesOf(ledger.attempts())) {
        const own = words.filter((word) => word.attemptId === record.attemptId);
        expect(record.outcomes.map((outcome) => [outcome.line, outcome.source, outcome.processedAt])).toEqual(
          own.map((word) => [word.line, word.source, word.processedAt]),
        );
      }
      const sessionKeys = attempts.map((_, n) => `s-${n + 1}`);
      const found = await ledger.findSentAttempts({ attemptIds: [], orderIds: [], sessionKeys });
      expect(found).toHaveLength(150);
    });

    test("keep their own words, however many there are and whatever is rolled back between them", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0));
      const expected: string[] = [];
      for (let step = 0; step < 60; step++) {
        // Now the same few, now new ones, now more than anybody would remember.
        const count = step % 7 === 3 ? 90 : 1 + (step % 5);
        const words = Array.from({ length: count }, (_, n) => `word ${step % 3 === 0 ? step : n}/${(n * step) % 97}`);
        const [some, rest] = [words.slice(0, count >> 1), words.slice(count >> 1)];
        const said = (rawStatus: string) => sampleOutcome(1, { rawStatus });
        const isKept = step % 4 !== 1;
        const appending = ledger.transaction(async () => {
          await ledger.appendOutcomes(some.map(said));
          await ledger.appendOutcomes(rest.map(said));
          if (!isKept) throw new Error("stop");
        });
        if (isKept) await appending;
        else await expect(appending).rejects.toThrow("stop");
        if (isKept) expected.push(...words);
      }
      const [record] = await pagesOf(ledger.attempts());
      expect(record?.outcomes.map(({ rawStatus }) => rawStatus)).toEqual(expected);
    });

    test("are appended after one that was refused for its words", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0));
      const wordless = sampleOutcome(1, { responseCode: null as unknown as string });
      await expect(ledger.appendOutcomes([wordless])).rejects.toThrow();
      await ledger.appendOutcomes([sampleOutcome(1)]);
      const [record] = await pagesOf(ledger.attempts());
      expect(record?.outcomes).toHaveLength(1);
    });

    test("are appended after others were rolled back", async () => {
      const { ledger } = bench;
      await planBatch(ledger, sampleAttempt(0), sampleAttempt(1));
      const failing = ledger.transaction(async () => {
        await ledger.appendOutcomes([sampleOutcome(1), sampleOutcome(2, { rawStatus: "OTHER" })]);
        throw new Error("stop");
      });
      await expect(failing).rejects.toThrow("stop");
      await ledger.appendOutcomes([sampleOutcome(2, { rawStatus: "LATER" })]);
      const found = (await pagesOf(ledger.attempts())).map(({ outcomes }) =>
        outcomes.map(({ rawStatus }) => rawStatus),
      );
      expect(found).toEqual([[], ["LATER"]]);
    });
  });

  describe("breaks and result files", () => {
    test("are found by what they are", async () => {
      const { ledger } = bench;
      await playSome(bench);
      expect(await ledger.countOpenBreaks()).toBe(2);
      const codes = async (which: "all" | "open", code: "currency_mismatch" | "amount_mismatch") =>
        (await ledger.breaks(which, code)).map((found) => found.breakId);
      expect([await codes("all", "currency_mismatch"), await codes("open", "currency_mismatch")]).toEqual([[2], []]);
      expect(await codes("open", "amount_mismatch")).toEqual([1]);
      const found = await ledger.findBreaks("currency_mismatch", ["order y", sampleBreak().fingerprint]);
      expect(found.map((entry) => [entry.breakId, entry.settled?.reason])).toEqual([[2, "compared"]]);
      expect(await ledger.findBreaks("overdue", [sampleBreak().fingerprint])).toEqual([]);
    });

    test("wait until they are applied, and are known by their bytes", async () => {
      const { ledger } = bench;
      const file = {
        ...STAMP,
        name: "r",
        sizeBytes: 1,
        modifiedAt: 1,
        sha256: "c1",
        archivePath: "a",
        source: "file",
      } as const;
      await ledger.recordResultFile({ ...file, state: "collected" });
      await ledger.recordResultFile({ ...file, sha256: "c2", state: "quarantined" });
      await ledger.recordResultFile({ ...file, sha256: "c3", state: "collected" });
      await ledger.markApplied(1, { ...STAMP, rows: 1, applied: 1, repeated: 0 });
      expect((await ledger.resultFiles("waiting")).map((waiting) => waiting.resultFileId)).toEqual([3]);
      expect((await ledger.findResultFile("c1"))?.applied?.rows).toBe(1);
      expect((await ledger.findResultFile("c3"))?.resultFileId).toBe(3);
      expect(await ledger.findResultFile("c4")).toBeUndefined();
    });
  });
}
