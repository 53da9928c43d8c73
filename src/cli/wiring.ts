/** Puts the parts together for one merchant: ledger, archive, connection, profile. The only place where they meet. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Config, MerchantConfig } from "../config/config.ts";
import { formatDuration } from "../domain/instant.ts";
import { INTAKE_PATHS, type IntakePath } from "../domain/intake-path.ts";
import type { Policy } from "../domain/policy.ts";
import { Problem } from "../domain/problem.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { openSqliteLedger } from "../ledger/sqlite/open.ts";
import { Archive } from "../pipeline/archive.ts";
import type { PipelineContext } from "../pipeline/context.ts";
import { refuseOlderLedger } from "../pipeline/older-ledger.ts";
import { RemoteSession } from "../pipeline/session.ts";
import { sweepArchive } from "../pipeline/sweep-archive.ts";
import { loadProfile } from "../profiles/load.ts";
import type { Profile } from "../profiles/profile.ts";
import type { Transport } from "../transport/transport.ts";
import type { CommandContext } from "./context.ts";
import { ExitStatus, exitStatusFor } from "./exit-status.ts";

/**
 * What a file waits for is round trips; from here on the line is full, or the server busy. A server that wants one request after
 * the other (`concurrency: 1`) gets one batch after the other as well.
 */
const BATCHES_AT_ONCE = 32;
/** Two looks at a remote file lie this far apart. */
const SETTLE_MS = 1_000;

export interface OpenMerchant {
  readonly config: MerchantConfig;
  readonly profile: Profile;
  readonly ledger: Ledger;
  readonly archive: Archive;
}

/** The merchant's ledger, for looking; no lock, no connection. */
export async function withLedger<T>(
  context: CommandContext,
  config: Config,
  merchant: MerchantConfig,
  work: (open: OpenMerchant) => Promise<T>,
): Promise<T> {
  const profile = await loadProfile(merchant.provider);
  const folder = join(config.dataDir, merchant.id);
  const archive = new Archive(folder);
  const ledger = await openSqliteLedger({
    folder,
    merchant: merchant.id,
    // A container's host name changes with each start; RESCUE_HOST gives it one that stays.
    host: context.io.env["RESCUE_HOST"] || hostname(),
    adopt: context.io.env["RESCUE_ADOPT_LEDGER"] === merchant.id,
    clock: context.clock.wall,
  });
  try {
    await archive.prepare();
    return await work({ config: merchant, profile, ledger, archive });
  } finally {
    await ledger.close();
  }
}

