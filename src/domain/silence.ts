/**
 * What did not happen: a verdict, a result file, a night's run, a proof of delivery. Nobody writes a row about silence, so
 * it is derived from recorded facts, at the caller's now. The same silence always has the same fingerprint; findings that
 * a person has settled are for the caller to leave out.
 */
import { type BatchState, mayBeWithProvider } from "./batch.ts";
import type { Break } from "./break.ts";
import { type AttemptFacts, awaitedUntil, bucketOf, type WindowRule } from "./bucket.ts";
import { type DueTime, dueInstants, formatTimeOfDay } from "./due-time.ts";
import { formatInstant, HOUR_MS, type Instant } from "./instant.ts";
import { isFinal, type Outcome } from "./outcome.ts";
import type { FoundBreak } from "./reconcile.ts";

export interface SilentAttempt extends AttemptFacts {
  readonly attemptId: number;
  readonly orderId: string;
  readonly batchId: number;
  readonly outcomes: readonly (Pick<Outcome, "status"> & { readonly at: Instant })[];
}

export interface SilentBatch {
  readonly batchId: number;
  readonly name: string;
  readonly state: BatchState;
  readonly since: { readonly at: Instant };
  readonly detail: string;
}

export interface SilenceFacts {
  /** Every attempt, in pages. */
  readonly attempts: AsyncIterable<readonly SilentAttempt[]> | Iterable<readonly SilentAttempt[]>;
  /** Every batch, the delivered ones too: they say since when rebills are with the provider. */
  readonly batches: readonly SilentBatch[];
  readonly runs: readonly { readonly command: string; readonly at: Instant }[];
  /** Completed listings of the outbound folder. */
  readonly collections: readonly { readonly at: Instant; readonly collected: number }[];
  readonly window: WindowRule;
  /** When result files are due; empty: nothing is known to be due. */
  readonly resultsDue: readonly DueTime[];
  /** By when a night's run must have begun, in the merchant's zone; undefined: nobody asked. */
  readonly expectRunBy: DueTime | undefined;
}

/** A file is looked for this long after it was due before its absence is a finding. */
const RESULT_GRACE_MS = HOUR_MS;

/** The commands that send a night's declines. `watch` has to record a run for each of its rounds. */
const SENDING_COMMANDS: readonly string[] = ["run", "watch", "submit"];

/** A result file that was missed once and came later: which finding that answers, and when the file was collected. */
export interface LateFile {
  readonly fingerprint: string;
  readonly at: Instant;
}

/** All findings of silence, in pages, because a whole month may be overdue. Returns what has been answered since. */
export async function* findSilence(facts: SilenceFacts, now: Instant): AsyncGenerator<FoundBreak[], LateFile[]> {
  const slots = new ResultSlots(facts, now);
  // Only these two rules look at single rebills; a year of them is not read for nothing.
  if (facts.window.afterWindow === "overdue" || facts.resultsDue.length > 0) {
    for await (const page of facts.attempts) {
      slots.addPending(page);
      const overdue = page.flatMap((attempt) => overdueBreak(attempt, now, facts.window) ?? []);
      if (overdue.length > 0) yield overdue;
    }
  }
  const { missing, late } = slots.judge(facts.collections);
  const rest = [...missing, ...missedNights(facts, now), ...uncertainBatches(facts.batches)];
  if (rest.length > 0) yield rest;
  return late;
}

/** Which finding this is, whenever and wherever it is met again. */
export function breakKey(found: Pick<Break, "code" | "fingerprint">): string {
  return `${found.code} ${found.fingerprint}`;
}

export function overdueFingerprint(attemptId: number): string {
  return `attempt ${attemptId}`;
}

function overdueBreak(attempt: SilentAttempt, now: Instant, window: WindowRule): FoundBreak | undefined {
  if (bucketOf(attempt, now, window).reason !== "overdue") return undefined;
  return {
    ...silence(
      "overdue",
      overdueFingerprint(attempt.attemptId),
      `no verdict, and its window ended ${formatInstant(attempt.expiresAt)}`,
    ),
    orderId: attempt.orderId,
    attemptId: attempt.attemptId,
    batchId: attempt.batchId,
  };
}

function uncertainBatches(batches: readonly SilentBatch[]): FoundBreak[] {
  return batches
    .filter((batch) => batch.state === "uncertain")
    .map((batch) => {
      const why = batch.detail === "" ? "" : `: ${batch.detail}`;
      const message = `the delivery of ${batch.name || `batch ${batch.batchId}`} cannot be proven${why}`;
      return { ...silence("delivery_uncertain", `batch ${batch.batchId}`, message), batchId: batch.batchId };
    });
}

/**
 * Each local day whose deadline has passed without a run since the deadline of the day before. From deadline to deadline,
 * not 24 hours back: on the day the clocks change that is 23 or 25 hours, and each run belongs to exactly one night.
 */
