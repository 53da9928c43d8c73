/**
 * One request of each kind that is never answered, or carried out and never answered, in a whole night. Each is given up at
 * the idle limit; the night or the one after it ends as if nothing had been, and every rebill was sent once.
 */
import { describe, expect, test, vi } from "vitest";
import { exportOfCount, resultsOf } from "../support/e2e.ts";
import type { ServerAct } from "../transport/embedded-server.ts";
import { NIGHT_LIMIT_MS, ordersOf, profileWith, runOf } from "./night.ts";
import { makeOddMerchant, takingAtOnce } from "./odd-merchant.ts";

vi.setConfig({ testTimeout: NIGHT_LIMIT_MS });

const ONE_SECOND = { sftp: { connect_timeout: "1s", idle_timeout: "1s" } };
const RESULTS = resultsOf([
  { order: "o-1", status: "APPROVED" },
  { order: "o-2", status: "DECLINED" },
]);

describe("one request of a night is not answered", { concurrent: true }, () => {
  const looks: readonly ServerAct[] = ["realpath", "stat", "opendir", "readdir", "read"];
  const changes: readonly ServerAct[] = ["open", "write", "close", "rename"];
  const cases = [
    ...[...looks, ...changes].map((act) => [act, "no answer"] as const),
    // A look that was carried out has changed nothing: to us it is the same.
    ...changes.map((act) => [act, "lost answer"] as const),
  ];

  test.for(cases)("%s, %s", async ([act, fault]) => {
    let isDue = true;
    const merchant = await makeOddMerchant(
      {
        fault: (asked) => {
          if (asked !== act || !isDue) return undefined;
          isDue = false;
          return fault;
        },
      },
      ONE_SECOND,
    );
    await merchant.writeExport("a.csv", exportOfCount(2));
    const first = await runOf(merchant);
    await merchant.writeResults("r.csv", RESULTS);
    const second = await runOf(merchant);

    expect(isDue).toBe(false);
    // Safe to run again, never a wrong success; what is not delivered after it is not called so.
    expect([0, 10]).toContain(first["status"]);
    if (first["status"] === 0) expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2"]);
    const last = second["status"] === 0 ? second : await runOf(merchant);
    expect(last).toMatchObject({ status: 0 });
    const [usd] = last["report"].currencies;
    expect(usd).toMatchObject({ rescued: { count: 1 }, unrescued: { count: 1 }, balanced: true });
    // In one file, under one final name, with no temporary file beside it.
    expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2"]);
    expect(await merchant.delivered()).toHaveLength(1);
    const openMs = merchant.server.connectionsMs;
    expect(Math.max(...openMs)).toBeLessThan(15_000);
  });
});

describe("one of eight batches on their way is not answered", { concurrent: true }, () => {
  const acts: readonly ServerAct[] = ["stat", "open", "write", "close", "rename"];
  const cases = acts.flatMap((act) => (["no answer", "lost answer"] as const).map((fault) => [act, fault] as const));

  test.for(cases)("%s, %s: all are delivered once, within the same night", async ([act, fault]) => {
    let met = 0;
    const merchant = await makeOddMerchant(
      {
        fault: (asked) => {
          met += asked === act ? 1 : 0;
          return asked === act && met === 3 ? fault : undefined;
        },
      },
      { ...ONE_SECOND, profile: profileWith({}).replace("max_rows: 2000", "max_rows: 1") },
    );
    await merchant.writeExport("a.csv", exportOfCount(8));

    const night = await runOf(merchant);
    expect(met).toBeGreaterThan(3);
    expect(night).toMatchObject({ status: 0 });
    expect(night["submission"].batches.map((batch: { state: string }) => batch.state)).toEqual(
      Array(8).fill("delivered"),
    );
    expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2", "o-3", "o-4", "o-5", "o-6", "o-7", "o-8"]);
    expect(await merchant.delivered()).toHaveLength(8);
    expect((await merchant.rescue(["verify"])).status).toBe(0);
  });
});

test("the answer to the rename is lost where the provider takes the file at once: uncertain, until a result names it", async () => {
  const merchant = await makeOddMerchant(
    (place) => ({
      ...takingAtOnce(place),
      fault: (act) => (act === "rename" && place.taken.size === 0 ? "lost answer" : undefined),
    }),
    ONE_SECOND,
  );
  await merchant.writeExport("a.csv", exportOfCount(2));

  expect(await runOf(merchant)).toMatchObject({ status: 13, submission: { batches: [{ state: "uncertain" }] } });
  expect(await runOf(merchant)).toMatchObject({ status: 13 });
  expect(await merchant.delivered()).toHaveLength(1);

  await merchant.writeResults("r.csv", RESULTS);
  const settled = await runOf(merchant);
  expect(settled["reconciliation"]).toMatchObject({ applied: 2 });
  expect(await runOf(merchant)).toMatchObject({ report: { currencies: [{ unaccounted: { count: 0 } }] } });
  expect(await merchant.delivered()).toHaveLength(1);
});
