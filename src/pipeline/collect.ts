/**
 * `collect`: looks into the outbound folder and takes each result file once. A file is taken when two looks agree on its
 * name, size and time and its structure is complete; half-written or unreadable means "not yet", never "empty".
 */
import { posix } from "node:path";
import { DAY_MS, type DurationMs, type Instant, SECOND_MS } from "../domain/instant.ts";
import { isProblem } from "../domain/problem.ts";
import type { NewBreak, RemoteLook, ResultFileRecord } from "../ledger/ledger.ts";
import { checkResultFile } from "../profiles/check-results.ts";
import { isSafeRemoteName, matchesResultName } from "../profiles/names.ts";
import type { RemoteDrop, RemoteEntry } from "../transport/transport.ts";
import { keptName, PART } from "./archive.ts";
import { OutboundClearing } from "./clear-collected.ts";
import { checkStop, type PipelineContext, stamp } from "./context.ts";
import { passStep } from "./steps.ts";

/** A file without a final newline may still be growing: it is taken when it has not changed for this long. */
const UNTERMINATED_SETTLE_MS = 10 * SECOND_MS;
const STUCK_AFTER_MS = DAY_MS;

export interface CollectedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly state: "collected" | "seen" | "not_ready" | "quarantined";
  /** Why it was not taken; empty if it was. */
  readonly reason: string;
}

export interface Collection {
  readonly files: readonly CollectedFile[];
}

