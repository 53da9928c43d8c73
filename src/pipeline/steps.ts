/**
 * The named points between which a run can die. Production code only passes them: a channel that nobody listens to costs
 * nothing, and nothing here can end a program. Tests (test/kill) listen and kill the process at any of them.
 */
import { channel } from "node:diagnostics_channel";

/** Each is passed by some run of test/kill/scenarios.ts; a test holds that. Names: what has just happened. */
export const STEPS = [
  "submit.begun",
  "submit.unfinished_done",
  "submit.files_taken",
  "submit.done",

  "export.begun",
  /** This and the next three lie inside the transaction that claims the export. */
  "export.batch_claimed",
  "export.screened",
  "export.archived",
  "export.recorded",
  "export.claimed",

  "archive.synced",
  "archive.renamed",
  "archive.copied",

  "inbox.looked_once",
  "inbox.listed",
  "inbox.move_begun",
  "inbox.reason_written",
  "inbox.moved",

  "name.minted",
  "name.burned",

  "batch.bytes_written",
  "batch.bytes_archived",
  /** Inside the transaction that records `archived`. */
  "batch.content_recorded",
  /** By `record` in deliver.ts: the state is durable, what it allows has not begun. */
  "batch.archived",
  "batch.uploading",
  "batch.uploaded",
  "batch.committing",
  "batch.delivered",
  "batch.uncertain",

  "upload.begun",
  "upload.still_fresh",
  "upload.name_free",
  "upload.created",
  "upload.creation_recorded",
  /** Bytes were acknowledged; perhaps not all. */
  "upload.progressed",
  /** Closed, and its size checked. */
  "upload.sent",
  "upload.name_still_free",

  "commit.renamed",
  "commit.refused",
  "commit.looked_after_refusal",

  /** Until the next `batch.archived` only this process knows that it was us who removed them. */
  "abandon.try_removed",
  "abandon.tries_gone",

  "finish.begun",
  "finish.trigger_created",
  "deliver.done",

  "recover.begun",
  "recover.looked",
  "recover.decided",
  "recover.temporary_removed",

  "release.begun",
  /** This and the next lie inside the transaction that releases a batch. */
  "release.failed_recorded",
  "release.reclaimed",
  "release.done",

  "collect.begun",
  "collect.listed",
  "collect.looks_recorded",
  "collect.looked_twice",
  "collect.download_begun",
  "collect.downloaded",
  "collect.checked",
  "collect.discarded",
  /** Inside the transaction that records the file. */
  "collect.file_recorded",
  "collect.file_taken",
  "collect.remote_cleared",
  "collect.done",

  "reconcile.begun",
  "reconcile.given_archived",
  "reconcile.given_recorded",
  /** This and the next three lie inside the transaction that applies one file. */
  "reconcile.file_begun",
  "reconcile.batch_settled",
  "reconcile.rows_applied",
  "reconcile.marked_applied",
  "reconcile.file_applied",
  /** The result rows that waited for a proof of their delivery were applied before. */
  "reconcile.uncertainty_closed",
  "reconcile.done",
  "silence.recorded",

  "settle.begun",
  /** Inside the transaction of the verdict. */
  "settle.uncertainty_closed",
  "settle.verdict_recorded",
  "settle.batch_done",
  /** Inside the transaction of the person's word. */
  "settle.word_appended",
  "settle.break_done",
] as const;
export type StepName = (typeof STEPS)[number];

const passed = channel("rescue:step");

export function passStep(name: StepName): void {
  if (passed.hasSubscribers) passed.publish(name);
}
