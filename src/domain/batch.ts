/** One file for the provider: its states, and the arrows that are legal between them. */
import type { MoneyTotal } from "./money.ts";

export const BATCH_STATES = [
  /** rows claimed, nothing written yet */
  "planned",
  /** name minted, exact bytes archived and fsynced */
  "archived",
  /** a temporary file may exist on the server */
  "uploading",
  /** the temporary file is complete and its size was checked */
  "uploaded",
  /** the rename may have been asked for: from here on only looking tells */
  "committing",
  /** under its final name, proven */
  "delivered",
  /** cannot be proven either way; settled by looking, by later result rows, or by a person */
  "uncertain",
  /** proven not delivered: its rows are released */
  "failed",
] as const;
export type BatchState = (typeof BATCH_STATES)[number];

const ARROWS: Record<BatchState, readonly BatchState[]> = {
  planned: ["archived", "failed", "uncertain"],
  archived: ["uploading", "failed", "uncertain"],
  // Back to archived: the try is abandoned, and the next one gets a new temporary name.
  uploading: ["uploaded", "archived", "uncertain"],
  uploaded: ["committing", "archived", "uncertain"],
  // Back to uploaded: the server refused the rename, and a look proved that it did not happen.
  committing: ["committing", "delivered", "uploaded", "uncertain"],
  uncertain: ["delivered", "failed"],
  delivered: [],
  failed: [],
};

export function isLegalBatchMove(from: BatchState, to: BatchState): boolean {
  return ARROWS[from].includes(to);
}

/** Rows of such a batch may be with the provider: they count as submitted and may not be sent again. */
export function mayBeWithProvider(state: BatchState): boolean {
  return state === "delivered" || isUnproven(state);
}

/** The rename may have been asked for, and nothing proves what came of it. */
export function isUnproven(state: BatchState): boolean {
  return state === "committing" || state === "uncertain";
}

export function isUnfinished(state: BatchState): boolean {
  return state !== "delivered" && state !== "failed";
}

/** What the exact bytes of a batch are; archived once, never made again. */
export interface BatchContent {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly totals: readonly MoneyTotal[];
}