function missedNights(facts: Pick<SilenceFacts, "runs" | "expectRunBy">, now: Instant): FoundBreak[] {
  const due = facts.expectRunBy;
  const begun = facts.runs.filter((run) => SENDING_COMMANDS.includes(run.command)).map((run) => run.at);
  begun.sort((a, b) => a - b);
  if (due === undefined || begun.length === 0) return [];
  const [first = now] = begun;
  const [firstNight, ...nights] = dueInstants(due, first - 1, now);
  let previous = firstNight?.at ?? now;
  const missed: FoundBreak[] = [];
  let next = 0;
  for (const { day, at } of nights) {
    while ((begun[next] ?? at) <= previous && next < begun.length) next += 1;
    if ((begun[next] ?? Number.POSITIVE_INFINITY) > at) {
      const message = `no run began in the night to ${day}, by ${formatTimeOfDay(due)} ${due.zone}`;
      missed.push(silence("night_missed", `night ${day}`, message));
    }
    previous = at;
  }
  return missed;
}

interface Slot {
  readonly at: Instant;
  pending: number;
}

/** The times at which a result file was due, and whether anything was pending then. */
class ResultSlots {
  readonly #slots: readonly Slot[];
  readonly #window: WindowRule;
  /** Batch → since when its rebills may be with the provider. */
  readonly #sentAt: ReadonlyMap<number, Instant>;

  constructor(facts: Pick<SilenceFacts, "batches" | "resultsDue" | "window">, now: Instant) {
    const sent = facts.batches.filter((batch) => mayBeWithProvider(batch.state));
    this.#window = facts.window;
    this.#sentAt = new Map(sent.map((batch) => [batch.batchId, batch.since.at]));
    const begin = sent.reduce((earliest, batch) => Math.min(earliest, batch.since.at), now);
    const times = facts.resultsDue.flatMap((due) => [...dueInstants(due, begin, now)].map(({ at }) => at));
    this.#slots = [...new Set(times)].sort((a, b) => a - b).map((at) => ({ at, pending: 0 }));
  }

  /** `pending` holds differences between neighbours until `judge` sums them: a million rebills touch two slots each. */
  addPending(attempts: readonly SilentAttempt[]): void {
    if (this.#slots.length === 0) return;
    for (const attempt of attempts) {
      const from = this.#sentAt.get(attempt.batchId);
      if (from === undefined) continue;
      const final = attempt.outcomes.find((outcome) => isFinal(outcome.status));
      const until = Math.min(final?.at ?? Number.POSITIVE_INFINITY, awaitedUntil(attempt, this.#window));
      if (until <= from) continue;
      const first = this.#slots[this.#firstFrom(from)];
      const after = this.#slots[this.#firstFrom(until)];
      if (first) first.pending += 1;
      if (after) after.pending -= 1;
    }
  }

  /**
   * A slot has its file if one was collected between the slot and the first listing that came at least an hour after it.
   * Each file serves one slot, the earliest first, so two slots before one listing need two files. What no slot in its time
   * needs, or may still need, serves one that went without: it came late.
   */
  judge(collections: SilenceFacts["collections"]): { readonly missing: FoundBreak[]; readonly late: LateFile[] } {
    const listings = collections.toSorted((a, b) => a.at - b.at).map(({ at, collected }) => ({ at, left: collected }));
    const without: { readonly due: Instant; readonly lookedAt: Instant }[] = [];
    let pending = 0;
    let next = 0;
    let last = 0;
    for (const slot of this.#slots) {
      pending += slot.pending;
      while ((listings[next]?.at ?? slot.at) < slot.at) next += 1;
      while ((listings[last]?.at ?? Number.POSITIVE_INFINITY) < slot.at + RESULT_GRACE_MS) last += 1;
      if (pending === 0) continue;
      const judged = listings[last];
      const file = listings.slice(next, judged && last + 1).find((listing) => listing.left > 0);
      if (file) file.left -= 1;
      else if (judged) without.push({ due: slot.at, lookedAt: judged.at });
    }
    const missing: FoundBreak[] = [];
    const late: LateFile[] = [];
    for (const { due, lookedAt } of without) {
      const file = listings.find((listing) => listing.at > lookedAt && listing.left > 0);
      if (file) file.left -= 1;
      if (file) late.push({ fingerprint: slotFingerprint(due), at: file.at });
      else missing.push(missingFile(due, lookedAt));
    }
    return { missing, late };
  }

  /** Index of the first slot at or after the instant. */
  #firstFrom(instant: Instant): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle]?.at ?? 0) < instant) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function missingFile(due: Instant, lookedAt: Instant): FoundBreak {
  const message = `no result file for ${formatInstant(due)} when the outbound folder was listed ${formatInstant(lookedAt)}`;
  return silence("result_file_missing", slotFingerprint(due), message);
}

function slotFingerprint(due: Instant): string {
  return `slot ${formatInstant(due)}`;
}

function silence(code: Break["code"], fingerprint: string, message: string): FoundBreak {
  return { code, fingerprint, orderId: "", file: "", line: 0, message, attemptId: undefined, batchId: undefined };
}
