import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_STATES, mayBeWithProvider } from "../../src/domain/batch.ts";
import { OUTCOME_STATUSES } from "../../src/domain/outcome.ts";
import { buildReport, needsAttention, type ReportInput, rescueRates } from "../../src/report/model.ts";
import { renderReportCsv } from "../../src/report/report-csv.ts";
import { renderReportHtml } from "../../src/report/report-html.ts";
import { reportDocument } from "../../src/report/report-json.ts";
import { renderReportText } from "../../src/report/report-text.ts";
import {
  ATTEMPTS,
  at,
  attempt,
  BATCHES,
  BREAKS,
  batchesOf,
  DERIVED,
  found,
  NOW,
  outcome,
  silence,
  WINDOW,
} from "./sample.ts";

const INPUT: ReportInput = {
  merchant: "acme",
  timezone: "America/New_York",
  attempts: [ATTEMPTS.slice(0, 5), ATTEMPTS.slice(5)],
  batches: BATCHES,
  breaks: BREAKS,
  derived: DERIVED,
  now: NOW,
  window: WINDOW,
};
const EMPTY: ReportInput = { ...INPUT, attempts: [], batches: [], breaks: [], derived: [] };
const PLACES = [
  { what: "archive", path: "rescue-data/acme/archive" },
  { what: "rejected rows", path: "rescue-data/acme/rejects" },
];
const build = (changes: Partial<ReportInput> = {}) => buildReport({ ...INPUT, ...changes });

/** All of one currency's report in one line, amounts in minor units. */
async function usd(changes: Partial<ReportInput>) {
  const { currencies } = reportDocument(await build(changes));
  return currencies.find((entry) => entry.currency === "USD");
}

