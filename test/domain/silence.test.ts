import { describe, expect, test } from "vitest";
import type { BatchState } from "../../src/domain/batch.ts";
import { DAY_MS, parseInstant } from "../../src/domain/instant.ts";
import type { OutcomeStatus } from "../../src/domain/outcome.ts";
import { breakKey, findSilence, type SilenceFacts, type SilentAttempt } from "../../src/domain/silence.ts";

const at = (text: string) => parseInstant(text) ?? Number.NaN;
const SENT_AT = at("2026-11-02T04:00:00Z");

const NOTHING: SilenceFacts = {
  attempts: [],
  batches: [],
  runs: [],
  collections: [],
  window: { afterWindow: "presume_unrescued", graceMs: 2 * DAY_MS },
  resultsDue: [],
  expectRunBy: undefined,
};

async function find(facts: Partial<SilenceFacts>, now: string) {
  const found = [];
  for await (const page of findSilence({ ...NOTHING, ...facts }, at(now))) found.push(...page);
  return found;
}
async function answers(facts: Partial<SilenceFacts>, now: string) {
  const silence = findSilence({ ...NOTHING, ...facts }, at(now));
  let page = await silence.next();
  while (!page.done) page = await silence.next();
  return page.value;
}
const keys = async (facts: Partial<SilenceFacts>, now: string) => (await find(facts, now)).map(breakKey);

function attempt(outcomes: [OutcomeStatus, string][] = [], changes: Partial<SilentAttempt> = {}): SilentAttempt {
  return {
    attemptId: 7,
    orderId: "order-7",
    batchId: 1,
    batchState: "delivered",
    expiresAt: at("2026-11-23T00:00:00Z"),
    outcomes: outcomes.map(([status, when]) => ({ status, at: at(when) })),
    mismatchOpen: false,
    ...changes,
  };
}
const batch = (state: BatchState = "delivered") => ({
  batchId: 1,
  name: "evaluate_m1_20261102040000_0001.csv",
  state,
  since: { at: SENT_AT },
  detail: "both names are gone",
});

describe("overdue", () => {
  const window = { afterWindow: "overdue", graceMs: 2 * DAY_MS } as const;

  test("is found per rebill once window and grace have passed, and not a millisecond before", async () => {
    const facts = { attempts: [[attempt()]], window };
    expect(await find(facts, "2026-11-24T23:59:59.999Z")).toEqual([]);
    expect(await find(facts, "2026-11-25T00:00:00Z")).toEqual([
      {
        code: "overdue",
        fingerprint: "attempt 7",
        orderId: "order-7",
        attemptId: 7,
        batchId: 1,
        file: "",
        line: 0,
        message: "no verdict, and its window ended 2026-11-23T00:00:00Z",
      },
    ]);
  });

  test("is not found where silence is presumed to mean unrescued, nor where there is a verdict", async () => {
    expect(await keys({ attempts: [[attempt()]] }, "2027-01-01T00:00:00Z")).toEqual([]);
    const told = attempt([["cancelled", "2026-11-05T00:00:00Z"]]);
    expect(await keys({ attempts: [[told]], window }, "2027-01-01T00:00:00Z")).toEqual([]);
  });

  test("comes in pages, as the attempts do", async () => {
    const pages = [[attempt([], { attemptId: 1 })], [attempt([], { attemptId: 2 })]];
    const found = [];
    for await (const page of findSilence({ ...NOTHING, attempts: pages, window }, at("2027-01-01T00:00:00Z"))) {
      found.push(page.map((each) => each.attemptId));
    }
    expect(found).toEqual([[1], [2]]);
  });
});

describe("delivery_uncertain", () => {
  test("is found for a batch in that state, with the reason, and for no other", async () => {
    const [found, ...others] = await find(
      { batches: [batch("uncertain"), batch(), batch("failed")] },
      "2026-11-03T00:00:00Z",
    );
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: "delivery_uncertain", fingerprint: "batch 1", batchId: 1 });
    expect(found?.message).toBe(
      "the delivery of evaluate_m1_20261102040000_0001.csv cannot be proven: both names are gone",
    );
  });
});

