/** Which names in the outbound folder are ours to take. A remote name is data from outside: it never becomes a path. */
import type { Profile } from "./profile.ts";

/** The usual limit of a file name on the disk that the copy is kept on. */
const MAX_NAME_BYTES = 255;

/** A bare file name of valid text: no folder, no control characters, nothing that a disk or a terminal would trip over. */
export function isSafeRemoteName(name: string): boolean {
  if (name === "" || name === "." || name === "..") return false;
  // U+FFFD is what bytes that are not UTF-8 were decoded to: such a name cannot be asked for again.
  if (/[/\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\uFFFD]/u.test(name) || !name.isWellFormed()) return false;
  return Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/** Does one of the profile's patterns match the whole name? Case counts; a leading dot must be asked for. */
export function matchesResultName(profile: Profile, name: string): boolean {
  return profile.results.patterns.some((pattern) => {
    if (name.startsWith(".") && !pattern.startsWith(".")) return false;
    return matchesPattern(pattern, name);
  });
}

/** `*` any characters, `?` one. Walks instead of building a RegExp: `*a*a*a*` must not take for ever. */
function matchesPattern(pattern: string, name: string): boolean {
  let at = 0;
  let wanted = 0;
  let star = -1;
  let retryFrom = 0;
  while (at < name.length) {
    if (pattern[wanted] === "*") {
      star = wanted;
      retryFrom = at;
      wanted += 1;
    } else if (wanted < pattern.length && (pattern[wanted] === "?" || pattern[wanted] === name[at])) {
      at += 1;
      wanted += 1;
    } else if (star >= 0) {
      retryFrom += 1;
      at = retryFrom;
      wanted = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(wanted));
}
