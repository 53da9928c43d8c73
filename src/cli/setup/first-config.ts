/** The first `rescue.yaml`: what is known filled in, what is not left empty, so that `doctor` names each gap. */

import type { Environment } from "../../config/expand.ts";
import { parseConfig } from "../../config/load.ts";

export interface FirstConfig {
  readonly merchant: string;
  readonly provider: string;
  readonly mid: string;
  readonly timezone: string;
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly hostKey: string;
  readonly inbound: string;
  readonly outbound: string;
}

export function writeFirstConfig(known: FirstConfig): string {
  // A JSON string is a YAML string, whatever stands in it.
  const text = (value: string) => JSON.stringify(value);
  return `# Made by \`rescue init\`. Every other key, with its default: config.example.yaml. Check it with: rescue doctor
version: 1
data_dir: ./rescue-data
merchants:
  ${text(known.merchant)}:
    provider: ${text(known.provider)}
    mid: ${text(known.mid)} # your id at the provider
    timezone: ${text(known.timezone)} # whose calendar day decides what is fresh
    inbox: ./inbox # where your exports of declined rebills go
    sftp:
      host: ${text(known.host)}
      port: ${known.port}
      username: ${text(known.username)}
      private_key: ./keys/rescue_ed25519
      # The server's key as the provider tells it (by phone, in a portal, on paper); without it nothing is connected to.
      host_key: ${text(known.hostKey)}
      inbound: ${text(known.inbound)}
      outbound: ${text(known.outbound)}
`;
}

/** The keys that are still empty, as the config names them, each with whom to ask. */
export function emptyKeys(known: FirstConfig, provider: string): string[] {
  const gaps: readonly (readonly [value: string, words: string])[] = [
    [known.mid, "mid: your merchant id at the provider"],
    [known.host, "sftp.host: the address of the SFTP server"],
    [known.username, "sftp.username: your user name there"],
    [known.hostKey, "sftp.host_key: the server's fingerprint (SHA256:…), told by another way than the server itself"],
  ];
  return gaps.filter(([value]) => value === "").map(([, words]) => `${words}; ask ${provider}`);
}

/** Any pin of the right form. */
const SOME_PIN = `SHA256:${"A".repeat(43)}`;

/**
 * What was given must make a config that every other command takes; what was not given is no mistake yet. Problem
 * `config_invalid` with every issue.
 */
export function checkFirstConfig(known: FirstConfig, file: string, env: Environment): void {
  const filled: FirstConfig = {
    ...known,
    mid: known.mid || "mid",
    host: known.host || "sftp.example.com",
    username: known.username || "user",
    hostKey: known.hostKey || SOME_PIN,
  };
  parseConfig(writeFirstConfig(filled), file, env);
}
