/**
 * The sandbox's own host key: made once and kept in its folder, so that a pin in a merchant's config survives restarts.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import ssh2 from "ssh2";

export interface HostKey {
  /** OpenSSH private key text. */
  readonly privateKey: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Reads the key at `path`, or makes an ed25519 key there (mode 0600). Throws if what is there is not a private key. */
export function loadHostKey(path: string): HostKey {
  if (!existsSync(path)) writeFileSync(path, makePrivateKey(), { mode: 0o600, flag: "wx" });
  const privateKey = readFileSync(path, "utf8");
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw new Error(`${path} is not a usable host key: ${key.message}`, { cause: key });
  const digest = createHash("sha256").update(key.getPublicSSH()).digest("base64");
  return { privateKey, fingerprint: `SHA256:${digest.replace(/=+$/, "")}` };
}

/** ssh2 1.17 writes about one ed25519 key in 400 so that it cannot be read again (measured: 4 of 1500). */
function makePrivateKey(): string {
  for (;;) {
    const { private: text } = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(text) instanceof Error)) return text;
  }
}
