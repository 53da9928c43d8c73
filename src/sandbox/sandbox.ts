/**
 * A simulated rescue provider in one process: an SFTP server on the loopback address and the provider behind it. For
 * development, demos and tests; no account needed. Time is simulated: by `advanceTo`, or by a timer of its own.
 */
import { join } from "node:path";
import { DAY_MS, type Instant } from "../domain/instant.ts";
import { flex } from "../profiles/flex.ts";
import type { Profile } from "../profiles/profile.ts";
import { DropFolders } from "./drop-folders.ts";
import type { SandboxEvent } from "./events.ts";
import { loadHostKey } from "./host-key.ts";
import type { Manner } from "./manners.ts";
import { OpenFiles } from "./open-files.ts";
import type { ProviderTotals } from "./order-book.ts";
import { Provider } from "./provider.ts";
import { ORDINARY_SHARE } from "./rescue-chances.ts";
import { SSH_HOST, startSshServer } from "./ssh-server.ts";

export interface SandboxOptions {
  /** Made where missing; holds `inbound`, `outbound`, `taken`, `refused` and the host key. */
  readonly folder: string;
  /** The one key that may log in: an OpenSSH public key line. */
  readonly userPublicKey: string;
  readonly username?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: the built-in `flex`. */
  readonly profile?: Profile;
  /** The merchant's id; default: that of the first accepted file. */
  readonly mid?: string;
  readonly startAt: Instant;
  /**
   * Stand-alone: the real time, in milliseconds, that a simulated day takes. Orders then live on the merchant's clock:
   * each one's window begins when it arrives, however far the simulated clock has run ahead. Default: only `advanceTo`
   * moves the clock.
   */
  readonly dayLengthMs?: number;
  /** The same seed, files and times give the same bytes. */
  readonly seed?: string;
  /** About this share of an ordinary night is rescued, 0 to 1; which ones depends on their decline codes. */
  readonly shareRescued?: number;
  readonly shareCancelled?: number;
  /** Of the rescued. */
  readonly shareRefunded?: number;
  /** What is said of an order that was not rescued: EXPIRED (the default), or SUBMITTED until the end and then nothing. */
  readonly atEnd?: "expired" | "silence";
  /** `on step` (the default): at the next step; `at once`: gone from the inbound folder before its rename is answered. */
  readonly takes?: "on step" | "at once";
  /** Times of day at which a result file is written, `HH:MMZ`. */
  readonly resultTimes?: readonly string[];
  readonly manners?: readonly Manner[];
  /** IANA zone in which a decline's age is counted; default UTC. */
  readonly timezone?: string;
  /** Declines older than this are refused; default 1: of today or yesterday. */
  readonly maxAgeDays?: number;
  /** Called with each event as it happens. */
  readonly onEvent?: (event: SandboxEvent) => void;
}

export interface Sandbox {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** `SHA256:…`, to pin. */
  readonly hostKeyFingerprint: string;
  /** Real paths. */
  readonly root: string;
  readonly inbound: string;
  readonly outbound: string;
  /** Everything that happened so far. */
  readonly events: readonly SandboxEvent[];
  /** The simulated clock. */
  now(): Instant;
  /**
   * Takes what is in the inbound folder at the present time, then lives through every result time up to and including
   * `instant`. Resolves to what happened. Rejects with a RangeError if that is in the past.
   */
  advanceTo(instant: Instant): Promise<SandboxEvent[]>;
  /** What the provider believes, as of its last result file; untouched by bad manners other than `late`. */
  totals(): ProviderTotals;
  /** Cuts every connection and frees the port. The files stay. */
  stop(): Promise<void>;
}

/** How often the clock moves in stand-alone mode; bounds how long a file waits to be taken. */
const TICK_MS = 250;

/** Rejects if the port is taken, the folder cannot be made or the public key not be read. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const folders = new DropFolders(options.folder);
  const hostKey = loadHostKey(join(folders.root, "host_ed25519"));
  const openFiles = new OpenFiles();
  const events: SandboxEvent[] = [];
  const merchantClock = startClock(options);
  const provider: Provider = new Provider(folders, {
    profile: options.profile ?? flex,
    mid: options.mid,
    startAt: options.startAt,
    seed: options.seed ?? "sandbox",
    shareRescued: options.shareRescued ?? ORDINARY_SHARE,
    shareCancelled: options.shareCancelled ?? 0.02,
    shareRefunded: options.shareRefunded ?? 0.03,
    atEnd: options.atEnd ?? "expired",
    resultMinutes: (options.resultTimes ?? ["15:00Z", "22:00Z"]).map(parseTimeOfDay),
    manners: options.manners ?? [],
    timezone: options.timezone ?? "UTC",
    maxAgeDays: options.maxAgeDays ?? 1,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    shiftMs: () => (merchantClock ? provider.now - merchantClock.merchant() : 0),
    isBeingWritten: (path) => openFiles.isBeingWritten(path),
  });
  const onFileComplete = (): void => {
    if (options.takes === "at once") provider.takeFiles();
  };
  const username = options.username ?? "sandbox";
  const server = await startSshServer({
    port: options.port ?? 0,
    username,
    userPublicKey: options.userPublicKey,
    hostPrivateKey: hostKey.privateKey,
    drop: { folders, openFiles, onFileComplete },
  });
  const timer = merchantClock && setInterval(() => provider.advanceTo(merchantClock.provider()), TICK_MS);
  return {
    host: SSH_HOST,
    port: server.port,
    username,
    hostKeyFingerprint: hostKey.fingerprint,
    root: folders.root,
    inbound: folders.inbound,
    outbound: folders.outbound,
    events,
    now: () => provider.now,
    advanceTo: async (instant) => {
      const before = events.length;
      provider.advanceTo(instant);
      return events.slice(before);
    },
    totals: () => provider.totals(),
    stop: async () => {
      clearInterval(timer);
      await server.stop();
    },
  };
}

/** Two clocks from one start: the merchant's goes as real time does, the provider's faster. */
function startClock({ startAt, dayLengthMs }: SandboxOptions) {
  if (dayLengthMs === undefined) return undefined;
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  return {
    merchant: (): Instant => startAt + Math.floor(elapsedMs()),
    provider: (): Instant => startAt + Math.floor((elapsedMs() * DAY_MS) / dayLengthMs),
  };
}

/** `15:00Z` → minutes after midnight. Throws a RangeError for anything else. */
function parseTimeOfDay(text: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)Z$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a time of day like 15:00Z`);
  return Number(match[1]) * 60 + Number(match[2]);
}
