/**
 * The user's own key: read, checked and unlocked before a connection is made, so that what is wrong with it is said as
 * such and not as "authentication failed".
 */
import { readFile, stat } from "node:fs/promises";
import ssh2, { type ParsedKey } from "ssh2";
import { Problem } from "../domain/problem.ts";
import { readHostKey } from "./host-key.ts";
import { errnoOf } from "./local-file.ts";

export interface UserKey {
  readonly parsed: ParsedKey;
  /** `ssh-ed25519 SHA256:…` of its public half, for messages. */
  readonly description: string;
}

/** Problem `key_unusable`, with what to do, for a key that cannot be read, is open to others, or cannot be unlocked. */
export async function loadUserKey(path: string, passphrase: string | undefined): Promise<UserKey> {
  const text = await readKeyFile(path);
  const parsed = ssh2.utils.parseKey(text, passphrase);
  // Some forms hold several keys; OpenSSH's holds one.
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error || key === undefined) throw keyUnreadable(path, text, passphrase, key);
  if (!key.isPrivateKey()) {
    throw new Problem("key_unusable", `${path} holds a public key`, {
      hint: "Set private_key to the file without .pub. Nothing was sent.",
    });
  }
  const { type, fingerprint } = readHostKey(key.getPublicSSH());
  return { parsed: key, description: `${type} ${fingerprint}` };
}

async function readKeyFile(path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    // Windows has no such bits; there every file would look open.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new Problem(
        "key_unusable",
        `the key ${path} can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, "0")})`,
        { hint: `Run: chmod 600 ${path}. Nothing was sent.` },
      );
    }
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("key_unusable", `cannot read the key ${path} (${errnoOf(cause)})`, {
      hint: "Check private_key in the config. Nothing was sent.",
      cause,
    });
  }
}

function keyUnreadable(path: string, text: string, passphrase: string | undefined, cause: Error | undefined): Problem {
  // ssh2 has no codes for these; this is the only place that looks at its words.
  const isEncrypted = /passphrase|encrypted/i.test(cause?.message ?? "");
  if (isEncrypted && passphrase === undefined) {
    return new Problem("key_unusable", `the key ${path} is encrypted, and no passphrase is set`, {
      hint: "Set passphrase in the config, best from an environment variable. Nothing was sent.",
      cause,
    });
  }
  if (isEncrypted || (passphrase !== undefined && /ENCRYPTED|OPENSSH PRIVATE KEY/.test(text))) {
    return new Problem("key_unusable", `the passphrase does not open the key ${path}`, {
      hint: `Try it with: ssh-keygen -y -f ${path}. Nothing was sent.`,
      cause,
    });
  }
  return new Problem("key_unusable", `the key ${path} has a form that cannot be read (${cause?.message ?? "empty"})`, {
    hint: `Rewrite it in OpenSSH's own form with: ssh-keygen -p -f ${path}. Nothing was sent.`,
    cause,
  });
}