describe("night_missed", () => {
  const expectRunBy = { hour: 6, minute: 0, zone: "America/New_York" };
  const runs = (...times: string[]) => times.map((time) => ({ command: "run", at: at(time) }));

  test("names each local day whose deadline passed without a run, once it has passed", async () => {
    // 03:00 in New York is 08:00Z; nothing ran in the nights to the 4th and the 5th.
    const facts = { expectRunBy, runs: runs("2026-11-03T08:00:00Z", "2026-11-06T08:00:00Z") };
    expect(await keys(facts, "2026-11-04T10:59:59Z")).toEqual([]);
    expect(await keys(facts, "2026-11-04T11:00:00Z")).toEqual(["night_missed night 2026-11-04"]);
    expect(await keys(facts, "2026-11-06T12:00:00Z")).toEqual([
      "night_missed night 2026-11-04",
      "night_missed night 2026-11-05",
    ]);
  });

  test("a run after the deadline does not mend the night before it, but stands for the next", async () => {
    const facts = { expectRunBy, runs: runs("2026-11-03T08:00:00Z", "2026-11-04T11:00:01Z") };
    expect(await keys(facts, "2026-11-05T12:00:00Z")).toEqual(["night_missed night 2026-11-04"]);
  });

  test("nothing is expected before the first run, on its own night, or where nobody asked", async () => {
    expect(await keys({ expectRunBy }, "2026-11-04T12:00:00Z")).toEqual([]);
    expect(await keys({ expectRunBy, runs: runs("2026-11-03T20:00:00Z") }, "2026-11-04T12:00:00Z")).toEqual([]);
    expect(await keys({ runs: runs("2026-11-03T08:00:00Z") }, "2026-12-04T12:00:00Z")).toEqual([]);
  });

  test("collecting is not sending: only run, watch and submit stand for a night", async () => {
    const others = ["collect", "reconcile", "report"].map((command) => ({ command, at: at("2026-11-04T08:00:00Z") }));
    const facts = { expectRunBy, runs: [...runs("2026-11-03T08:00:00Z"), ...others] };
    expect(await keys(facts, "2026-11-04T12:00:00Z")).toEqual(["night_missed night 2026-11-04"]);
    const submitted = { command: "submit", at: at("2026-11-04T09:00:00Z") };
    expect(await keys({ expectRunBy, runs: [...facts.runs, submitted] }, "2026-11-04T12:00:00Z")).toEqual([]);
  });

  test("on the short day the run of the night before does not count twice", async () => {
    // 05:30 on the 7th (UTC-5) is 23.5 hours before 06:00 on the 8th (UTC-4): the clocks went forward.
    const facts = { expectRunBy, runs: runs("2026-03-07T10:30:00Z") };
    expect(await keys(facts, "2026-03-08T12:00:00Z")).toEqual(["night_missed night 2026-03-08"]);
  });

  test("on the long day a run soon after the last deadline still counts", async () => {
    // 06:10 on 31 October (UTC-4) is 24 h 50 min before 06:00 on 1 November (UTC-5).
    const facts = { expectRunBy, runs: runs("2026-10-30T08:00:00Z", "2026-10-31T08:00:00Z", "2026-10-31T10:10:00Z") };
    expect(await keys(facts, "2026-11-01T12:00:00Z")).toEqual([]);
  });
});

