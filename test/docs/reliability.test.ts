import { describe, expect, test } from "vitest";
import { STEPS } from "../../src/pipeline/steps.ts";
import { readPage, withBlocks } from "./page.ts";
import { declaredIn, readRecorded } from "./recorded.ts";
import { sweptTable, TESTED_FILES, testedTable } from "./reliability-tables.ts";

const PAGE = "docs/reliability.md";
const recorded = readRecorded();

describe(PAGE, () => {
  test("its tables are what `npm run reliability` prints (-- --write puts them there)", async () => {
    const page = await readPage(PAGE);
    expect(page).toBe(withBlocks(page, { tested: testedTable(recorded), swept: sweptTable(recorded) }));
  });

  test.each(TESTED_FILES)("what it tells of %s was counted since tests were added (-- --record FILE)", (file) => {
    expect(recorded.files[file]).toMatchObject({ declared: declaredIn(file) });
  });

  test("what it tells of was run, not left out", () => {
    for (const file of TESTED_FILES) {
      expect(recorded.files[file]?.passed, file).toBeGreaterThan(0);
      expect(recorded.files[file]?.skipped, file).toBe(0);
    }
  });

  test("the recorded kill matrix has every step", () => {
    const killed = Object.keys(recorded.files["test/kill/matrix.test.ts"]?.points ?? {});
    const steps = killed.map((title) => title.replace(/^.* at /, ""));
    expect(steps.toSorted()).toEqual(STEPS.toSorted());
  });
});
