/** What a merchant's `rescue.yaml` says, checked and complete: plain data, every path absolute, every default filled in. */
import type { DueTime } from "../domain/due-time.ts";
import type { DurationMs } from "../domain/instant.ts";
import type { ExportShape, Policy } from "../domain/policy.ts";

export interface Config {
  /** The file it was read from. */
  readonly path: string;
  readonly dataDir: string;
  readonly ledger: "sqlite";
  /** In the order of the file; at least one. */
  readonly merchants: readonly MerchantConfig[];
  readonly notify: NotifyConfig;
  readonly retentionDays: number;
  /** What works but should not stay so, one sentence each; never holds a secret. */
  readonly warnings: readonly string[];
}

export interface MerchantConfig {
  readonly id: string;
  /** The id of a built-in profile, or the absolute path of a profile file. */
  readonly provider: string;
  /** The merchant's id at the provider. */
  readonly mid: string;
  /** IANA zone: whose calendar day decides what is fresh. */
  readonly timezone: string;
  readonly inbox: string;
  readonly sftp: SftpConfig;
  readonly exportShape: ExportShape;
  readonly policy: Policy;
  /** When result files are due, every day; empty: not known. */
  readonly resultsDue: readonly DueTime[];
  /** By when a night's run must have begun; undefined: nobody asked. */
  readonly expectRunBy: DueTime | undefined;
}

/** Fits the SFTP transport's settings, and says where its two folders are. */
export interface SftpConfig {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly auth: SftpAuthConfig;
  readonly hostKeys: { readonly pins: readonly string[] } | { readonly knownHostsPath: string };
  readonly inbound: string;
  readonly outbound: string;
  readonly connectTimeoutMs: DurationMs;
  readonly idleTimeoutMs: DurationMs;
  readonly concurrency: number;
}

export type SftpAuthConfig =
  | { readonly privateKeyPath: string; readonly passphrase?: string }
  | { readonly agentSocket: string }
  | { readonly password: string };

/** Absent: not wanted. */
export interface NotifyConfig {
  /** For a watchdog that expects to be asked after each good run. */
  readonly heartbeatUrl?: string;
  /** A command line for when a run did not end well. */
  readonly onProblem?: string;
  /** Where Prometheus' textfile collector looks for figures. */
  readonly textfile?: string;
}
