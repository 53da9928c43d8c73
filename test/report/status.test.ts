import { describe, expect, test } from "vitest";
import { buildStatus, renderStatusText, type StatusInput, statusDocument } from "../../src/report/status.ts";
import { ATTEMPTS, at, attempt, BATCHES, batch, NOW, stamp, WINDOW } from "./sample.ts";

const INPUT: StatusInput = {
  merchant: "acme",
  attempts: [ATTEMPTS],
  batches: BATCHES,
  runs: [3, 4, 5, 6, 7, 8].map((day) => ({
    runId: day,
    command: "run",
    ...stamp(`2026-11-0${day}T08:00:00Z`),
    exitStatus: day === 8 ? undefined : 0,
  })),
  collections: [
    { ...stamp("2026-11-07T08:00:00Z"), found: 9, collected: 0 },
    { ...stamp("2026-11-08T08:00:00Z"), found: 1, collected: 1 },
  ],
  lockHolder: {
    pid: 4711,
    host: "billing-1",
    command: "run",
    since: at("2026-11-20T05:59:00Z"),
    heartbeatAt: at("2026-11-20T05:59:50Z"),
  },
  inbound: "/inbound",
  places: [{ what: "archive", path: "rescue-data/acme/archive" }],
  now: NOW,
  window: WINDOW,
};
const IDLE: StatusInput = {
  ...INPUT,
  attempts: [],
  batches: [],
  runs: [],
  collections: [],
  lockHolder: undefined,
  places: [],
};

describe("status", () => {
  test("text, golden", async () => {
    const text = renderStatusText(await buildStatus(INPUT));
    await expect(text).toMatchFileSnapshot("../../fixtures/reports/status.txt");
  });

  test("json, golden", async () => {
    const envelope = { type: "status", schema: 1, merchant: "acme", exit_status: 13 };
    const json = `${JSON.stringify({ ...envelope, ...statusDocument(await buildStatus(INPUT)) })}\n`;
    await expect(json).toMatchFileSnapshot("../../fixtures/reports/status.jsonl");
  });

  test("an uncertain batch says what to look at: path, temporary name, size, hash, and what to type", async () => {
    const status = await buildStatus({ ...IDLE, batches: [batch(2, "uncertain", [])], inbound: "/drop/in/" });
    const text = renderStatusText(status);
    expect(text.split("\n")[2]).toBe("1 batch whose delivery cannot be proven: look, then settle.");
    for (const part of [
      "/drop/in/evaluate_m1_20261103040000_0002.csv",
      "/inbound/evaluate_m1_20261103040000_0002.csv.1.part",
      "4,321 bytes",
      "ab".repeat(32),
      "--not-delivered",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("delivered and failed batches are finished; everything else is named with its state", async () => {
    const states = ["planned", "archived", "uploading", "uploaded", "committing", "delivered", "failed"] as const;
    const status = await buildStatus({ ...IDLE, batches: states.map((state, index) => batch(index + 1, state, [])) });
    expect(status.unfinished.map((each) => each.state)).toEqual([...states].slice(0, 5));
    expect(status.uncertain).toEqual([]);
    expect(renderStatusText(status)).toContain("5 batches unfinished");
  });

  test("a batch without a name or content yet has none made up", async () => {
    const planned = { ...batch(7, "planned", []), name: "", temporary: undefined, content: undefined };
    const status = await buildStatus({ ...IDLE, batches: [planned] });
    expect(statusDocument(status).unfinished).toMatchObject([{ remote_path: "", size: null, temporary_path: null }]);
    expect(renderStatusText(status)).toContain("planned  batch 7");
  });

  test("an idle merchant is told so", async () => {
    const text = renderStatusText(await buildStatus(IDLE));
    for (const part of [
      "Nothing is unfinished, and every delivery is proven.",
      "Nothing is pending.",
      "No run is recorded yet.",
      "Nobody has looked for results yet.",
      "Nothing is running now.",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("the next window to end is that of what is pending, and not of the past", async () => {
    const pending = attempt(1, { expiresAt: at("2026-11-30T00:00:00Z") });
    const inGrace = attempt(2, { expiresAt: at("2026-11-19T00:00:00Z") });
    const cancelled = attempt(3, { expiresAt: at("2026-11-21T00:00:00Z"), batchState: "failed" });
    const status = await buildStatus({ ...IDLE, attempts: [[pending, inGrace, cancelled]] });
    expect(status.nextWindowEnd).toBe(at("2026-11-30T00:00:00Z"));
  });

  test("text of others cannot steer the terminal", async () => {
    const hostile = { ...batch(2, "uncertain", []), detail: "\u001b[2Jgone", name: "a\nb.csv" };
    const runs = [{ runId: 1, command: "run\u001b[31m", ...stamp("2026-11-03T08:00:00Z"), exitStatus: 0 }];
    const text = renderStatusText(await buildStatus({ ...IDLE, merchant: "a\u0007", batches: [hostile], runs }));
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(text).not.toContain("\nb.csv");
  });
});
