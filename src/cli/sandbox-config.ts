/** A merchant's config for a sandbox on this machine, beside its keys and inbox. */
import type { Sandbox } from "../sandbox/sandbox.ts";

export function sandboxConfig(
  sandbox: Sandbox,
  { merchant, mid }: { readonly merchant: string; readonly mid: string },
): string {
  return `version: 1
data_dir: ./rescue-data
merchants:
  ${merchant}:
    provider: flex
    mid: ${mid}
    timezone: UTC
    inbox: ./inbox
    sftp:
      host: ${sandbox.host}
      port: ${sandbox.port}
      username: ${sandbox.username}
      private_key: ./keys/rescue_ed25519
      host_key: "${sandbox.hostKeyFingerprint}"
      inbound: /inbound
      outbound: /outbound
    decline_code_source: iso8583
`;
}
