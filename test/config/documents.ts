/** Configs for tests: the least that must be said, and what a test changes of it. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { isProblem } from "../../src/domain/problem.ts";

export const PIN = `SHA256:${"a".repeat(43)}`;

/** YAML of one merchant. A change of `-` takes its key out; the others replace a line or come behind. */
export function merchant(id = "acme", changes: Record<string, string> = {}): string {
  const keys: Record<string, string> = {
    provider: "flex",
    mid: "mid-1",
    timezone: "America/New_York",
    inbox: `./inbox-${id}`,
    "sftp.host": `${id}.example.com`,
    "sftp.username": "acme",
    "sftp.private_key": "./keys/key",
    "sftp.host_key": `"${PIN}"`,
    "sftp.inbound": "/inbound",
    "sftp.outbound": "/outbound",
    ...changes,
  };
  const lines = [`  ${id}:`];
  let section = "";
  for (const [key, value] of Object.entries(keys)) {
    const [name = "", inner] = key.split(".");
    if (value === "-") continue;
    if (inner !== undefined && section !== name) lines.push(`    ${name}:`);
    section = inner === undefined ? "" : name;
    lines.push(inner === undefined ? `    ${name}: ${value}` : `      ${inner}: ${value}`);
  }
  return lines.join("\n");
}

export function rescueYaml(merchants: readonly string[] = [merchant()], ...more: string[]): string {
  return ["version: 1", "merchants:", ...merchants, ...more].join("\n");
}

/** As `rescue.yaml` in the folder, readable by its owner only unless said otherwise. */
export async function loadText(
  folder: string,
  text: string,
  { env = {}, mode = 0o600 }: { env?: Record<string, string>; mode?: number } = {},
): Promise<Config> {
  const path = join(folder, "rescue.yaml");
  await writeFile(path, text);
  await chmod(path, mode);
  return loadConfig(path, env);
}

/** The lines of the Problem; none if it loads. */
export async function issuesIn(folder: string, text: string, env: Record<string, string> = {}): Promise<string[]> {
  try {
    await loadText(folder, text, { env });
  } catch (error) {
    if (!isProblem(error, "config_invalid")) throw error;
    return error.message.split("\n").slice(1);
  }
  return [];
}
