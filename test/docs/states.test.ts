import { describe, expect, test } from "vitest";
import { BATCH_STATES, isLegalBatchMove } from "../../src/domain/batch.ts";
import { BREAK_CODES, NEXT_ACTION } from "../../src/domain/break.ts";
import { BUCKETS, bucketOf } from "../../src/domain/bucket.ts";
import { type CutOffDelivery, decideDelivery, type RemoteLookAt } from "../../src/domain/delivery.ts";
import { isLegalMove, OUTCOME_STATUSES } from "../../src/domain/outcome.ts";
import { listHolds } from "../../src/report/holds.ts";
import { attempt, NOW, outcome, WINDOW } from "../report/sample.ts";
import { markdownTable, pathOf, plain, readPage, sectionOf, tableRows, withBlocks } from "./page.ts";

const PAGE = "docs/states.md";
const rowsOf = async (heading: string) => tableRows(sectionOf(await readPage(PAGE), heading));
const code = (word: string) => `\`${word}\``;
const words = (cell = "") => plain(cell).split(/, /).filter(Boolean);

function outcomesTable(): string {
  const rows = OUTCOME_STATUSES.map((from) => {
    const next = OUTCOME_STATUSES.filter((to) => isLegalMove(from, to));
    return [code(from), next.length === 0 ? "nothing" : next.map(code).join(", ")];
  });
  return markdownTable(["after", "may come"], rows);
}

function breaksTable(): string {
  return markdownTable(
    ["code", "next action"],
    BREAK_CODES.map((name) => [code(name), NEXT_ACTION[name]]),
  );
}

/** The looks that the words of the table stand for, with a file of 10 bytes and the hash `ours`. */
const TEMPORARY: Record<string, RemoteLookAt["temporary"]> = {
  gone: undefined,
  whole: { sizeBytes: 10 },
  "cut short": { sizeBytes: 4 },
};
const FINAL: Record<string, RemoteLookAt["final"]> = {
  free: undefined,
  ours: { sizeBytes: 10, sha256: "ours" },
  "another's": { sizeBytes: 10, sha256: "theirs" },
};

function delivery(state: CutOffDelivery["state"], changes: Partial<CutOffDelivery> = {}): CutOffDelivery {
  const file = { sizeBytes: 10, sha256: "ours", commit: "rename", ignoresTemporaryNames: false } as const;
  return { state, created: true, ...file, ...changes };
}

/** The step of the first row that fits. */
function stepByTable(rows: string[][], state: string, temporary: string, final: string, created: boolean): string {
  const fits = (cell: string | undefined, word: string) => words(cell).some((each) => each === "any" || each === word);
  const row = rows.find(([states, itsTemporary = "", itsFinal = ""]) => {
    if (!words(states).includes(state)) return false;
    const isGone = itsTemporary === "gone though it was made" && temporary === "gone" && created;
    const isTaken = itsFinal === "taken" && final !== "free";
    return (isGone || fits(itsTemporary, temporary)) && (isTaken || fits(itsFinal, final));
  });
  if (!row) throw new Error(`no row for ${state}, ${temporary}, ${final}`);
  return /^`(\w+)`/.exec(row[3] ?? "")?.[1] ?? "";
}

describe(PAGE, () => {
  test("its outcome moves and its breaks' next actions are those of the code (vitest -u writes them)", async () => {
    const page = withBlocks(await readPage(PAGE), { outcomes: outcomesTable(), breaks: breaksTable() });
    await expect(page).toMatchFileSnapshot(pathOf(PAGE));
  });

  test("its batch states are all there are, each with the moves that are legal", async () => {
    const rows = await rowsOf("A batch");
    expect(rows.map(([state]) => plain(state ?? "")).sort()).toEqual([...BATCH_STATES].sort());
    for (const from of BATCH_STATES) {
      const row = rows.find(([state]) => state === code(from));
      const legal = BATCH_STATES.filter((to) => isLegalBatchMove(from, to));
      expect(words(row?.[2]).sort(), from).toEqual(legal.sort());
    }
  });

  const states = ["uploading", "uploaded", "committing", "uncertain"] as const;
  test.each(states)("what it says of a cut-off delivery that is %s is what is decided", async (state) => {
    const rows = await rowsOf("After a cut-off");
    for (const [temporaryWord, temporary] of Object.entries(TEMPORARY)) {
      for (const [finalWord, final] of Object.entries(FINAL)) {
        for (const created of [true, false]) {
          const decided = decideDelivery(delivery(state, { created }), { temporary, final });
          const told = stepByTable(rows, state, temporaryWord, finalWord, created);
          expect(told, `${state}, ${temporaryWord}, ${finalWord}, created ${created}`).toBe(decided.step);
        }
      }
    }
  });

  test("what it says beside the table holds: temporary names that are ignored, direct commits, a size without a hash", () => {
    const gone = { temporary: undefined, final: undefined };
    expect(decideDelivery(delivery("uploading", { ignoresTemporaryNames: true }), gone).step).toBe("upload");
    expect(decideDelivery(delivery("committing", { commit: "direct" }), gone).step).toBe("uncertain");
    const sameSize = { sizeBytes: 10 };
    const bySize = (temporary: RemoteLookAt["temporary"]) =>
      decideDelivery(delivery("committing"), { temporary, final: sameSize }).step;
    expect(bySize(undefined)).toBe("delivered");
    expect(bySize(sameSize)).toBe("uncertain");
  });

  test("its buckets are all there are, each on the list of the biller that it says", async () => {
    const rows = await rowsOf("Buckets");
    expect(rows.map(([bucket]) => plain(bucket ?? ""))).toEqual(BUCKETS);
    const samples = [
      attempt(1, { outcomes: [outcome("rescued", "2026-11-05T16:00:00Z", 1999)] }),
      attempt(2),
      attempt(3, { outcomes: [outcome("unrescued", "2026-11-05T16:00:00Z", 1999)] }),
      attempt(4, { outcomes: [outcome("cancelled", "2026-11-05T16:00:00Z", 1999)] }),
      attempt(5, { batchState: "uncertain" }),
      attempt(6, { batchState: "archived" }),
      attempt(7, { batchState: "failed" }),
    ];
    const lists: string[] = [];
    for await (const page of listHolds({ attempts: [samples], sentAgain: new Map(), now: NOW, window: WINDOW })) {
      lists.push(...page.map(({ list }) => list));
    }
    expect(samples.map((each) => bucketOf(each, NOW, WINDOW).bucket)).toEqual(BUCKETS);
    expect(rows.map(([, , list]) => list)).toEqual(lists);
  });
});