describe("the figures", () => {
  test("every part has its rebills, and of-which figures stand beside, not in, the sum", async () => {
    expect(await usd({})).toMatchObject({
      submitted: { count: 10, amount_minor: "1252558" },
      rescued: { count: 4, amount_minor: "1240564" },
      pending: { count: 2, amount_minor: "3998" },
      unrescued: { count: 2, amount_minor: "3998" },
      cancelled: { count: 1, amount_minor: "1999" },
      unaccounted: { count: 1, amount_minor: "1999" },
      refunded: { count: 1, amount_minor: "750" },
      charged_back: { count: 1, amount_minor: "1999" },
      balanced: true,
      presumed_unrescued: { count: 1, amount_minor: "1999" },
      unsent: { count: 0, amount_minor: "0" },
      released: { count: 1, amount_minor: "1999" },
      rescued_percent: {
        by_count: { of_submitted: "40.0", of_decided: "57.1" },
        by_amount: { of_submitted: "99.0", of_decided: "99.5" },
      },
    });
  });

  test("of-which figures are of the rescued only: an open mismatch takes its refunds along", async () => {
    const outcomes = [outcome("refunded", "2026-11-08T16:00:00Z", 500)];
    const attempts = [attempt(1, { outcomes, mismatchOpen: true })];
    expect(await usd({ attempts: [attempts], batches: batchesOf(attempts) })).toMatchObject({
      rescued: { count: 0 },
      refunded: { count: 0, amount_minor: "0" },
      unaccounted: { count: 1 },
    });
  });

  test("a currency of which nothing was submitted yet is there, balanced at nothing", async () => {
    const { currencies } = await build();
    expect(currencies.map((entry) => entry.currency)).toEqual(["JPY", "KWD", "USD"]);
    expect(currencies[1]).toMatchObject({ submitted: { count: 0 }, unsent: { count: 1 }, balanced: true });
  });

  test("a batch total that is one rebill or one cent off is not balanced, and the report says so", async () => {
    for (const changes of [{ count: 11 }, { amountMinor: 1_252_559n }]) {
      const batches = BATCHES.map((each) => {
        const totals = each.content?.totals.map((total) =>
          total.currency === "USD" ? { ...total, ...changes } : total,
        );
        return each.batchId === 1 && each.content && totals ? { ...each, content: { ...each.content, totals } } : each;
      });
      const report = await build({ batches, breaks: [], derived: [] });
      expect(report.currencies.find((entry) => entry.currency === "USD")?.balanced).toBe(false);
      expect(needsAttention(report)).toBe(true);
      expect(report.toDo[0]).toMatchObject({ code: "unbalanced", count: 1 });
      expect(renderReportText(report)).toContain("balanced: NO");
      expect(renderReportHtml(report)).toContain("balanced: NO");
      expect(renderReportCsv(report)).toMatch(/USD,submitted,.*,no\n/);
    }
  });

  test("a missing attempt is not balanced away", async () => {
    const { currencies } = await build({ attempts: [ATTEMPTS.slice(1)] });
    expect(currencies.find((entry) => entry.currency === "USD")?.balanced).toBe(false);
  });

  test("sums pass 2^53 without losing a cent", async () => {
    const many = Array.from({ length: 9_100 }, (_, index) => attempt(index + 1, { amountMinor: 999_999_999_999 }));
    const { currencies } = await build({ attempts: [many], batches: batchesOf(many) });
    expect(currencies[0]?.pending.amountMinor).toBe(9_099_999_999_990_900n);
    expect(currencies[0]?.balanced).toBe(true);
  });

  test("an empty ledger needs nobody", async () => {
    const report = await buildReport(EMPTY);
    expect(report).toMatchObject({ currencies: [], toDo: [], breaksByCode: {}, pendingAgeing: undefined });
    expect(needsAttention(report)).toBe(false);
    expect(renderReportText(report)).toContain("Nothing has been taken yet.");
  });

  test("for any attempts whose batches were counted right, each currency is balanced and nothing is counted twice", async () => {
    const anyAttempt = fc.record({
      batchId: fc.nat(7),
      currency: fc.constantFrom("USD", "JPY", "KWD"),
      amountMinor: fc.integer({ min: 1, max: 999_999_999_999 }),
      expiresAt: fc.integer({ min: NOW - 1e10, max: NOW + 1e10 }),
      statuses: fc.array(fc.constantFrom(...OUTCOME_STATUSES), { maxLength: 3 }),
      mismatchOpen: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyAttempt, { maxLength: 40 }), async (drawn) => {
        const attempts = drawn.map(({ statuses, ...each }, index) => {
          const batchState = BATCH_STATES[each.batchId] ?? "planned";
          // Before a batch may be with the provider there is no word on its rebills.
          const said = mayBeWithProvider(batchState) ? statuses : [];
          const outcomes = said.map((status) => outcome(status, "2026-11-05T00:00:00Z", 1));
          return attempt(index + 1, {
            ...each,
            batchState,
            outcomes,
            mismatchOpen: each.mismatchOpen && said.length > 0,
          });
        });
        const report = await build({ attempts: [attempts], batches: batchesOf(attempts), breaks: [], derived: [] });
        let count = 0;
        let amountMinor = 0n;
        for (const entry of report.currencies) {
          expect(entry.balanced).toBe(true);
          for (const total of [entry.submitted, entry.unsent, entry.released]) {
            count += total.count;
            amountMinor += total.amountMinor;
          }
        }
        expect(count).toBe(attempts.length);
        expect(amountMinor).toBe(attempts.reduce((sum, each) => sum + BigInt(each.amountMinor), 0n));
      }),
    );
  });
});

describe("what needs a person", () => {
  test("open and derived findings count once, settled ones do not, codes without any are left out", async () => {
    const recorded = [...BREAKS, found(4, "night_missed", { fingerprint: "night 2026-11-19" })];
    const { breaksByCode } = await build({ breaks: recorded });
    expect(breaksByCode).toEqual({ unknown_order: 1, amount_mismatch: 1, night_missed: 1, delivery_uncertain: 1 });
  });

  test("each to-do has its money once, the next action, and comes in the order of its weight", async () => {
    const twice = found(5, "amount_mismatch", { attemptId: 10, fingerprint: "another" });
    const { toDo } = await build({ breaks: [...BREAKS, twice] });
    expect(toDo.map((item) => item.code)).toEqual([
      "unknown_order",
      "amount_mismatch",
      "night_missed",
      "delivery_uncertain",
      "unsent",
    ]);
    expect(toDo[1]).toMatchObject({ count: 2, totals: [{ currency: "USD", count: 1, amountMinor: 1999n }] });
    expect(toDo[1]?.nextAction).toMatch(/^Compare with the gateway/);
    expect(toDo[3]?.totals).toEqual([{ currency: "JPY", count: 1, amountMinor: 1500n }]);
  });

  test("an overdue rebill found just now brings its money", async () => {
    const derived = [[{ ...silence("overdue", "attempt 5"), attemptId: 5 }]];
    const { toDo } = await build({ breaks: [], derived });
    expect(toDo[0]).toMatchObject({ code: "overdue", totals: [{ currency: "USD", count: 1, amountMinor: 1999n }] });
  });
});

