/** Finds a profile: a built-in one by its id, or a merchant's own YAML file by its path. */
import { readFile } from "node:fs/promises";
import { LineCounter, parseDocument } from "yaml";
import { findNearest } from "../domain/nearest.ts";
import { Problem } from "../domain/problem.ts";
import {
  documentProblem,
  refuseLongDocument,
  toIssues,
  toPlainDocument,
  wordIssue,
} from "../domain/strict-document.ts";
import { flex } from "./flex.ts";
import type { Profile } from "./profile.ts";
import { profileSchema } from "./profile-schema.ts";

export const BUILT_IN_PROFILES: Readonly<Record<string, Profile>> = { flex };

/** Problem `profile_invalid` with every issue of the file, each with its path and line. */
export async function loadProfile(idOrPath: string): Promise<Profile> {
  if (Object.hasOwn(BUILT_IN_PROFILES, idOrPath)) return BUILT_IN_PROFILES[idOrPath] as Profile;
  if (!/[/\\]|\.ya?ml$/.test(idOrPath)) throw unknownProfile(idOrPath);
  return parseProfile(await readProfileFile(idOrPath), idOrPath);
}

export function parseProfile(text: string, file: string): Profile {
  refuseLongDocument("profile_invalid", file, text);
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const document = toPlainDocument(parsed, (offset) => lines.linePos(offset).line);
  if (document.issues.length > 0) throw documentProblem("profile_invalid", file, document.issues);
  const read = profileSchema.safeParse(document.value, { error: wordIssue });
  if (read.success) return read.data;
  throw documentProblem("profile_invalid", file, toIssues(read.error.issues, document.lineOf));
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
