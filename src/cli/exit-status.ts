/**
 * Exit statuses are public: scripts and crontabs stand on them, so they are never renumbered (docs/adr/0007-exit-statuses.md).
 * The one place where a problem becomes a number.
 */
import type { ProblemCode } from "../domain/problem.ts";

export const ExitStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  needsAttention: 3,
  pending: 4,
  unreachable: 10,
  refused: 11,
  locked: 12,
  uncertain: 13,
  interrupted: 130,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** A Record, so that a new problem code does not compile before it has a status. */
export const exitStatusFor: Readonly<Record<ProblemCode, ExitStatus>> = {
  usage: ExitStatus.usage,
  config_invalid: ExitStatus.usage,
  profile_invalid: ExitStatus.usage,
  export_unreadable: ExitStatus.usage,
  export_empty: ExitStatus.usage,
  export_changed: ExitStatus.usage,
  columns_missing: ExitStatus.usage,
  columns_duplicate: ExitStatus.usage,
  cvv_column: ExitStatus.usage,
  not_found: ExitStatus.usage,
  too_many_rejects: ExitStatus.needsAttention,
  ledger_newer: ExitStatus.failed,
  ledger_damaged: ExitStatus.failed,
  ledger_other_host: ExitStatus.failed,
  disk_failed: ExitStatus.failed,
  locked: ExitStatus.locked,
  remote_unreachable: ExitStatus.unreachable,
  remote_failed: ExitStatus.unreachable,
  deadline_reached: ExitStatus.unreachable,
  host_key_refused: ExitStatus.refused,
  authentication_refused: ExitStatus.refused,
  // Found when connecting, so 2 ("nothing was attempted") could be untrue; running again will not help is true.
  key_unusable: ExitStatus.refused,
  permission_denied: ExitStatus.refused,
  remote_folder_missing: ExitStatus.refused,
  interrupted: ExitStatus.interrupted,
};

/** What each means for a script; help, `help exit-statuses` and docs/cron.md say the same. */
export const EXIT_STATUS_MEANINGS: Readonly<Record<ExitStatus, { readonly name: string; readonly meaning: string }>> = {
  0: { name: "ok", meaning: "done, or nothing to do (rows that were only skipped included)" },
  1: { name: "failed", meaning: "anything else; treat unknown statuses as this" },
  2: { name: "usage", meaning: "bad flag, config, or an export that cannot be read as one; nothing was attempted" },
  3: { name: "needs attention", meaning: "finished, but rows were rejected or breaks are open" },
  4: { name: "pending", meaning: "--wait ended before all outcomes were in" },
  10: { name: "unreachable", meaning: "not sent, or safe to run again (deadline included)" },
  11: {
    name: "refused",
    meaning: "authentication, key, host key, permission, missing folder: running again will not help",
  },
  12: { name: "locked", meaning: "another run holds this merchant's lock" },
  13: { name: "uncertain", meaning: "a delivery cannot be proven; `rescue status` says what to look at" },
  130: { name: "interrupted", meaning: "stopped cleanly after the current step" },
};

/** Worst first. Money in doubt outweighs everything; "running again will not help" outweighs "run again". */
const PRECEDENCE: readonly ExitStatus[] = [13, 11, 10, 12, 1, 2, 130, 4, 3, 0];

/** Of nothing at all: ok. */
export function worst(statuses: Iterable<ExitStatus>): ExitStatus {
  const seen = new Set(statuses);
  return PRECEDENCE.find((status) => seen.has(status)) ?? ExitStatus.ok;
}
