/** What every verb is given: one merchant, its parts, the clock, and the two ways a run may be told to end. */
import type { DueTime } from "../domain/due-time.ts";
import type { Instant } from "../domain/instant.ts";
import type { IntakePath } from "../domain/intake-path.ts";
import type { ExportShape, Policy } from "../domain/policy.ts";
import { Problem } from "../domain/problem.ts";
import type { Ledger, Stamp } from "../ledger/ledger.ts";
import type { Profile } from "../profiles/profile.ts";
import type { Archive } from "./archive.ts";
import type { RemoteSession } from "./session.ts";

export interface Merchant {
  readonly id: string;
  /** The merchant's id at the provider. */
  readonly mid: string;
  readonly inbox: string;
  /** Remote folders. */
  readonly inbound: string;
  readonly outbound: string;
  readonly exportShape: ExportShape;
  readonly policy: Policy;
  /** When result files are due; empty: nothing is known to be due. */
  readonly resultsDue: readonly DueTime[];
  readonly expectRunBy: DueTime | undefined;
}

export interface Clock {
  /** `--as-of`, else the wall clock: for freshness, windows and due times. */
  now(): Instant;
  /** For names, locks, looks and deadlines. */
  wall(): Instant;
}

export interface PipelineContext {
  readonly merchant: Merchant;
  readonly profile: Profile;
  readonly ledger: Ledger;
  readonly archive: Archive;
  readonly remote: RemoteSession;
  readonly clock: Clock;
  /** Calendar days a decline may be old: the policy's, or what a person allowed for this run. */
  readonly maxAgeDays: number;
  /** Which way rows go, and in how many threads; `auto` where it is not said. */
  readonly intakePath?: IntakePath;
  /** Aborted by the first signal: finish the current step, then stop. */
  readonly stop: AbortSignal;
  /** How many batches may be on their way at once; 1: one after the other, and nothing beside it. */
  readonly batchesAtOnce: number;
  /** How long two looks at a remote or local file lie apart. */
  readonly settleMs: number;
  readonly delay: (ms: number) => Promise<void>;
  /** Letters and digits that no other run has: for the names of archive files. */
  readonly uniqueId: () => string;
  /** A line of progress for stderr; never holds card data. */
  readonly note: (message: string) => void;
  /** Bytes of a batch that are on their way; for a progress line on a terminal. */
  readonly progress: (name: string, sentBytes: number, sizeBytes: number) => void;
}

export function stamp(context: Pick<PipelineContext, "clock">): Stamp {
  return { at: context.clock.now(), recordedAt: context.clock.wall() };
}

/** Between steps: has a signal asked us to stop? */
export function checkStop(context: Pick<PipelineContext, "stop">): void {
  if (context.stop.aborted) {
    throw new Problem("interrupted", "stopped by a signal after the current step", {
      hint: "Everything done so far is recorded; running the same command again goes on from here.",
    });
  }
}
