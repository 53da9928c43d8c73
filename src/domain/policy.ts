/** The merchant's rules for a night: what of an export may be sent. Made by config, obeyed by intake and pipeline. */
import type { ColumnName } from "./columns.ts";
import type { DurationMs } from "./instant.ts";

export interface Policy {
  /** IANA zone in which `maxAgeDays` counts calendar days. */
  readonly timezone: string;
  /** A decline of today is 0 days old; 1 lets the run after midnight send yesterday's. */
  readonly maxAgeDays: number;
  /** Default length of the rescue window, from `declined_at`. */
  readonly rescueWindowMs: DurationMs;
  /** A window shorter than this (from `declined_at`) is refused: the provider's minimum. */
  readonly minimumWindowMs: DurationMs;
  /** Above this share of rejected rows (0 to 1) nothing of the file is sent. */
  readonly maxRejectRatio: number;
  /** Currency → most minor units one rebill may have; a currency that is not named has no limit. */
  readonly maxAmountMinor: Readonly<Record<string, number>>;
  readonly neverRetry: "skip" | "send";
  /** Columns, ours or the export's own header, whose cells may look like a card number. */
  readonly notCardNumbers: readonly string[];
}

/** How this merchant's export is written. */
export interface ExportShape {
  /** Our column → the export's header, where they differ. */
  readonly columns: Readonly<Partial<Record<ColumnName, string>>>;
  readonly amountUnit: "major" | "minor";
  /** For rows that do not name one; absent: unknown. */
  readonly declineCodeSource?: string;
}

/** A decline may lie this far in the future: the gateway's clock is not ours. */
export const CLOCK_SKEW_MS = 5 * 60_000;
