/**
 * OpenSSH's known_hosts files: plain and hashed names, `[host]:port`, wildcards, negation, `@revoked`. ssh2 does not read
 * them. `@cert-authority` lines are passed over (ssh2 cannot check host certificates): such a host is unknown.
 */
import { createHmac } from "node:crypto";

export interface KnownHostKey {
  readonly revoked: boolean;
  /** The key in SSH's wire form. */
  readonly blob: Buffer;
}

/** Every key that the file has for this host and port, in the order of the file. */
export function findKnownHostKeys(text: string, host: string, port: number): KnownHostKey[] {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  return text.split(/\r?\n/).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const [names = "", type = "", key = ""] = fields;
    if (names.startsWith("#") || (marker !== undefined && marker !== "@revoked") || !matches(names, name)) return [];
    const blob = Buffer.from(key, "base64");
    // A line whose two type names disagree is damaged; it must not vouch for anything.
    return holdsType(blob, type) ? [{ revoked: marker === "@revoked", blob }] : [];
  });
}

function matches(names: string, name: string): boolean {
  if (names.startsWith("|")) return matchesHashed(names, name);
  const patterns = names.toLowerCase().split(",");
  const isNegated = patterns.some((pattern) => pattern.startsWith("!") && wildcard(pattern.slice(1)).test(name));
  return !isNegated && patterns.some((pattern) => !pattern.startsWith("!") && wildcard(pattern).test(name));
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, so that the file does not tell where its owner connects to. */
function matchesHashed(names: string, name: string): boolean {
  const [, magic, salt = "", hash] = names.split("|");
  return magic === "1" && createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** Only `*` and `?` are special here; the brackets of `[host]:port` are not. */
function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`);
}

function holdsType(blob: Buffer, type: string): boolean {
  const header = Buffer.alloc(4 + type.length);
  header.writeUInt32BE(type.length, 0);
  header.write(type, 4, "latin1");
  return type !== "" && blob.subarray(0, header.length).equals(header);
}
