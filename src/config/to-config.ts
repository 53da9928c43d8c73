/** The keys as they were written → the Config that the program works with; and the rules that need more than one key. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { DueTime } from "../domain/due-time.ts";
import type { ExportShape } from "../domain/policy.ts";
import type { DocumentPath } from "../domain/strict-document.ts";
import type { Config, MerchantConfig, NotifyConfig, SftpAuthConfig, SftpConfig } from "./config.ts";
import { MINIMUM_WINDOW_MS, type RawConfig, type RawMerchant } from "./config-schema.ts";
import type { Environment } from "./expand.ts";

/** What the keys alone do not say. */
export interface Surroundings {
  /** Relative paths are relative to it. */
  readonly folder: string;
  readonly env: Environment;
  readonly report: (path: DocumentPath, message: string) => void;
}

/** Absolute paths, one object for each merchant; reports what cannot be together. */
export function toConfig(raw: RawConfig, around: Surroundings): Omit<Config, "path" | "warnings"> {
  const merchants = Object.entries(raw.merchants).map(([id, merchant]) => toMerchant(id, merchant, around));
  reportShared(merchants, around);
  const dataDir = around.env["RESCUE_DATA_DIR"];
  return {
    dataDir: dataDir ? resolve(dataDir) : localPath(raw.data_dir, around),
    ledger: raw.ledger,
    merchants,
    notify: toNotify(raw.notify, around),
    retentionDays: raw.retention,
  };
}

function toMerchant(id: string, raw: RawMerchant, around: Surroundings): MerchantConfig {
  const { mid, timezone, provider, policy } = raw;
  return {
    id,
    provider: /[/\\]|\.ya?ml$/.test(provider) ? localPath(provider, around) : provider,
    mid,
    timezone,
    inbox: localPath(raw.inbox, around),
    sftp: toSftp(id, raw.sftp, around),
    exportShape: toExportShape(raw),
    policy: {
      timezone,
      maxAgeDays: policy.max_age,
      rescueWindowMs: policy.rescue_window,
      minimumWindowMs: MINIMUM_WINDOW_MS,
      maxRejectRatio: policy.max_reject_ratio,
      maxAmountMinor: policy.max_amount,
      neverRetry: policy.never_retry,
      notCardNumbers: policy.not_card_numbers,
    },
    resultsDue: raw.results_due.map((time) => toDueTime(time, timezone)),
    expectRunBy: raw.expect_run_by === undefined ? undefined : toDueTime(raw.expect_run_by, timezone),
  };
}

function toExportShape({ columns, amount_unit, decline_code_source }: RawMerchant): ExportShape {
  const named = Object.entries(columns).filter((entry) => entry[1] !== undefined);
  return {
    columns: Object.fromEntries(named),
    amountUnit: amount_unit,
    ...(decline_code_source === undefined ? {} : { declineCodeSource: decline_code_source }),
  };
}

function toDueTime(time: string, timezone: string): DueTime {
  const zone = time.endsWith("Z") ? "UTC" : timezone;
  return { hour: Number(time.slice(0, 2)), minute: Number(time.slice(3, 5)), zone };
}

function toSftp(id: string, raw: RawMerchant["sftp"], around: Surroundings): SftpConfig {
  const { host, port, username, inbound, outbound, concurrency } = raw;
  return {
    host,
    port,
    username,
    auth: toAuth(id, raw, around),
    hostKeys: raw.host_key ? { pins: raw.host_key } : { knownHostsPath: localPath(raw.known_hosts ?? "", around) },
    inbound,
    outbound,
    connectTimeoutMs: raw.connect_timeout,
    idleTimeoutMs: raw.idle_timeout,
    concurrency,
  };
}

/** The schema has seen to it that there is exactly one way. */
function toAuth(id: string, raw: RawMerchant["sftp"], around: Surroundings): SftpAuthConfig {
  const { private_key, passphrase, password } = raw;
  if (password !== undefined) return { password };
  if (private_key !== undefined) {
    return { privateKeyPath: localPath(private_key, around), ...(passphrase ? { passphrase } : {}) };
  }
  const agentSocket = around.env["SSH_AUTH_SOCK"];
  if (!agentSocket) {
    around.report(["merchants", id, "sftp", "agent"], "needs a running SSH agent, but SSH_AUTH_SOCK is not set");
  }
  return { agentSocket: agentSocket ?? "" };
}

function toNotify({ heartbeat_url, on_problem, textfile }: RawConfig["notify"], around: Surroundings): NotifyConfig {
  return {
    ...(heartbeat_url === "" ? {} : { heartbeatUrl: heartbeat_url }),
    ...(on_problem === "" ? {} : { onProblem: on_problem }),
    ...(textfile === "" ? {} : { textfile: localPath(textfile, around) }),
  };
}

function localPath(path: string, { folder, env }: Surroundings): string {
  if (path.startsWith("~/")) return join(env["HOME"] || homedir(), path.slice(2));
  return resolve(folder, path);
}

/** One merchant's export must not be sent for another, nor one ledger speak for two. */
function reportShared(merchants: readonly MerchantConfig[], { report }: Surroundings): void {
  const shared: [(merchant: MerchantConfig) => string, DocumentPath, string][] = [
    [({ id }) => id.toLowerCase(), [], "has the same id but for letter case, so on many disks the same folder, as"],
    [({ inbox }) => inbox, ["inbox"], "is also the inbox of"],
    [remotePlace, ["mid"], "sends under the same mid into the same folder as"],
  ];
  for (const [keyOf, path, words] of shared) {
    const first = new Map<string, string>();
    for (const merchant of merchants) {
      const key = keyOf(merchant);
      const other = first.get(key);
      if (other === undefined) first.set(key, merchant.id);
      else report(["merchants", merchant.id, ...path], `${words} ${other}`);
    }
  }
}

/** Batch names hold the mid: with another one, two merchants may share a folder. */
function remotePlace({ mid, sftp: { host, port, username, inbound } }: MerchantConfig): string {
  return JSON.stringify([host.toLowerCase(), port, username, inbound, mid]);
}

/** In a shared outbound folder each merchant finds the other's results, as orders that it never sent. */
export function warnOfSharedResults(merchants: readonly MerchantConfig[]): string[] {
  const byFolder = Map.groupBy(merchants, ({ sftp: { host, port, username, outbound } }) =>
    JSON.stringify([host.toLowerCase(), port, username, outbound]),
  );
  return [...byFolder.values()]
    .filter((sharing) => sharing.length > 1)
    .map((sharing) => {
      const ids = sharing.map(({ id }) => id).join(", ");
      return `merchants ${ids} read the same outbound folder: each will find the others' results as unknown orders`;
    });
}
