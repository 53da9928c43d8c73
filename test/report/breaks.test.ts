import { describe, expect, test } from "vitest";
import { BREAK_CODES, NEXT_ACTION } from "../../src/domain/break.ts";
import { type BreaksInput, breaksDocument, listBreaks, renderBreaksText } from "../../src/report/breaks.ts";
import { settleCommands } from "../../src/report/settle-commands.ts";
import { at, BREAKS, DERIVED, found, silence, stamp } from "./sample.ts";

const OLDER = found(4, "overdue", {
  attemptId: 6,
  orderId: "order-6",
  message: "no verdict, and its window ended 2026-11-19T07:00:00Z",
  ...stamp("2026-11-03T06:00:00Z"),
});
const INPUT: BreaksInput = {
  merchant: "acme",
  breaks: [OLDER, ...BREAKS],
  derived: DERIVED,
  batchNames: new Map([[2, "evaluate_m1_20261103040000_0002.csv"]]),
  newSince: at("2026-11-04T06:00:00Z"),
};

describe("breaks", () => {
  test("text, golden", async () => {
    await expect(renderBreaksText(await listBreaks(INPUT))).toMatchFileSnapshot("../../fixtures/reports/breaks.txt");
  });

  test("json, golden", async () => {
    const envelope = { type: "breaks", schema: 1, merchant: "acme", exit_status: 3 };
    const json = `${JSON.stringify({ ...envelope, ...breaksDocument(await listBreaks(INPUT)) })}\n`;
    await expect(json).toMatchFileSnapshot("../../fixtures/reports/breaks.jsonl");
  });

  test("new ones are apart from open ones; what silence was settled does not come back; each counts once", async () => {
    const list = await listBreaks(INPUT);
    expect(list.open.map((each) => [each.code, each.isNew])).toEqual([
      ["amount_mismatch", true],
      ["unknown_order", true],
      ["delivery_uncertain", true],
      ["night_missed", true],
      ["overdue", false],
    ]);
    expect(list.settled.map((each) => each.breakId)).toEqual([3]);
    expect(list.byCode).toEqual({
      unknown_order: 1,
      amount_mismatch: 1,
      overdue: 1,
      night_missed: 1,
      delivery_uncertain: 1,
    });
  });

  test("with nothing open it says so, and still shows what was settled", async () => {
    const text = renderBreaksText(await listBreaks({ ...INPUT, breaks: BREAKS.slice(2), derived: [] }));
    expect(text).toContain("No break is open.");
    expect(text).toContain("checked with the gateway");
  });

  test("every code has a next action and, once recorded, something to type", () => {
    for (const code of BREAK_CODES) {
      expect(NEXT_ACTION[code]).toMatch(/\.$/);
      for (const command of settleCommands(found(9, code), "acme", new Map())) {
        expect(command).toMatch(/^rescue settle 9 (--as \w+ )?--reason "…" --merchant acme$/);
      }
    }
  });

  test("a batch is settled by its name, a rebill without a verdict with one, a finding of just now not yet", () => {
    const batch = { ...silence("delivery_uncertain", "batch 2"), batchId: 2 };
    const name = "evaluate_m1_20261103040000_0002.csv";
    expect(settleCommands(batch, "acme", INPUT.batchNames)).toEqual([
      `rescue settle ${name} --delivered --reason "…" --merchant acme`,
      `rescue settle ${name} --not-delivered --reason "…" --merchant acme`,
    ]);
    expect(settleCommands(batch, "acme", new Map([[2, ""]]))[0]).toContain("rescue settle 2 --delivered");
    expect(settleCommands(found(4, "overdue"), "acme", new Map())).toEqual([
      'rescue settle 4 --as rescued --reason "…" --merchant acme',
      'rescue settle 4 --as unrescued --reason "…" --merchant acme',
      'rescue settle 4 --as cancelled --reason "…" --merchant acme',
    ]);
    expect(settleCommands(silence("night_missed", "night"), "acme", new Map())).toEqual([]);
  });

  test("text of others cannot steer the terminal", async () => {
    const hostile = found(5, "unknown_order", { orderId: "\u001b[31mx", file: "a\nb", message: "\u009b2J" });
    const text = renderBreaksText(await listBreaks({ ...INPUT, breaks: [hostile], derived: [] }));
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(text).not.toContain("\nb");
  });
});
