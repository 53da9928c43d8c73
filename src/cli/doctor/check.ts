/** One line of `doctor`: what was looked at, how it is, and what to do about it. */
import { isProblem } from "../../domain/problem.ts";
import { ExitStatus, exitStatusFor } from "../exit-status.ts";

export type CheckStatus = "ok" | "warn" | "fail";

export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  readonly message: string;
  /** The next step; empty where there is nothing to do. */
  readonly next: string;
  /** What a run would end with because of it; 0 for what only deserves a warning. */
  readonly exitStatus: ExitStatus;
}

export function ok(name: string, message: string): Check {
  return { name, status: "ok", message, next: "", exitStatus: ExitStatus.ok };
}

export function warn(name: string, message: string, next: string): Check {
  return { name, status: "warn", message, next, exitStatus: ExitStatus.ok };
}

export function fail(name: string, message: string, next: string, exitStatus: ExitStatus): Check {
  return { name, status: "fail", message, next, exitStatus };
}

/** A Problem is a finding here; anything else is a bug and comes out. */
export async function checking(name: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    if (!isProblem(error)) throw error;
    return fail(name, error.message, error.hint, exitStatusFor[error.code]);
  }
}
