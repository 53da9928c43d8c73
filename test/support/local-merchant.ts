/** A config for commands that connect to no server. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

export async function writeConfig(folder: string, merchant: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const sftp = {
    host: "sftp.example.com",
    username: "acme",
    agent: true,
    host_key: `SHA256:${"A".repeat(43)}`,
    inbound: "/inbound",
    outbound: "/outbound",
  };
  const acme = { provider: "flex", mid: "m-1", timezone: "UTC", inbox: "./inbox", sftp, ...merchant };
  const path = join(folder, "rescue.yaml");
  await writeFile(path, stringify({ version: 1, merchants: { acme } }), { mode: 0o600 });
  return path;
}
