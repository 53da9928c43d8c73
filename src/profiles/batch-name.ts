/** The name of one batch file. It is minted once and recorded, so it must be safe on every server before it is used. */
import { formatCompactUtc, type Instant } from "../domain/instant.ts";
import { Problem } from "../domain/problem.ts";
import type { Profile } from "./profile.ts";

const SAFE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;

/**
 * From the profile's template. Problem `profile_invalid` if the merchant's id at the provider would put anything but
 * letters, digits, `.`, `_` and `-` into it: changing the id silently could make it another merchant's.
 */
export function batchFileName(
  profile: Profile,
  parts: { readonly mid: string; readonly at: Instant; readonly number: number },
): string {
  const name = profile.batch.nameTemplate.replace(
    /\{(mid|utc|number)(?::(\d))?\}/g,
    (_placeholder, word: string, width = "1") => {
      if (word === "mid") return parts.mid;
      if (word === "utc") return formatCompactUtc(parts.at);
      return String(parts.number).padStart(Number(width), "0");
    },
  );
  if (!SAFE_NAME.test(name)) {
    throw new Problem("profile_invalid", `the profile ${profile.id} and this mid make no safe file name`, {
      hint: "Nothing was sent. A name may hold letters, digits, '.', '_' and '-': correct mid or name_template.",
    });
  }
  return name;
}
