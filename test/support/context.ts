/** The one merchant of every test that calls the verbs themselves: its settings, and the rest of a context around its parts. */
import { DAY_MS, type Instant } from "../../src/domain/instant.ts";
import type { Merchant, PipelineContext } from "../../src/pipeline/context.ts";

export interface TestParts
  extends Pick<
    PipelineContext,
    "profile" | "ledger" | "archive" | "remote" | "batchesAtOnce" | "delay" | "uniqueId" | "note"
  > {
  readonly inbox: string;
  /** `--as-of` and the wall clock are the same here. */
  readonly now: () => Instant;
}

export interface TestSettings extends Partial<Pick<Merchant, "resultsDue" | "expectRunBy">> {
  readonly timezone?: string;
  readonly maxAgeDays?: number | undefined;
  readonly stop?: AbortSignal;
}

export function testContext({ inbox, now, ...parts }: TestParts, settings: TestSettings = {}): PipelineContext {
  const { timezone = "UTC", maxAgeDays = 1, stop = new AbortController().signal } = settings;
  return {
    ...parts,
    merchant: {
      id: "acme",
      mid: "mid-1",
      inbox,
      inbound: "/inbound",
      outbound: "/outbound",
      exportShape: { columns: {}, amountUnit: "major", declineCodeSource: "iso8583" },
      policy: {
        timezone,
        maxAgeDays: 1,
        rescueWindowMs: 21 * DAY_MS,
        minimumWindowMs: 14 * DAY_MS,
        maxRejectRatio: 0.2,
        maxAmountMinor: {},
        neverRetry: "skip",
        notCardNumbers: [],
      },
      resultsDue: settings.resultsDue ?? [],
      expectRunBy: settings.expectRunBy,
    },
    clock: { now, wall: now },
    maxAgeDays,
    stop,
    settleMs: 1_000,
    progress: () => {},
  };
}