/** An empty ledger in a temporary folder, which is gone afterwards. */
export async function withReplica(
  context: CommandContext,
  merchant: MerchantConfig,
  work: (replica: Ledger) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-verify-"));
  try {
    const options = { folder, merchant: merchant.id, host: hostname(), clock: context.clock.wall };
    const replica = await openSqliteLedger(options);
    try {
      await replica.acquireLock("verify");
      await work(replica);
    } finally {
      await replica.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The merchant's policy under the provider's own minimum window. Problem `config_invalid` where the policy's default window
 * is shorter than what the provider takes: every row would be rejected.
 */
export function policyFor({ id, policy }: MerchantConfig, { id: provider, window }: Profile): Policy {
  const minimumWindowMs = Math.max(policy.minimumWindowMs, window.minimumMs);
  if (policy.rescueWindowMs >= minimumWindowMs) return { ...policy, minimumWindowMs };
  const asked = formatDuration(policy.rescueWindowMs);
  const least = formatDuration(minimumWindowMs);
  throw new Problem(
    "config_invalid",
    `merchants.${id}.policy.rescue_window: ${asked} is less than the ${least} of ${provider}`,
    {
      hint: `Nothing was attempted. Set it to ${least} or more.`,
    },
  );
}

/** RESCUE_INTAKE. Problem `config_invalid` for a word that is none of INTAKE_PATHS. */
export function readIntakePath(env: Readonly<Record<string, string | undefined>>): IntakePath {
  const asked = env["RESCUE_INTAKE"] || "auto";
  const found = INTAKE_PATHS.find((path) => path === asked);
  if (found) return found;
  throw new Problem("config_invalid", `RESCUE_INTAKE is "${asked}"; it may be ${INTAKE_PATHS.join(", ")}`, {
    hint: "Nothing was attempted. Unset it: it is only for comparing the ways in which exports are read.",
  });
}

export interface RunOptions {
  readonly command: string;
  /** A late export may be sent, because a person said so. */
  readonly maxAgeDays?: number | undefined;
  /** Only looks: no lock is taken and no run recorded. */
  readonly dryRun?: boolean;
  /** The server is looked at in any case: the connection is made while the rest is made ready. */
  readonly connects?: boolean;
  /** The lock is needed, but nothing is changed, not even what killed runs left behind. */
  readonly looksOnly?: boolean;
}

/** What a verb made of a merchant, and how the run's record is closed. */
export interface Ended<T> {
  readonly status: ExitStatus;
  readonly value: T;
}

/** With the merchant's lock held and the run recorded; a connection is made when it is first needed. */
export async function withPipeline<T>(
  context: CommandContext,
  config: Config,
  merchant: MerchantConfig,
  options: RunOptions,
  work: (pipeline: PipelineContext, open: OpenMerchant) => Promise<Ended<T>>,
): Promise<Ended<T>> {
  return withLedger(context, config, merchant, async (open) => {
    const remote = new RemoteSession(sftpTransport(merchant), context.deadline, context.stop);
    const pipeline = pipelineContext(context, open, remote, options);
    if (options.dryRun) return work(pipeline, open);
    await open.ledger.acquireLock(options.command);
    try {
      if (options.connects) remote.begin();
      if (!options.looksOnly) {
        await refuseOlderLedger(open);
        await sweepArchive(open);
      }
      return await recordRun(context, open.ledger, options.command, () => work(pipeline, open));
    } finally {
      await remote.close();
      await open.ledger.releaseLock();
    }
  });
}

/** SSH is loaded when a connection is made: `report` and `reconcile FILE` need none. */
function sftpTransport({ sftp }: MerchantConfig): Transport {
  // One for the run: it remembers what the server gave.
  let transport: Promise<Transport> | undefined;
  return {
    connect: async (signal) => {
      transport ??= import("../transport/sftp.ts").then((module) => module.createSftpTransport(sftp));
      return (await transport).connect(signal);
    },
  };
}

async function recordRun<T>(
  context: CommandContext,
  ledger: Ledger,
  command: string,
  work: () => Promise<Ended<T>>,
): Promise<Ended<T>> {
  const stamp = () => ({ at: context.clock.now(), recordedAt: context.clock.wall() });
  const runId = await ledger.startRun({ ...stamp(), command });
  try {
    const ended = await work();
    await ledger.endRun(runId, { ...stamp(), exitStatus: ended.status });
    return ended;
  } catch (error) {
    const exitStatus = error instanceof Problem ? exitStatusFor[error.code] : ExitStatus.failed;
    // What went wrong matters more than that its end could not be recorded as well.
    await ledger.endRun(runId, { ...stamp(), exitStatus }).catch(() => {});
    throw error;
  }
}

function pipelineContext(
  context: CommandContext,
  { config: merchant, profile, ledger, archive }: OpenMerchant,
  remote: RemoteSession,
  options: RunOptions,
): PipelineContext {
  const { id, mid, inbox, exportShape, resultsDue, expectRunBy } = merchant;
  const policy = policyFor(merchant, profile);
  const { inbound, outbound } = merchant.sftp;
  return {
    merchant: { id, mid, inbox, inbound, outbound, exportShape, policy, resultsDue, expectRunBy },
    profile,
    ledger,
    archive,
    remote,
    clock: context.clock,
    maxAgeDays: options.maxAgeDays ?? policy.maxAgeDays,
    intakePath: readIntakePath(context.io.env),
    stop: context.stop,
    batchesAtOnce: Math.min(BATCHES_AT_ONCE, merchant.sftp.concurrency),
    settleMs: SETTLE_MS,
    delay: (ms) => sleepUnlessStopped(ms, context),
    uniqueId: () => randomBytes(4).toString("hex"),
    note: (message) => context.speech.note(`${id}: ${message}`),
    progress: progressLine((line) => context.speech.progress(`${id}: ${line}`)),
  };
}

/** One line for all that is on its way. */
function progressLine(show: (line: string) => void): PipelineContext["progress"] {
  const onTheirWay = new Set<string>();
  let sent = 0;
  return (name, sentBytes, sizeBytes) => {
    if (sentBytes < sizeBytes) onTheirWay.add(name);
    else {
      onTheirWay.delete(name);
      sent += 1;
    }
    const percent = sizeBytes === 0 ? 100 : Math.floor((sentBytes / sizeBytes) * 100);
    show(`${name} ${percent} % (${sent} sent, ${onTheirWay.size} on their way)`);
  };
}

/** Ends early when the run is told to stop or its deadline has come; the next step sees why. */
export async function sleepUnlessStopped(ms: number, context: CommandContext): Promise<void> {
  const signal = AbortSignal.any([context.stop, context.deadline]);
  await delay(ms, undefined, { signal }).catch(() => {});
}