/** One look into the outbound folder (or two, `settle` apart, where something new is there). */
export async function collect(context: PipelineContext): Promise<Collection> {
  return context.remote.withReconnect(async (drop) => {
    passStep("collect.begun");
    const known = await context.ledger.resultFiles();
    const knownByName = Map.groupBy(known, (file) => file.name);
    const { results: entries, unsafe } = await listOutbound(context, drop);
    passStep("collect.listed");
    const files = await reportUnsafe(context, unsafe);
    const candidates: RemoteEntry[] = [];
    const clearing = new OutboundClearing(context, drop);
    for (const entry of entries) {
      const twin = knownByName.get(entry.name)?.find((file) => isSameFile(file, entry));
      if (twin && (await clearing.clearAgain(entry.name, twin.sha256)))
        files.push({ name: entry.name, sizeBytes: entry.sizeBytes, sha256: twin.sha256, state: "seen", reason: "" });
      else candidates.push(entry);
    }
    const stable = await withoutUnstable(context, drop, candidates, files);
    const looks = stable.length === 0 ? [] : await context.ledger.looks();
    const firstSeen = new Map(looks.map((look) => [lookKey(look), look.firstSeenAt]));
    for (const entry of stable) {
      checkStop(context);
      files.push(await take(context, drop, entry, { known, firstSeen, clearing }));
    }
    const collected = files.filter((file) => file.state === "collected").length;
    await context.ledger.recordCollection({ ...stamp(context), found: entries.length, collected });
    passStep("collect.done");
    return { files: files.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

interface Listing {
  readonly results: readonly RemoteEntry[];
  /** Names that are no plain file names: nothing is asked for by such a name. */
  readonly unsafe: readonly RemoteEntry[];
}

async function listOutbound(context: PipelineContext, drop: RemoteDrop): Promise<Listing> {
  const entries = (await drop.list(context.merchant.outbound)).filter((entry) => entry.kind === "file");
  const safe = entries.filter((entry) => isSafeRemoteName(entry.name));
  return {
    results: safe
      .filter((entry) => matchesResultName(context.profile, entry.name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    unsafe: entries.filter((entry) => !isSafeRemoteName(entry.name)),
  };
}

/** Left alone on the server, and a finding: somebody puts things there that no result file is called. */
async function reportUnsafe(context: PipelineContext, unsafe: readonly RemoteEntry[]): Promise<CollectedFile[]> {
  const reason = "its name is not a plain file name; it was left alone";
  const breaks = unsafe.map(({ name }) => ({ ...fileBreak(context, name, reason), fingerprint: `name ${name}` }));
  await context.ledger.recordBreaks(breaks);
  return unsafe.map(({ name, sizeBytes }) => ({ name, sizeBytes, sha256: "", state: "quarantined", reason }));
}

function isSameFile(file: ResultFileRecord, entry: RemoteEntry): boolean {
  return file.name === entry.name && file.sizeBytes === entry.sizeBytes && file.modifiedAt === entry.modifiedAt;
}

/** Those that a second look, now or in an earlier run, found unchanged. The others are `not_ready`. */
async function withoutUnstable(
  context: PipelineContext,
  drop: RemoteDrop,
  candidates: readonly RemoteEntry[],
  files: CollectedFile[],
): Promise<RemoteEntry[]> {
  if (candidates.length === 0) return [];
  const looks = new Map((await context.ledger.looks()).map((look) => [look.name, look]));
  const wall = context.clock.wall();
  const isStable = (entry: RemoteEntry) => {
    const look = looks.get(entry.name);
    return look !== undefined && isUnchanged(look, entry) && wall - look.seenAt >= context.settleMs;
  };
  let stable = candidates.filter(isStable);
  const fresh = candidates.filter((entry) => !isStable(entry));
  await context.ledger.transaction(async () => {
    for (const entry of fresh) await context.ledger.recordLook(lookOf(context, entry));
  });
  passStep("collect.looks_recorded");
  if (fresh.length > 0) {
    await context.delay(context.settleMs);
    const again = new Map((await listOutbound(context, drop)).results.map((entry) => [entry.name, entry]));
    passStep("collect.looked_twice");
    for (const entry of fresh) {
      const second = again.get(entry.name);
      if (second && isUnchanged(entry, second)) stable = [...stable, second];
      else files.push(notReady(entry, second ? "it changed between two looks" : "it vanished between two looks"));
    }
  }
  return stable.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A file as it looked; with another size or time it is another one. */
function lookKey({ name, sizeBytes, modifiedAt }: Pick<RemoteLook, "name" | "sizeBytes" | "modifiedAt">): string {
  return `${sizeBytes} ${modifiedAt} ${name}`;
}

function isUnchanged(
  look: Pick<RemoteLook, "sizeBytes" | "modifiedAt">,
  entry: Pick<RemoteEntry, "sizeBytes" | "modifiedAt">,
): boolean {
  return look.sizeBytes === entry.sizeBytes && look.modifiedAt === entry.modifiedAt;
}

function lookOf(context: PipelineContext, entry: RemoteEntry): RemoteLook {
  const { name, sizeBytes, modifiedAt } = entry;
  return { name, sizeBytes, modifiedAt, seenAt: context.clock.wall() };
}

function notReady(entry: RemoteEntry, reason: string): CollectedFile {
  return { name: entry.name, sizeBytes: entry.sizeBytes, sha256: "", state: "not_ready", reason };
}

/** What one look into the folder knows beforehand. */
interface Round {
  readonly known: readonly ResultFileRecord[];
  /** By `lookKey`: since when each file has been seen unchanged. */
  readonly firstSeen: ReadonlyMap<string, Instant>;
  readonly clearing: OutboundClearing;
}

/** Read once, into the archive; recorded; and only then, if the profile says so, moved or deleted on the server. */
async function take(
  context: PipelineContext,
  drop: RemoteDrop,
  entry: RemoteEntry,
  { known, firstSeen, clearing }: Round,
): Promise<CollectedFile> {
  const archivePath = `archive/results/${context.uniqueId()}-${keptName(entry.name)}`;
  const partPath = `${archivePath}${PART}`;
  const remotePath = posix.join(context.merchant.outbound, entry.name);
  const { sizeBytes, modifiedAt, name } = entry;
  passStep("collect.download_begun");
  let sha256: string;
  try {
    const read = await drop.download(remotePath, context.archive.resolve(partPath));
    passStep("collect.downloaded");
    sha256 = read.sha256;
    if (read.sizeBytes !== sizeBytes) {
      await context.archive.remove(partPath);
      return notReady(entry, `it was listed with ${sizeBytes} bytes, but ${read.sizeBytes} came`);
    }
  } catch (error) {
    if (!isProblem(error, "permission_denied", "remote_failed", "remote_folder_missing")) throw error;
    await context.archive.remove(partPath);
    return notReady(entry, error.message);
  }
  const sameBytes = known.some((file) => file.name === name && file.sha256 === sha256);
  const verdict = await checkResultFile(context.profile, context.archive.resolve(partPath));
  passStep("collect.checked");
  const reason = verdict === "complete" ? "" : "incomplete" in verdict ? verdict.incomplete : verdict.notResults;
  const restedMs = context.clock.wall() - (firstSeen.get(lookKey(entry)) ?? context.clock.wall());
  if (verdict !== "complete" && "incomplete" in verdict && !hasRested(restedMs, verdict)) {
    await context.archive.remove(partPath);
    passStep("collect.discarded");
    if (restedMs >= STUCK_AFTER_MS) await recordStuck(context, entry, reason);
    return notReady(entry, reason);
  }
  const state = verdict !== "complete" && "notResults" in verdict ? "quarantined" : "collected";
  await context.archive.keepParts([archivePath]);
  await context.ledger.transaction(async () => {
    const file = {
      ...stamp(context),
      name,
      sizeBytes,
      modifiedAt,
      sha256,
      archivePath,
      state,
      source: "file",
    } as const;
    const resultFileId = await context.ledger.recordResultFile(file);
    passStep("collect.file_recorded");
    // The same bytes under the same name: only its time changed, and its rows are known.
    if (sameBytes)
      await context.ledger.markApplied(resultFileId, { ...stamp(context), rows: 0, applied: 0, repeated: 0 });
    if (state === "quarantined") await context.ledger.recordBreaks([quarantineBreak(context, name, sha256, reason)]);
  });
  passStep("collect.file_taken");
  await clearing.clear(name);
  return { name, sizeBytes, sha256, state: sameBytes ? "seen" : state, reason: state === "quarantined" ? reason : "" };
}

/** Waiting for what nobody writes any more would be silence: after a day it is a finding, and still not taken. */
async function recordStuck(context: PipelineContext, entry: RemoteEntry, reason: string): Promise<void> {
  const { name, sizeBytes, modifiedAt } = entry;
  const message = `it is unfinished (${reason}) and has not changed for a day`;
  const fingerprint = `unfinished ${name} ${sizeBytes} ${modifiedAt}`;
  await context.ledger.recordBreaks([{ ...fileBreak(context, name, message), fingerprint }]);
}

/** Whole but for its last newline, and unchanged for long enough: nobody is writing it any more. */
function hasRested(restedMs: DurationMs, verdict: { readonly unterminated?: boolean }): boolean {
  return verdict.unterminated === true && restedMs >= UNTERMINATED_SETTLE_MS;
}

function quarantineBreak(context: PipelineContext, name: string, sha256: string, reason: string): NewBreak {
  const message = `the whole file cannot be read as results: ${reason}`;
  return { ...fileBreak(context, name, message), fingerprint: `file ${sha256}` };
}

function fileBreak(context: PipelineContext, file: string, message: string): Omit<NewBreak, "fingerprint"> {
  const nobody = { orderId: "", attemptId: undefined, batchId: undefined };
  return { ...stamp(context), ...nobody, code: "malformed_result", file, line: 0, message };
}
