/**
 * The SFTP transport: ssh2-sftp-client's connection, and the raw SFTP object it resolves to. This file decides what a try
 * to connect is, which tries are worth repeating, and how a failed one is told.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type DurationMs, SECOND_MS } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import {
  algorithmsOf,
  HOST_KEY_TYPES,
  type HostKey,
  type HostKeyPolicy,
  hostKeyRefused,
  loadHostKeyPolicy,
} from "./host-key.ts";
import { type ChannelLimit, channelLimit } from "./sftp-channels.ts";
import type { SftpConnection } from "./sftp-connection.ts";
import { addressOf, DialFailure, type DialOptions, dial } from "./sftp-dial.ts";
import { openSftpDrop } from "./sftp-drop.ts";
import { describeNetworkError } from "./sftp-errors.ts";
import { type Login, prepareLogin } from "./sftp-login.ts";
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_CONNECT_TIMEOUT_MS,
  DEFAULT_IDLE_TIMEOUT_MS,
  type SftpSettings,
} from "./sftp-settings.ts";
import type { RemoteDrop, Transport } from "./transport.ts";

/** The promise is 45 s for all tries together. */
const ALL_TRIES_MS = 44 * SECOND_MS;
const WAITS_MS: readonly DurationMs[] = [500, 2_000];

/** Connects anew for each `connect`; nothing is read or opened before. */
export function createSftpTransport(settings: SftpSettings): Transport {
  const limit = channelLimit(concurrencyOf(settings));
  return { connect: (signal) => connect(settings, limit, signal) };
}

const concurrencyOf = ({ concurrency = DEFAULT_CONCURRENCY }: SftpSettings) => Math.max(1, concurrency);

async function connect(
  settings: SftpSettings,
  limit: ChannelLimit,
  signal: AbortSignal | undefined,
): Promise<RemoteDrop> {
  const policy = await loadHostKeyPolicy(settings);
  const login = await prepareLogin(settings);
  const begun = performance.now();
  for (let tries = 1; ; tries += 1) {
    const remainingMs = ALL_TRIES_MS - (performance.now() - begun);
    const timeoutMs = Math.min(settings.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS, remainingMs);
    try {
      return await connectOnce(settings, { policy, login, limit }, timeoutMs, signal);
    } catch (error) {
      if (!(error instanceof DialFailure)) throw error;
      const waitMs = WAITS_MS[tries - 1];
      const elapsedMs = performance.now() - begun;
      if (waitMs === undefined || !isTransient(error) || elapsedMs + waitMs > ALL_TRIES_MS) {
        throw problemOfDial(error, settings, login, { tries, elapsedMs });
      }
      // An abort ends the wait; the next try then finds it and says so.
      await sleep(waitMs, undefined, signal ? { signal } : {}).catch(() => {});
    }
  }
}

