/**
 * What `doctor` can see of the server: name, host key, login, folders. It sends no data. With `--write` it makes one empty
 * file under a temporary name, renames it and removes it, because only that shows whether a delivery can be committed.
 */
import { lookup } from "node:dns/promises";
import type { MerchantConfig } from "../../config/config.ts";
import { SECOND_MS } from "../../domain/instant.ts";
import { Problem } from "../../domain/problem.ts";
import { fetchHostKeys } from "../../transport/fetch-host-keys.ts";
import { createSftpTransport } from "../../transport/sftp.ts";
import type { RemoteDrop } from "../../transport/transport.ts";
import type { CommandContext } from "../context.ts";
import { type Check, checking, ok, warn } from "./check.ts";

/** Beyond this a person comparing times in two logs is misled. */
const SKEW_MS = 60 * SECOND_MS;

export async function checkServer(
  context: CommandContext,
  merchant: MerchantConfig,
  { write, uniqueId }: { readonly write: boolean; readonly uniqueId: string },
): Promise<Check[]> {
  const { sftp } = merchant;
  const checks = [await checking("name", () => checkName(sftp.host))];
  if (isBad(checks)) return checks;
  checks.push(await checking("host key", () => checkHostKey(sftp)));
  if (isBad(checks)) return checks;
  let drop: RemoteDrop | undefined;
  checks.push(
    await checking("login", async () => {
      drop = await createSftpTransport(sftp).connect(context.deadline);
      return ok("login", `${sftp.username} at ${drop.about.address} (${drop.about.serverVersion})`);
    }),
  );
  if (!drop) return checks;
  try {
    return [...checks, ...(await checkFolders(context, drop, sftp, write, uniqueId))];
  } finally {
    await drop.close();
  }
}

async function checkName(host: string): Promise<Check> {
  try {
    const { address } = await lookup(host);
    return ok("name", address === host ? host : `${host} is ${address}`);
  } catch (cause) {
    throw new Problem("remote_unreachable", `the name ${host} leads nowhere`, {
      hint: "Check sftp.host in the config, and this machine's DNS.",
      cause,
    });
  }
}

/** What the server shows beside what is expected. Of a known_hosts file only the login can say whether it is right. */
async function checkHostKey({ host, port, hostKeys, connectTimeoutMs }: MerchantConfig["sftp"]): Promise<Check> {
  const shown = await fetchHostKeys(host, port, connectTimeoutMs);
  const offered = shown.map(({ type, fingerprint }) => `${type} ${fingerprint}`).join(", ");
  if (!("pins" in hostKeys))
    return ok("host key", `shown ${offered}; the login compares it with ${hostKeys.knownHostsPath}`);
  const words = `shown ${offered}; expected ${hostKeys.pins.join(" or ")}`;
  const isExpected = shown.some(({ fingerprint }) => hostKeys.pins.some((pin) => pin.endsWith(fingerprint)));
  if (isExpected) return ok("host key", words);
  throw new Problem("host_key_refused", words, {
    hint: "Ask the provider, by another way than this server, which is right. Until then nothing is sent to it.",
  });
}

async function checkFolders(
  context: CommandContext,
  drop: RemoteDrop,
  { inbound, outbound }: MerchantConfig["sftp"],
  write: boolean,
  uniqueId: string,
): Promise<Check[]> {
  const checks = [
    await checking("inbound", async () => ok("inbound", describeFolder(inbound, (await drop.list(inbound)).length))),
    await checking("outbound", async () =>
      ok("outbound", describeFolder(outbound, (await drop.list(outbound)).length)),
    ),
  ];
  if (!write) return [...checks, ok("rename", "not tried; --write tries it with an empty file of ours")];
  if (isBad(checks)) return checks;
  return [...checks, ...(await tryRename(context, drop, `${inbound}/.rescue-doctor-${uniqueId}`))];
}

async function tryRename({ clock }: CommandContext, drop: RemoteDrop, stem: string): Promise<Check[]> {
  // Hidden, empty and never a final name: nothing that a provider takes looks like this.
  const [before, after] = [`${stem}.1.part`, `${stem}.2.part`];
  const skew: Check[] = [];
  const renamed = await checking("rename", async () => {
    await drop.createEmpty(before);
    const made = await drop.stat(before);
    if (made) skew.push(describeSkew(made.modifiedAt - clock.wall()));
    await drop.rename(before, after);
    if (await drop.stat(after)) return ok("rename", `an empty file was made, renamed and removed in ${parentOf(stem)}`);
    const next = "Ask the provider whether something takes files from the inbound folder under temporary names.";
    return warn("rename", `${after} was renamed and is gone`, next);
  });
  const removed = await checking("rename", async () => {
    for (const path of [before, after]) await drop.remove(path);
    return renamed;
  });
  return [removed.status === "fail" && renamed.status === "ok" ? removed : renamed, ...skew];
}

function describeSkew(skewMs: number): Check {
  const seconds = Math.round(Math.abs(skewMs) / SECOND_MS);
  const words = `the server's clock is ${seconds} s ${skewMs < 0 ? "behind" : "ahead of"} ours`;
  if (Math.abs(skewMs) <= SKEW_MS) return ok("clock", words);
  return warn("clock", words, "Nothing is decided by its clock; mind it when you compare logs, and check ours.");
}

function describeFolder(folder: string, entries: number): string {
  return `${folder}, ${entries === 1 ? "1 entry" : `${entries} entries`}`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function isBad(checks: readonly Check[]): boolean {
  return checks.some((check) => check.status === "fail");
}