describe("result_file_missing", () => {
  const resultsDue = [
    { hour: 15, minute: 0, zone: "UTC" },
    { hour: 22, minute: 0, zone: "UTC" },
  ];
  const listings = (...all: [string, number][]) => all.map(([time, collected]) => ({ at: at(time), collected }));
  const pending = { attempts: [[attempt()]], batches: [batch()], resultsDue };
  const missing = (...slots: string[]) => slots.map((slot) => `result_file_missing slot ${slot}`);

  test("names the slot when a listing an hour or more after it had no file", async () => {
    const facts = { ...pending, collections: listings(["2026-11-02T15:30:00Z", 0], ["2026-11-02T16:00:00Z", 0]) };
    expect(await find(facts, "2026-11-02T16:00:00Z")).toMatchObject([
      {
        code: "result_file_missing",
        fingerprint: "slot 2026-11-02T15:00:00Z",
        message: "no result file for 2026-11-02T15:00:00Z when the outbound folder was listed 2026-11-02T16:00:00Z",
      },
    ]);
  });

  test("not looking, or looking within the hour, is not a finding", async () => {
    expect(await keys(pending, "2026-11-09T00:00:00Z")).toEqual([]);
    const soon = { ...pending, collections: listings(["2026-11-02T15:59:59Z", 0]) };
    expect(await keys(soon, "2026-11-02T18:00:00Z")).toEqual([]);
  });

  test("a file collected between the slot and the listing that judges it fills the slot", async () => {
    const facts = { ...pending, collections: listings(["2026-11-02T15:10:00Z", 1], ["2026-11-02T16:30:00Z", 0]) };
    expect(await keys(facts, "2026-11-02T17:00:00Z")).toEqual([]);
  });

  test("a file collected before the slot does not", async () => {
    const facts = { ...pending, collections: listings(["2026-11-02T14:00:00Z", 3], ["2026-11-02T16:30:00Z", 0]) };
    expect(await keys(facts, "2026-11-02T17:00:00Z")).toEqual(missing("2026-11-02T15:00:00Z"));
  });

  test("two slots before one nightly listing need two files", async () => {
    const nightly = (collected: number) => ({ ...pending, collections: listings(["2026-11-03T08:00:00Z", collected]) });
    expect(await keys(nightly(2), "2026-11-03T09:00:00Z")).toEqual([]);
    expect(await keys(nightly(1), "2026-11-03T09:00:00Z")).toEqual(missing("2026-11-02T22:00:00Z"));
    expect(await keys(nightly(0), "2026-11-03T09:00:00Z")).toEqual(
      missing("2026-11-02T15:00:00Z", "2026-11-02T22:00:00Z"),
    );
  });

  test("a file that comes late answers the finding, and says when it was collected", async () => {
    const facts = { ...pending, collections: listings(["2026-11-02T16:30:00Z", 0], ["2026-11-02T23:30:00Z", 2]) };
    expect(await keys(facts, "2026-11-03T00:00:00Z")).toEqual([]);
    expect(await answers(facts, "2026-11-03T00:00:00Z")).toEqual([
      { fingerprint: "slot 2026-11-02T15:00:00Z", at: at("2026-11-02T23:30:00Z") },
    ]);
  });

  test("a file that another slot needs, or may still need, answers no earlier one", async () => {
    const judged = { ...pending, collections: listings(["2026-11-02T16:30:00Z", 0], ["2026-11-02T23:30:00Z", 1]) };
    expect(await keys(judged, "2026-11-03T00:00:00Z")).toEqual(missing("2026-11-02T15:00:00Z"));
    // Ten past ten: the file is either the late one or the one of ten o'clock, which nobody misses yet.
    const open = { ...pending, collections: listings(["2026-11-02T16:30:00Z", 0], ["2026-11-02T22:10:00Z", 1]) };
    expect(await keys(open, "2026-11-02T22:10:00Z")).toEqual(missing("2026-11-02T15:00:00Z"));
    expect(await answers(open, "2026-11-02T22:10:00Z")).toEqual([]);
  });

  test("late files answer the missing slots one each, the earliest first", async () => {
    const looks = listings(["2026-11-02T16:30:00Z", 0], ["2026-11-02T23:30:00Z", 0], ["2026-11-03T08:00:00Z", 1]);
    const facts = { ...pending, collections: looks };
    expect(await keys(facts, "2026-11-03T09:00:00Z")).toEqual(missing("2026-11-02T22:00:00Z"));
    expect(await answers(facts, "2026-11-03T09:00:00Z")).toEqual([
      { fingerprint: "slot 2026-11-02T15:00:00Z", at: at("2026-11-03T08:00:00Z") },
    ]);
  });

  test("nothing is due before the first delivery, nor when nothing was pending any more", async () => {
    const collections = listings(["2026-11-01T16:30:00Z", 0], ["2026-11-02T16:30:00Z", 0], ["2026-11-02T23:30:00Z", 0]);
    const rescued = attempt([
      ["pending", "2026-11-02T15:00:00Z"],
      ["rescued", "2026-11-02T21:00:00Z"],
    ]);
    const facts = { ...pending, attempts: [[rescued]], collections };
    expect(await keys(facts, "2026-11-03T00:00:00Z")).toEqual(missing("2026-11-02T15:00:00Z"));
  });

  test("a rebill is awaited to the end of its window and grace", async () => {
    const collections = listings(["2026-11-24T23:30:00Z", 2], ["2026-11-25T23:30:00Z", 0]);
    const short = attempt([], { expiresAt: at("2026-11-23T00:00:00Z") });
    const filled = { ...pending, attempts: [[short]], collections: [...everySlot("2026-11-24"), ...collections] };
    expect(await keys(filled, "2026-11-26T00:00:00Z")).toEqual([]);
  });

  test("a batch that no provider has seen makes nothing due", async () => {
    const collections = listings(["2026-11-02T16:30:00Z", 0]);
    for (const state of ["uploading", "failed"] as const) {
      const facts = {
        ...pending,
        attempts: [[attempt([], { batchState: state })]],
        batches: [batch(state)],
        collections,
      };
      expect(await keys(facts, "2026-11-03T00:00:00Z")).toEqual([]);
    }
  });

  test("a rebill whose window was over before its delivery was known does not hide another one", async () => {
    const late = { ...batch(), batchId: 2, since: { at: at("2026-11-03T04:00:00Z") } };
    const over = attempt([], { batchId: 2, expiresAt: at("2026-10-30T00:00:00Z") });
    const facts = { ...pending, attempts: [[attempt(), over]], batches: [batch(), late] };
    const collections = listings(["2026-11-02T16:30:00Z", 0]);
    expect(await keys({ ...facts, collections }, "2026-11-03T12:00:00Z")).toEqual(missing("2026-11-02T15:00:00Z"));
  });

  test("a due time in a zone follows its clocks", async () => {
    const berlin = [{ hour: 9, minute: 0, zone: "Europe/Berlin" }];
    const facts = { ...pending, resultsDue: berlin, collections: listings(["2026-11-02T12:00:00Z", 0]) };
    expect(await keys(facts, "2026-11-02T12:00:00Z")).toEqual(missing("2026-11-02T08:00:00Z"));
  });
});

/** A listing with one file half an hour after each slot, from the day after the delivery to the day before this one. */
function everySlot(untilDay: string): { at: number; collected: number }[] {
  const all = [];
  for (let slot = at("2026-11-02T15:30:00Z"); slot < at(`${untilDay}T00:00:00Z`); slot += DAY_MS) {
    all.push({ at: slot, collected: 1 }, { at: slot + 7 * 3_600_000, collected: 1 });
  }
  return all;
}
