/** A merchant's own profile file → a profile. Problem `profile_invalid` with every issue, each with its path and line. */
import { LineCounter, parseDocument } from "yaml";
import {
  documentProblem,
  refuseLongDocument,
  toIssues,
  toPlainDocument,
  wordIssue,
} from "../domain/strict-document.ts";
import type { Profile } from "./profile.ts";
import { profileSchema } from "./profile-schema.ts";

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
