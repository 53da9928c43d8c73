/**
 * Where a merchant stands: what cannot be proven and where to look, what is unfinished, what is pending, what ran last.
 */
import { posix } from "node:path";
import { type BatchContent, type BatchState, isUnfinished } from "../domain/batch.ts";
import { type AttemptFacts, BUCKETS, type Bucket, bucketOf, type WindowRule } from "../domain/bucket.ts";
import { formatInstant, type Instant } from "../domain/instant.ts";
import { MoneyTotals } from "../domain/money.ts";
import type { Pages } from "./findings.ts";
import { PLAIN, type Place, renderPlaces, type Style, wrap } from "./layout.ts";
import { printable } from "./printable.ts";
import { instantOrNull, moneyDocument } from "./report-json.ts";
import { settleBatchCommands } from "./settle-commands.ts";
import { formatCount, formatNumberOf, formatTotals, formatWhen } from "./words.ts";

export interface StatusBatch {
  readonly batchId: number;
  readonly state: BatchState;
  readonly since: { readonly recordedAt: Instant };
  readonly detail: string;
  readonly name: string;
  readonly tries: number;
  readonly temporary: { readonly path: string } | undefined;
  readonly content: (BatchContent & { readonly archivePath: string }) | undefined;
}

export interface StatusRun {
  readonly runId: number;
  readonly command: string;
  readonly at: Instant;
  readonly recordedAt: Instant;
  readonly exitStatus: number | undefined;
}

export interface StatusLock {
  readonly pid: number;
  readonly host: string;
  readonly command: string;
  readonly since: Instant;
  readonly heartbeatAt: Instant;
}

export interface StatusCollection {
  readonly at: Instant;
  readonly recordedAt: Instant;
  readonly found: number;
  readonly collected: number;
}

export interface StatusAttempt extends AttemptFacts {
  readonly amountMinor: number;
  readonly currency: string;
}

export interface StatusInput {
  readonly merchant: string;
  readonly attempts: Pages<StatusAttempt>;
  readonly batches: readonly StatusBatch[];
  /** Oldest first, as the ledger gives them; so are the collections. */
  readonly runs: readonly StatusRun[];
  readonly collections: readonly StatusCollection[];
  readonly lockHolder: StatusLock | undefined;
  /** The remote folder in which our batches lie. */
  readonly inbound: string;
  readonly places: readonly Place[];
  readonly now: Instant;
  readonly window: WindowRule;
}

export interface UnfinishedBatch extends StatusBatch {
  /** Empty until it has a name. */
  readonly remotePath: string;
}

export interface Status {
  readonly merchant: string;
  readonly asOf: Instant;
  readonly uncertain: readonly UnfinishedBatch[];
  /** Neither delivered nor failed nor uncertain: the next run goes on with them. */
  readonly unfinished: readonly UnfinishedBatch[];
  readonly buckets: Readonly<Record<Bucket, MoneyTotals>>;
  /** Of what is pending; undefined when no window is running. */
  readonly nextWindowEnd: Instant | undefined;
  /** Newest first. */
  readonly lastRuns: readonly StatusRun[];
  readonly lastCollection: StatusCollection | undefined;
  readonly lockHolder: StatusLock | undefined;
  readonly places: readonly Place[];
}

const RUNS_SHOWN = 5;

export async function buildStatus(input: StatusInput): Promise<Status> {
  const totals = Object.fromEntries(BUCKETS.map((bucket) => [bucket, new MoneyTotals()])) as Record<
    Bucket,
    MoneyTotals
  >;
  let nextWindowEnd = Number.POSITIVE_INFINITY;
  for await (const page of input.attempts) {
    for (const attempt of page) {
      const { bucket } = bucketOf(attempt, input.now, input.window);
      totals[bucket].add(attempt.currency, attempt.amountMinor);
      const isRunning = bucket === "pending" && attempt.expiresAt > input.now;
      if (isRunning) nextWindowEnd = Math.min(nextWindowEnd, attempt.expiresAt);
    }
  }
  const open = input.batches
    .filter((batch) => isUnfinished(batch.state))
    .map((batch) => ({ ...batch, remotePath: batch.name === "" ? "" : posix.join(input.inbound, batch.name) }));
  return {
    merchant: input.merchant,
    asOf: input.now,
    uncertain: open.filter((batch) => batch.state === "uncertain"),
    unfinished: open.filter((batch) => batch.state !== "uncertain"),
    buckets: totals,
    nextWindowEnd: Number.isFinite(nextWindowEnd) ? nextWindowEnd : undefined,
    lastRuns: input.runs.slice(-RUNS_SHOWN).reverse(),
    lastCollection: input.collections.at(-1),
    lockHolder: input.lockHolder,
    places: input.places,
  };
}

/** Everything but the envelope. */
export function statusDocument(status: Status) {
  const { lastCollection, lockHolder } = status;
  return {
    as_of: formatInstant(status.asOf),
    uncertain: status.uncertain.map(batchDocument),
    unfinished: status.unfinished.map(batchDocument),
    ...Object.fromEntries(BUCKETS.map((bucket) => [bucket, status.buckets[bucket].toArray().map(moneyDocument)])),
    next_window_end: instantOrNull(status.nextWindowEnd),
    last_runs: status.lastRuns.map(({ runId, command, at, recordedAt, exitStatus }) => ({
      run_id: runId,
      command,
      at: formatInstant(at),
      recorded_at: formatInstant(recordedAt),
      exit_status: exitStatus ?? null,
    })),
    last_collection: lastCollection
      ? {
          at: formatInstant(lastCollection.at),
          recorded_at: formatInstant(lastCollection.recordedAt),
          found: lastCollection.found,
          collected: lastCollection.collected,
        }
      : null,
    lock: lockHolder
      ? {
          pid: lockHolder.pid,
          host: lockHolder.host,
          command: lockHolder.command,
          since: formatInstant(lockHolder.since),
          heartbeat_at: formatInstant(lockHolder.heartbeatAt),
        }
      : null,
    places: status.places,
  };
}

