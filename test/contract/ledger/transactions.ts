/** All or nothing, also across awaits; and nobody else's call slips in between. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { LedgerBench } from "../ledger-suite.ts";
import { FACT, pagesOf, planBatch, recordExport, STAMP, sampleAttempt, sampleExport } from "./samples.ts";

export function transactionPromises(bench: LedgerBench): void {
  const commands = async () => (await bench.ledger.runs()).map((run) => run.command);
  const start = (command: string) => bench.ledger.startRun({ ...STAMP, command });

  describe("a transaction", () => {
    test("a whole ledger finds nothing wrong with itself", async () => {
      await planBatch(bench.ledger, sampleAttempt(0));
      expect(await bench.ledger.checkIntegrity()).toEqual([]);
    });

    test("commits what was written across awaits, and gives its result", async () => {
      const result = await bench.ledger.transaction(async () => {
        await start("a");
        await sleep(5);
        await start("b");
        return 42;
      });
      expect(result).toBe(42);
      expect(await commands()).toEqual(["a", "b"]);
    });

    test("sees what it wrote", async () => {
      await bench.ledger.transaction(async () => {
        await start("a");
        expect(await commands()).toEqual(["a"]);
        await planBatch(bench.ledger, sampleAttempt(0));
        expect(await bench.ledger.hasAttempts()).toBe(true);
        if (bench.readsPagesInside) expect(await pagesOf(bench.ledger.attempts())).toHaveLength(1);
      });
    });

    test("leaves nothing behind when it throws, and throws that", async () => {
      const failing = bench.ledger.transaction(async () => {
        await start("a");
        await recordExport(bench.ledger, sampleExport());
        await sleep(1);
        throw new RangeError("stop");
      });
      await expect(failing).rejects.toThrow(new RangeError("stop"));
      expect(await commands()).toEqual([]);
      expect(await bench.ledger.exports()).toEqual([]);
      await start("after");
      expect(await commands()).toEqual(["after"]);
    });

    test("inside another joins it", async () => {
      await expect(
        bench.ledger.transaction(async () => {
          await bench.ledger.transaction(async () => {
            await start("inner");
          });
          throw new Error("outer fails");
        }),
      ).rejects.toThrow("outer fails");
      expect(await commands()).toEqual([]);
    });

    test("fails as a whole when something inside failed, even if that was caught", async () => {
      const batchId = await planBatch(bench.ledger);
      const work = bench.ledger.transaction(async () => {
        await start("a");
        await bench.ledger.recordBatchState(batchId, "delivered", FACT).catch(() => {});
        return "as if nothing had happened";
      });
      await expect(work).rejects.toThrow("cannot go from planned to delivered");
      expect(await commands()).toEqual([]);
    });

    test("whose result is not to be kept leaves nothing behind, and gives it all the same", async () => {
      const given = await bench.ledger.transaction(
        async () => {
          await start("a");
          await planBatch(bench.ledger, sampleAttempt(0));
          return "looked";
        },
        { keeps: (result) => result !== "looked" },
      );
      expect(given).toBe("looked");
      expect(await commands()).toEqual([]);
      expect(await bench.ledger.hasAttempts()).toBe(false);
      await planBatch(bench.ledger, sampleAttempt(0));
      expect(await bench.ledger.findAttempts([{ orderId: "", transactionId: "transaction-0" }])).toHaveLength(1);
    });

    test("takes calls before the answers to earlier ones, and carries them out in their order", async () => {
      const { ledger } = bench;
      const seen = await ledger.transaction(
        async () => {
          const written = Array.from({ length: 50 }, (_, n) => start(`run ${n}`));
          const between = commands();
          await Promise.all([...written, start("last")]);
          return [(await between).length, (await commands()).length];
        },
        { isLarge: true },
      );
      expect(seen).toEqual([50, 51]);
      expect((await commands()).slice(-2)).toEqual(["run 49", "last"]);
    });

    test("fails as a whole when a call could not even be made, and that was caught", async () => {
      const work = bench.ledger.transaction(async () => {
        await start("a");
        // What crosses to a thread is cloned, and a function cannot be.
        const broken = (() => {}) as unknown as string;
        await start(broken).catch(() => {});
      });
      await expect(work).rejects.toThrow();
      expect(await commands()).toEqual([]);
    });

    test("inside another cannot be taken back alone", async () => {
      const outer = bench.ledger.transaction(async () => {
        await start("a");
        await bench.ledger.transaction(async () => {}, { keeps: () => false }).catch(() => {});
      });
      await expect(outer).rejects.toThrow("cannot be taken back");
    });

    test("is not slipped into by a write from elsewhere, nor rolled back with it", async () => {
      let inside: () => void = () => {};
      const isInside = new Promise<void>((resolve) => {
        inside = resolve;
      });
      const failing = bench.ledger.transaction(async () => {
        await start("inside");
        inside();
        await sleep(20);
        throw new Error("stop");
      });
      await isInside;
      const outside = start("outside");
      await expect(failing).rejects.toThrow("stop");
      await outside;
      expect(await commands()).toEqual(["outside"]);
    });

    test("is not seen from elsewhere before it is committed", async () => {
      const gate = Promise.withResolvers<void>();
      const started = Promise.withResolvers<void>();
      const work = bench.ledger.transaction(async () => {
        await start("a");
        started.resolve();
        await gate.promise;
        throw new Error("stop");
      });
      await started.promise;
      const seen = commands();
      const another = await bench.reopen();
      expect(await another.runs()).toEqual([]);
      gate.resolve();
      await expect(work).rejects.toThrow("stop");
      expect(await seen).toEqual([]);
    });

    test("waits for the one before it", async () => {
      const order: string[] = [];
      const run = (name: string) =>
        bench.ledger.transaction(async () => {
          order.push(`${name} begins`);
          await sleep(5);
          await start(name);
          order.push(`${name} ends`);
        });
      await Promise.all([run("a"), run("b")]);
      expect(order).toEqual(["a begins", "a ends", "b begins", "b ends"]);
    });

    test("is over when its work is: a forgotten await is an error, not a write of its own", async () => {
      let late: Promise<unknown> = Promise.resolve();
      await bench.ledger.transaction(async () => {
        late = sleep(10).then(() => start("late"));
        late.catch(() => {});
      });
      await expect(late).rejects.toThrow("an await is missing");
      expect(await commands()).toEqual([]);
    });
  });

  describe("writes that are made at the same time", () => {
    test("each stand or fall alone, and are kept in the order in which they were made", async () => {
      const batchId = await planBatch(bench.ledger);
      const [first, bad, second] = await Promise.allSettled([
        start("a"),
        bench.ledger.recordBatchState(batchId, "delivered", FACT),
        start("b"),
      ]);
      expect([first.status, bad.status, second.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(bad).toMatchObject({ reason: new Error(`batch ${batchId} cannot go from planned to delivered`) });
      expect(await commands()).toEqual(["a", "b"]);
    });

    test("are each durable when they resolve: another program sees them", async () => {
      const another = await bench.reopen();
      const seen = await Promise.all(
        ["a", "b", "c"].map(async (command) => {
          await start(command);
          return (await another.runs()).some((run) => run.command === command);
        }),
      );
      expect(seen).toEqual([true, true, true]);
    });

    test("do not slip into a transaction that is open, and are not rolled back with it", async () => {
      const failing = bench.ledger.transaction(async () => {
        await start("inside");
        await sleep(5);
        throw new Error("stop");
      });
      const outside = Promise.all([start("a"), start("b")]);
      await expect(failing).rejects.toThrow("stop");
      await outside;
      expect(await commands()).toEqual(["a", "b"]);
    });

    test("are all refused when the lock is lost", async () => {
      await bench.ledger.releaseLock();
      const refused = await Promise.allSettled([start("a"), start("b")]);
      expect(refused).toMatchObject([{ reason: { code: "locked" } }, { reason: { code: "locked" } }]);
      expect(await commands()).toEqual([]);
    });
  });

  test("pages may be read across a transaction's beginning and end", async () => {
    const { ledger } = bench;
    const batchId = await planBatch(ledger);
    await ledger.claim(
      batchId,
      Array.from({ length: 5_000 }, (_, n) => sampleAttempt(n)),
    );
    const pages = ledger.attempts()[Symbol.asyncIterator]();
    const before = await pages.next();
    const inside = await ledger.transaction(() => pages.next(), { isLarge: false });
    const after = await pages.next();
    const sizes = [before, inside, after].map((page) => (page.done ? 0 : page.value.length));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(5_000);
  });
}
