/** What the SFTP transport must be told: plain data, made by config. There is no form of it without a host key. */
import type { DurationMs } from "../domain/instant.ts";

export interface SftpSettings {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly auth: SftpAuth;
  readonly hostKeys: TrustedHostKeys;
  /** For one try, from the first packet to a usable SFTP session. All tries together stay under 45 s. Default 20 s. */
  readonly connectTimeoutMs?: DurationMs;
  /**
   * A connection on which requests wait and nothing is answered for so long is given up: in it a line must carry one request, of 248 KiB at
   * most. Default 60 s.
   */
  readonly idleTimeoutMs?: DurationMs;
  /**
   * Requests of 31 KiB in flight; a larger one counts as several. 1 for servers that take sequential writes only. Default 64; with fewer, everything goes over
   * one channel, else files at once go over up to four, with so many requests on each.
   */
  readonly concurrency?: number;
}

export type SftpAuth =
  | { readonly privateKeyPath: string; readonly passphrase?: string }
  /** The agent's socket, usually `SSH_AUTH_SOCK`. */
  | { readonly agentSocket: string }
  /** Also the answer to keyboard-interactive questions that hide what is typed. */
  | { readonly password: string };

export type TrustedHostKeys =
  /** `SHA256:…` as `ssh-keygen -l` prints it, the key type in front if wanted (`ssh-ed25519 SHA256:…`); at least one. */
  | { readonly pins: readonly string[] }
  /** A file in OpenSSH's known_hosts form. */
  | { readonly knownHostsPath: string };

export const DEFAULT_CONNECT_TIMEOUT_MS: DurationMs = 20_000;
export const DEFAULT_IDLE_TIMEOUT_MS: DurationMs = 60_000;
export const DEFAULT_CONCURRENCY = 64;