async function connectOnce(
  settings: SftpSettings,
  { policy, login, limit }: { readonly policy: HostKeyPolicy; readonly login: Login; readonly limit: ChannelLimit },
  timeoutMs: DurationMs,
  signal: AbortSignal | undefined,
): Promise<RemoteDrop> {
  const idleTimeoutMs = settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
  const { host, port, username } = settings;
  const deadline = performance.now() + timeoutMs;
  const connection = await dialTrusted(policy, timeoutMs, {
    ...{ host, port, username, idleTimeoutMs, signal },
    logins: login.methods,
  });
  // The idle limit is too long here: a session that does not answer its first request was never there.
  const timer = setTimeout(() => connection.cut("timed out"), Math.max(1, deadline - performance.now()));
  try {
    return await openSftpDrop(connection, { concurrency: concurrencyOf(settings), limit });
  } catch (error) {
    await connection.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A server shows one key per handshake, of the first type we ask for that it has. So a refused type is left out and the
 * server asked again, until a key is accepted or no acceptable type is left. The user's key is offered only after that.
 */
async function dialTrusted(
  policy: HostKeyPolicy,
  timeoutMs: DurationMs,
  options: Omit<DialOptions, "algorithms" | "isTrusted" | "timeoutMs">,
): Promise<SftpConnection> {
  const deadline = performance.now() + timeoutMs;
  const offered: HostKey[] = [];
  for (;;) {
    const isOpen = (type: string) => !offered.some((key) => key.type === type);
    const acceptable = policy.types.filter(isOpen);
    // The others come last, only to be able to say what the server has instead.
    const others = HOST_KEY_TYPES.filter((type) => isOpen(type) && !acceptable.includes(type));
    try {
      return await dial({
        ...options,
        algorithms: algorithmsOf([...acceptable, ...others]),
        isTrusted: (key) => policy.judge(key) === "accepted",
        timeoutMs: Math.max(1, deadline - performance.now()),
      });
    } catch (error) {
      if (!(error instanceof DialFailure)) throw error;
      const hasNoOtherKey = error.reason === "handshake" && error.offered === undefined && offered.length > 0;
      if (error.reason !== "host_key" && !hasNoOtherKey) throw error;
      if (error.offered) offered.push(error.offered);
      const isRevoked = offered.some((key) => policy.judge(key) === "revoked");
      const wasLast = hasNoOtherKey || !acceptable.some((type) => type !== error.offered?.type);
      const wasAcceptable = acceptable.some((type) => type === error.offered?.type);
      if (isRevoked || wasLast || !wasAcceptable) {
        throw hostKeyRefused(addressOf(options), policy, offered, isRevoked);
      }
    }
  }
}

function isTransient({ reason, cause }: DialFailure): boolean {
  if (reason === "timed_out") return true;
  // A name that does not exist is a wrong config far more often than a passing fault.
  return reason === "network" && !(cause instanceof Error && "code" in cause && cause.code === "ENOTFOUND");
}

const NOTHING_SENT = "Nothing was sent by this step;";

function problemOfDial(
  failure: DialFailure,
  settings: SftpSettings,
  login: Login,
  { tries, elapsedMs }: { readonly tries: number; readonly elapsedMs: DurationMs },
): Problem {
  const address = addressOf(settings);
  const { cause } = failure;
  const words = cause instanceof Error ? cause.message : String(cause);
  const again = { hint: `${NOTHING_SENT} running the same command again is safe.`, cause };
  switch (failure.reason) {
    case "aborted":
      return new Problem("deadline_reached", `cannot reach ${address}: the deadline was reached`, again);
    case "timed_out":
    case "network": {
      const why = failure.reason === "timed_out" ? "timed out" : describeNetworkError(cause);
      const effort = tries === 1 ? "" : `; ${tries} tries in ${Math.round(elapsedMs / SECOND_MS)} s`;
      return new Problem("remote_unreachable", `cannot reach ${address} (${why}${effort})`, again);
    }
    case "authentication":
      return new Problem(
        "authentication_refused",
        `${address} refused the user ${settings.username} with ${login.words}`,
        {
          hint: `${NOTHING_SENT} running again will not help. ${login.hint}`,
          cause,
        },
      );
    case "agent":
      return new Problem("key_unusable", `cannot use ${login.words}: ${words}`, {
        hint: `${NOTHING_SENT} check with ssh-add -l that the agent runs and holds the key.`,
        cause,
      });
    case "subsystem":
      return new Problem("remote_failed", `${address} took the login but gives no SFTP session (${words})`, {
        hint: `${NOTHING_SENT} ask the provider to switch SFTP on for the user ${settings.username}.`,
        cause,
      });
    case "handshake":
    case "host_key":
      return new Problem("remote_failed", `cannot agree on a secure connection with ${address} (${words})`, {
        hint: `${NOTHING_SENT} the server may offer nothing newer than SHA-1: ask the provider for a current one.`,
        cause,
      });
  }
}