describe("what helps to judge it", () => {
  test("nights are the merchant's days, newest first", async () => {
    const { nights } = await build();
    expect(
      nights.map((night) => [night.declinedOn, night.currency, night.submitted.count, night.rescued.count]),
    ).toEqual([
      ["2026-11-02", "JPY", 2, 1],
      ["2026-11-02", "USD", 9, 4],
      ["2026-11-01", "USD", 1, 0],
    ]);
  });

  test("decline codes are those of the export, the most submitted first; unsent and released rebills are in none", async () => {
    const { declineCodes } = await build();
    expect(declineCodes.map((each) => [each.declineCodeSource, each.declineCode, each.submitted.count])).toEqual([
      ["visa", "51", 9],
      ["visa", "51", 2],
      ["<b>\u001b[31mnmi", "=1+1", 1],
    ]);
  });

  test("thousands of made-up decline codes end in `other`, with every cent", async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => attempt(index + 1, { declineCode: `c${index}` }));
    const { declineCodes } = await build({ attempts: [many], batches: batchesOf(many) });
    expect(declineCodes).toHaveLength(2_001);
    expect(declineCodes[0]).toMatchObject({ declineCode: "other", submitted: { count: 500 } });
  });

  test("ageing names the oldest decline and the next window that is still running", async () => {
    const { pendingAgeing } = await build();
    expect(pendingAgeing).toEqual({
      oldestDeclinedAt: at("2026-11-01T05:30:00Z"),
      nextWindowEnd: at("2026-11-23T07:00:00Z"),
    });
    const grace = await build({ attempts: [[attempt(6, { expiresAt: NOW - 1 })]] });
    expect(grace.pendingAgeing?.nextWindowEnd).toBeUndefined();
  });

  test("a rate of nothing is not a number", async () => {
    const [entry] = (await build({ attempts: [[attempt(1)]], batches: batchesOf([attempt(1)]) })).currencies;
    expect(entry && rescueRates(entry).byCount).toEqual({ ofSubmitted: "0.0", ofDecided: undefined });
  });
});

describe("the formats, golden", () => {
  const golden = (name: string) => `../../fixtures/reports/${name}`;

  test("text", async () => {
    const text = renderReportText(await build(), { places: PLACES, detailed: true });
    await expect(text).toMatchFileSnapshot(golden("report.txt"));
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("text with colour is the same text", async () => {
    const report = await build();
    const coloured = renderReportText(report, { style: (role, text) => `<${role}>${text}</${role}>`, detailed: true });
    expect(coloured).toContain("<heading>");
    expect(coloured.replace(/<\/?(heading|good|bad|dim)>/g, "")).toBe(renderReportText(report, { detailed: true }));
  });

  test("json is one line, its money strings of integers", async () => {
    const envelope = { type: "report", schema: 1, merchant: "acme", exit_status: 3 };
    const json = JSON.stringify({ ...envelope, ...reportDocument(await build()) });
    await expect(`${json}\n`).toMatchFileSnapshot(golden("report.jsonl"));
    expect(json).not.toContain("\n");
  });

  test("csv", async () => {
    const report = await build();
    await expect(renderReportCsv(report)).toMatchFileSnapshot(golden("report.csv"));
    expect(renderReportCsv(report, { header: false }).split("\n")[0]).toMatch(/^acme,/);
  });

  test("html stands alone and escapes what others wrote", async () => {
    const html = renderReportHtml(await build({ merchant: "<script>alert(1)</script>" }), { places: PLACES });
    await expect(html).toMatchFileSnapshot(golden("report.html"));
    expect(html).not.toMatch(/<script|<b>|src=|href=|url\(|@import/);
    expect(html).not.toContain("\u001b");
  });
});
