/** Finds a profile: a built-in one by its id, or a merchant's own YAML file by its path. */
import { readFile } from "node:fs/promises";
import { findNearest } from "../domain/nearest.ts";
import { Problem } from "../domain/problem.ts";
import { flex } from "./flex.ts";
import type { Profile } from "./profile.ts";

export const BUILT_IN_PROFILES: Readonly<Record<string, Profile>> = { flex };

/** Problem `profile_invalid` with every issue of the file, each with its path and line. */
export async function loadProfile(idOrPath: string): Promise<Profile> {
  if (Object.hasOwn(BUILT_IN_PROFILES, idOrPath)) return BUILT_IN_PROFILES[idOrPath] as Profile;
  if (!/[/\\]|\.ya?ml$/.test(idOrPath)) throw unknownProfile(idOrPath);
  const text = await readProfileFile(idOrPath);
  // Only a file of one's own needs a parser and a schema.
  return (await import("./parse-profile.ts")).parseProfile(text, idOrPath);
}

async function readProfileFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem("profile_invalid", `cannot read the profile ${path}: ${reason}`, {
      cause: error,
      hint: "Nothing was attempted. A relative path in the config is relative to the config's folder.",
    });
  }
}

function unknownProfile(id: string): Problem {
  const known = Object.keys(BUILT_IN_PROFILES);
  const nearest = findNearest(id, known);
  const hint = nearest
    ? `Did you mean ${nearest}?`
    : `Built in: ${known.join(", ")}. A profile file is given by its path.`;
  return new Problem("profile_invalid", `there is no built-in profile "${id}"`, { hint });
}