function batchDocument(batch: UnfinishedBatch) {
  const { content } = batch;
  return {
    batch_id: batch.batchId,
    name: batch.name,
    state: batch.state,
    since: formatInstant(batch.since.recordedAt),
    detail: batch.detail,
    tries: batch.tries,
    remote_path: batch.remotePath,
    temporary_path: batch.temporary?.path ?? null,
    size: content?.sizeBytes ?? null,
    sha256: content?.sha256 ?? null,
    rows: content?.rows ?? null,
    totals: (content?.totals ?? []).map(moneyDocument),
    archive_path: content?.archivePath ?? null,
  };
}

export function renderStatusText(status: Status, { style = PLAIN }: { readonly style?: Style } = {}): string {
  const lines = [
    style("heading", `${printable(status.merchant)}: status as of ${formatWhen(status.asOf)}`),
    "",
    ...answer(status, style),
    ...status.uncertain.flatMap((batch) => uncertainLines(batch, status.merchant, style)),
    ...status.unfinished.flatMap(unfinishedLines),
    ...moneyLines(status),
    ...pastLines(status),
    ...renderPlaces(status.places, style),
  ];
  return `${lines.join("\n")}\n`;
}

function answer({ uncertain, unfinished }: Status, style: Style): string[] {
  if (uncertain.length > 0) {
    const what = `${formatNumberOf(uncertain.length, "batch")} whose delivery cannot be proven: look, then settle.`;
    return [style("bad", what)];
  }
  if (unfinished.length > 0) {
    const what = `${formatNumberOf(unfinished.length, "batch")} unfinished: \`rescue run\` goes on where it stopped.`;
    return [style("bad", what)];
  }
  return [style("good", "Nothing is unfinished, and every delivery is proven.")];
}

function uncertainLines(batch: UnfinishedBatch, merchant: string, style: Style): string[] {
  const { content, detail, temporary } = batch;
  const name = batch.name || `batch ${batch.batchId}`;
  const facts = [
    ...(detail === "" ? [] : wrap(detail, "  ")),
    `  look at    ${batch.remotePath}`,
    ...(temporary ? [`  and at     ${temporary.path}`] : []),
    ...(content ? contentLines(content) : []),
    `  since      ${formatWhen(batch.since.recordedAt)}`,
    "  then type one of",
    ...settleBatchCommands(batch.name || batch.batchId, merchant).map((command) => `    ${command}`),
  ];
  return ["", style("bad", printable(`uncertain  ${name}`)), ...facts.map(printable)];
}

function contentLines({ sizeBytes, rows, totals, sha256, archivePath }: NonNullable<StatusBatch["content"]>): string[] {
  const money = totals.length === 0 ? "" : `, ${formatTotals(totals)}`;
  return [
    `  it has     ${formatCount(sizeBytes)} bytes, ${formatNumberOf(rows, "row")}${money}`,
    `  sha256     ${sha256}`,
    `  our copy   ${archivePath}`,
  ];
}

function unfinishedLines(batch: UnfinishedBatch): string[] {
  const money = batch.content?.totals.length ? `, ${formatTotals(batch.content.totals)}` : "";
  const what = `${batch.state}  ${batch.name || `batch ${batch.batchId}`}${money}, since ${formatWhen(batch.since.recordedAt)}`;
  return ["", ...wrap(printable(what))];
}

function moneyLines({ buckets, nextWindowEnd }: Status): string[] {
  const lines = (["pending", "unaccounted", "unsent"] as const).flatMap((bucket) => {
    const totals = buckets[bucket].toArray();
    const count = totals.reduce((sum, total) => sum + total.count, 0);
    return count === 0 ? [] : [`${bucket.padEnd(11)}  ${formatNumberOf(count, "rebill")}, ${formatTotals(totals)}`];
  });
  const end = nextWindowEnd === undefined ? [] : [`next window to end: ${formatWhen(nextWindowEnd)}`];
  return ["", ...(lines.length === 0 ? ["Nothing is pending."] : lines), ...end];
}

function pastLines({ lastRuns, lastCollection, lockHolder }: Status): string[] {
  const runs = lastRuns.map(({ command, recordedAt, exitStatus }) => {
    const end = exitStatus === undefined ? "no end recorded: killed, or still at work" : `exit status ${exitStatus}`;
    return `  ${formatWhen(recordedAt)}  ${printable(command)}, ${end}`;
  });
  const collection = lastCollection
    ? `Last look for results: ${formatWhen(lastCollection.recordedAt)}, ${formatNumberOf(lastCollection.found, "file")} there, ${formatCount(lastCollection.collected)} new.`
    : "Nobody has looked for results yet.";
  const lock = lockHolder
    ? `Running now: rescue ${lockHolder.command}, process ${lockHolder.pid} on ${lockHolder.host}, since ${formatWhen(lockHolder.since)}, last sign of life ${formatWhen(lockHolder.heartbeatAt)}.`
    : "Nothing is running now.";
  return [
    "",
    ...(runs.length === 0 ? ["No run is recorded yet."] : ["Last runs", ...runs]),
    ...wrap(collection),
    ...wrap(printable(lock)),
  ];
}
