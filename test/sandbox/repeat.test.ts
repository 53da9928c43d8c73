import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../../src/domain/instant.ts";
import { batch, batchName, row } from "./batches.ts";
import { START, start } from "./raw-client.ts";
import { allResults, END, night, resultNames, submit } from "./results.ts";

describe("a run repeats", () => {
  async function runOnce(seed: string, stepMs: number): Promise<{ files: Record<string, string>; events: string }> {
    const sandbox = await start({
      seed,
      shareCancelled: 0.1,
      shareRefunded: 0.2,
      manners: ["cumulative", "repeat", "unknownOrder", "wrongAmount", "contradiction", "late"],
    });
    submit(sandbox, night());
    for (let at = START; at < END + 5 * DAY_MS; at += stepMs) await sandbox.advanceTo(at);
    await sandbox.advanceTo(END + 5 * DAY_MS);
    const files = resultNames(sandbox).map((name) => [name, readFileSync(join(sandbox.outbound, name), "utf8")]);
    return {
      files: Object.fromEntries(files),
      events: JSON.stringify(sandbox.events, (_, v) => (typeof v === "bigint" ? String(v) : v)),
    };
  }

  test("the same seed gives the same bytes, in small steps or large", async () => {
    const first = await runOnce("a", DAY_MS);
    expect(Object.keys(first.files).length).toBeGreaterThan(80);
    expect(await runOnce("a", DAY_MS)).toEqual(first);
    expect(await runOnce("a", 100 * DAY_MS)).toEqual(first);
    expect(await runOnce("a", 7 * HOUR_MS)).toEqual(first);
    expect((await runOnce("b", DAY_MS)).files).not.toEqual(first.files);
  });

  test("what befalls an order does not depend on its file, its row or its neighbours", async () => {
    const finals = async (...texts: string[]) => {
      const sandbox = await start({ shareCancelled: 0.2, shareRefunded: 0.2 });
      for (const [index, text] of texts.entries()) submit(sandbox, text, batchName(index + 1));
      await sandbox.advanceTo(END + 15 * DAY_MS);
      return allResults(sandbox)
        .filter((result) => result.status !== "SUBMITTED" && Number(result.orderId.slice(6)) <= 6)
        .map((result) => JSON.stringify(result))
        .sort();
    };
    const id = (n: number) => ({ orderId: `order-${n}` });
    const together = await finals(batch(...[1, 2, 3, 4, 5, 6].map((n) => row(n, id(n)))));
    const apart = await finals(
      batch(...[6, 99, 5, 4].map((n, index) => row(index + 1, id(n)))),
      batch(...[3, 98, 97, 1, 2].map((n, index) => row(index + 1, id(n)))),
    );
    expect(together).toHaveLength(new Set(together).size);
    expect(apart).toEqual(together);
  });
});
