/**
 * Which host keys are trusted. ssh2 alone takes any key, so this decides, and it fails closed: what was not expected is
 * refused. A policy also says in which order to ask for key types, because a server shows only one key per handshake.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Problem } from "../domain/problem.ts";
import { findKnownHostKeys } from "./known-hosts.ts";
import type { SftpSettings } from "./sftp-settings.ts";

/** Newest first. RSA only with SHA-2: what is left without it is a server that should not be given card data. */
const ALGORITHMS_OF_TYPE = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
} as const;

export type HostKeyType = keyof typeof ALGORITHMS_OF_TYPE;
export type HostKeyAlgorithm = (typeof ALGORITHMS_OF_TYPE)[HostKeyType][number];

export const HOST_KEY_TYPES = Object.keys(ALGORITHMS_OF_TYPE) as HostKeyType[];

export interface HostKey {
  /** As in the key itself: `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** `SHA256:…` without `=`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** The key in SSH's wire form. */
  readonly blob: Buffer;
}

export interface HostKeyPolicy {
  /** Types that could be accepted, in the order to ask for them; empty: nothing is known of this host. */
  readonly types: readonly HostKeyType[];
  /** `ssh-ed25519 SHA256:…`, for messages. */
  readonly expected: readonly string[];
  /** Where the expectation comes from, for messages: `the pinned host_key`, `known_hosts (path)`. */
  readonly source: string;
  judge(key: HostKey): "accepted" | "refused" | "revoked";
}

export function readHostKey(blob: Buffer): HostKey {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return { type: blob.toString("latin1", 4, 4 + length), fingerprint: `SHA256:${digest}`, blob };
}

function describeHostKey(key: HostKey): string {
  return `${key.type} ${key.fingerprint}`;
}

export function algorithmsOf(types: readonly HostKeyType[]): HostKeyAlgorithm[] {
  return types.flatMap((type) => [...ALGORITHMS_OF_TYPE[type]]);
}

/**
 * Reads what the settings trust. Problems: `config_invalid` for a pin that is none, `host_key_refused` where known_hosts
 * cannot be read: nobody can be trusted then.
 */
export async function loadHostKeyPolicy({ host, port, hostKeys }: SftpSettings): Promise<HostKeyPolicy> {
  if ("pins" in hostKeys) return pinPolicy(hostKeys.pins);
  return knownHostsPolicy(hostKeys.knownHostsPath, await readKnownHosts(hostKeys.knownHostsPath), host, port);
}

/** Any of the pins will do, so that a planned rotation needs no perfect moment. */
function pinPolicy(pins: readonly string[]): HostKeyPolicy {
  const trusted = pins.map(parsePin);
  if (trusted.length === 0) {
    throw new Problem("config_invalid", "no host key is pinned for the SFTP server", {
      hint: "Set host_key to the fingerprint that the provider publishes, as SHA256:…",
    });
  }
  const named = trusted.flatMap(({ type }) => (type === undefined ? [] : [type]));
  const types = named.length === trusted.length ? named : [...named, ...HOST_KEY_TYPES];
  return {
    types: [...new Set(types)],
    expected: trusted.map(({ type, fingerprint }) => (type === undefined ? fingerprint : `${type} ${fingerprint}`)),
    source: pins.length === 1 ? "the pinned host_key" : "the pinned host_keys",
    judge: (key) =>
      trusted.some((pin) => pin.fingerprint === key.fingerprint && (pin.type ?? key.type) === key.type)
        ? "accepted"
        : "refused",
  };
}

/** Types that this host is not known by are not asked for: a host known by its RSA key has not changed by having others. */
export function knownHostsPolicy(path: string, text: string, host: string, port: number): HostKeyPolicy {
  const entries = findKnownHostKeys(text, host, port);
  const known = entries.filter((entry) => !entry.revoked).map((entry) => readHostKey(entry.blob));
  const revoked = entries.filter((entry) => entry.revoked);
  return {
    types: HOST_KEY_TYPES.filter((type) => known.some((key) => key.type === type)),
    expected: known.map(describeHostKey),
    source: `known_hosts (${path})`,
    judge: (key) => {
      if (revoked.some((entry) => entry.blob.equals(key.blob))) return "revoked";
      return known.some((entry) => entry.blob.equals(key.blob)) ? "accepted" : "refused";
    },
  };
}

/** The server was refused before anything but the key exchange: neither the user's key nor a file was offered to it. */
export function hostKeyRefused(
  address: string,
  policy: Pick<HostKeyPolicy, "expected" | "source">,
  offered: readonly HostKey[],
  revoked: boolean,
): Problem {
  const shown = offered.map(describeHostKey).join(", ") || "no key of a type that can be checked";
  const wanted = policy.expected.join(", ") || "no key at all for this host";
  const host = address.replace(/:\d+$/, "");
  const port = address.slice(host.length + 1);
  return new Problem(
    "host_key_refused",
    revoked
      ? `${address} showed the host key ${shown}, which ${policy.source} marks as revoked`
      : `${address} is not the server that was expected: ${policy.source} has ${wanted}; the server showed ${shown}`,
    {
      hint:
        "Nothing was sent, not even the user's key. Compare the fingerprint with one the provider gives you by another way " +
        `(their documentation, a phone call; not this network). \`ssh-keyscan -p ${port} ${host} | ssh-keygen -lf -\` prints ` +
        "what is shown here. Change the pin only when they confirm a new key.",
    },
  );
}

interface Pin {
  readonly type: HostKeyType | undefined;
  readonly fingerprint: string;
}

function parsePin(text: string): Pin {
  const match = /^(?:(\S+)\s+)?(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text.trim());
  const [, type, fingerprint = ""] = match ?? [];
  if (!match || (type !== undefined && !isHostKeyType(type))) {
    throw new Problem("config_invalid", `host_key "${text}" is not a fingerprint`, {
      hint: `Write SHA256:… as ssh-keygen -l prints it, with one of ${HOST_KEY_TYPES.join(", ")} in front if wanted.`,
    });
  }
  return { type, fingerprint };
}

function isHostKeyType(text: string): text is HostKeyType {
  return Object.hasOwn(ALGORITHMS_OF_TYPE, text);
}

async function readKnownHosts(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Problem("host_key_refused", `cannot read the known_hosts file ${path}, so no server can be verified`, {
      hint: "Nothing was sent. Create it with the provider's published host key, or pin host_key instead.",
      cause,
    });
  }
}
