/**
 * What a server shows of itself, without logging in: for `init` and `doctor` to print, so that a person can compare it with
 * what the provider says by another way. Nothing may trust a key because it is shown here.
 */
import type { DurationMs } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import { algorithmsOf, HOST_KEY_TYPES, type HostKey } from "./host-key.ts";
import { addressOf, DialFailure, dial } from "./sftp-dial.ts";
import { describeNetworkError } from "./sftp-errors.ts";

export interface ShownHostKey {
  /** `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

/** One key of each type that the server has, within `timeoutMs` in all. Problem `remote_unreachable`. */
export async function fetchHostKeys(host: string, port: number, timeoutMs: DurationMs): Promise<ShownHostKey[]> {
  const deadline = performance.now() + timeoutMs;
  const shown: HostKey[] = [];
  for (;;) {
    const types = HOST_KEY_TYPES.filter((type) => !shown.some((key) => key.type === type));
    if (types.length === 0) break;
    const failure = await refuseOnce(host, port, algorithmsOf(types), deadline - performance.now());
    if (failure.reason === "handshake") break;
    if (failure.reason !== "host_key" || !failure.offered) throw unreachable(failure, addressOf({ host, port }));
    shown.push(failure.offered);
  }
  return shown.map(({ type, fingerprint }) => ({ type, fingerprint }));
}

async function refuseOnce(
  host: string,
  port: number,
  algorithms: ReturnType<typeof algorithmsOf>,
  timeoutMs: DurationMs,
): Promise<DialFailure> {
  try {
    await dial({
      ...{ host, port, algorithms, timeoutMs: Math.max(1, timeoutMs), idleTimeoutMs: timeoutMs, signal: undefined },
      username: "",
      logins: [],
      isTrusted: () => false,
    });
  } catch (error) {
    if (error instanceof DialFailure) return error;
    throw error;
  }
  throw new Error("an SSH session came about although every host key was refused");
}

function unreachable({ reason, cause }: DialFailure, address: string): Problem {
  const why = reason === "timed_out" ? "timed out" : describeNetworkError(cause);
  return new Problem("remote_unreachable", `cannot reach ${address} (${why})`, {
    hint: "Nothing was sent. Check host and port, and whether a firewall lets you through.",
    cause,
  });
}
