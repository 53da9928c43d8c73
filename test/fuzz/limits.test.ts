/**
 * Input that is made to cost more than its size. Work is compared between one size and another four times as large, in
 * processor time of this process: linear work takes about 4 times as much, and 16 times if it grows with the square.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { maskCardNumbers } from "../../src/domain/card-number.ts";
import { isProblem } from "../../src/domain/problem.ts";
import { readExport } from "../../src/intake/read-export.ts";
import { RejectsFile } from "../../src/intake/rejects.ts";
import { checkResultFile } from "../../src/profiles/check-results.ts";
import { flex } from "../../src/profiles/flex.ts";
import { parseProfile } from "../../src/profiles/parse-profile.ts";
import { goodRow, NOW, POLICY, SHAPE, toCsv } from "../intake/read-all.ts";
import { resultCsv } from "../support/pipeline.ts";
import { readResults } from "../support/read-results.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "rescue-limits-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

type Work = (text: string) => Promise<void> | void;

async function costMs(work: Work, text: string): Promise<number> {
  const before = process.cpuUsage().user;
  await work(text);
  return (process.cpuUsage().user - before) / 1_000;
}

/** What is below so much is noise and start-up. */
const NOISE_MS = 60;

/** Other work of the machine only ever adds, so that the best of three tries counts. */
async function expectLinear(work: Work, make: (size: number) => string, size: number): Promise<void> {
  const told: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const once = await costMs(work, make(size));
    const fourTimes = await costMs(work, make(size * 4));
    if (fourTimes < 10 * Math.max(once, NOISE_MS)) return;
    told.push(`${once} ms, and for four times as much ${fourTimes} ms`);
  }
  expect.fail(told.join("; "));
}

/** Counts, and keeps nothing. */
const takeExport: Work = async (text) => {
  const path = join(FOLDER, "export.csv");
  await writeFile(path, text);
  const rejects = new RejectsFile(join(FOLDER, "rejects.csv"));
  const sink = {
    accepted: async () => {},
    skipped: async () => {},
    rejected: (row: Parameters<RejectsFile["write"]>[0]) => rejects.write(row),
  };
  try {
    await readExport(path, { shape: SHAPE, policy: POLICY, now: NOW }, sink);
  } catch (error) {
    if (!isProblem(error)) throw error;
  } finally {
    await rejects.close();
  }
};

const takeResults: Work = async (text) => {
  const path = join(FOLDER, "results.csv");
  await writeFile(path, text);
  const verdict = await checkResultFile(flex, path);
  if (typeof verdict === "object" && !("unterminated" in verdict)) return;
  for await (const row of readResults(flex, path)) expect(row.line).toBeGreaterThan(1);
};

const takeProfile: Work = (text) => {
  expect(() => parseProfile(text, "own.yaml")).toThrow("own.yaml has");
};

const GOOD = toCsv([goodRow(1)]);
const HEADER = GOOD.split("\n")[0] ?? "";
const WIDE = `${HEADER},${Array.from({ length: 990 }, (_, at) => `c${at}`).join()}`;
const RESULTS = resultCsv();

describe("costs no more than its size:", () => {
  test.each<[string, Work, (size: number) => string, number]>([
    [
      "a header of many columns",
      takeExport,
      (n) => `${HEADER},${Array.from({ length: n }, (_, at) => `c${at}`).join()}\n`,
      20_000,
    ],
    ["a header of one name many times", takeExport, (n) => `${HEADER}${",same".repeat(n)}\n`, 20_000],
    ["a row of many cells", takeExport, (n) => `${GOOD}${",".repeat(n)}\n`, 30_000],
    ["tiny rows, one of them badly quoted", takeExport, (n) => `${HEADER}\na"b\n${"x\n".repeat(n)}`, 1_500],
    ["rows that open a quote", takeExport, (n) => `${HEADER}\n${'a,"x\n'.repeat(n)}`, 800],
    ["rows of quotes", takeExport, (n) => `${HEADER}\n${`${'""'.repeat(20)}\n`.repeat(n)}`, 400],
    ["a line without an end", takeExport, (n) => `${GOOD}${"x".repeat(n)}`, 400_000],
    ["an open quote without an end", takeExport, (n) => `${GOOD}"${"x\n".repeat(n)}`, 20_000],
    ["a cell of digits and spaces", takeExport, (n) => `${GOOD}${"4111 1111 ".repeat(n)},,,,,,,,\n`, 1_500],
    [
      "a result whose quote stays open for 100 lines",
      takeResults,
      (n) => `${RESULTS}${`"x\n${'a""b\n'.repeat(99)}`.repeat(n)}`,
      1,
    ],
    ["results that each open a quote", takeResults, (n) => `${RESULTS}${'"x\n'.repeat(n)}`, 300],
    [
      "results within long lines and an open quote",
      takeResults,
      (n) => `${RESULTS}"x\n${`${"y".repeat(50_000)}\n`.repeat(n)}`,
      20,
    ],
    ["a profile of many keys", takeProfile, (n) => Array.from({ length: n }, (_, at) => `k${at}: 1`).join("\n"), 1_500],
    ["a text of card numbers", (text) => void maskCardNumbers(text), (n) => "4111 1111 1111 1111 ".repeat(n), 5_000],
  ])("%s", { timeout: 60_000 }, async (_what, work, make, size) => {
    await expectLinear(work, make, size);
  });
});

describe("memory", () => {
  /** How far the heap and the buffers rise above where they were, at their highest. */
  async function riseOf(work: () => Promise<void>): Promise<number> {
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return (heapUsed + arrayBuffers) / 2 ** 20;
    };
    globalThis.gc?.();
    const before = used();
    let highest = before;
    const timer = setInterval(() => {
      highest = Math.max(highest, used());
    }, 5);
    await work().finally(() => clearInterval(timer));
    return Math.max(highest, used()) - before;
  }

  test.each<[string, Work, (size: number) => string, number]>([
    ["tiny rows below a wide header", takeExport, (n) => `${WIDE}\n${"x\n".repeat(n)}`, 30_000],
    [
      "rows with an endless name of a column",
      takeExport,
      (n) => `${HEADER},${"n".repeat(500_000)}\n${`${",".repeat(9)}4111111111111111\n`.repeat(n)}`,
      3_000,
    ],
    [
      "rows of a million characters",
      takeExport,
      (n) => `${GOOD}${`"${"x".repeat(1_000_000)}\n`.repeat(n / 1_000)}`,
      30_000,
    ],
    [
      "results of a million characters each",
      takeResults,
      (n) => `${RESULTS}${`"${"x".repeat(1_000_000)}\n`.repeat(n / 1_000)}`,
      12_000,
    ],
    ["results that are all malformed", takeResults, (n) => `${RESULTS}${"x\n".repeat(n)}`, 200_000],
  ])("does not grow with %s", { timeout: 60_000 }, async (_what, work, make, size) => {
    const text = make(size);
    expect(await riseOf(async () => work(text))).toBeLessThan(300);
  });
});
