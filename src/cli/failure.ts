/** Turns whatever was thrown into what a person and a script are told. The only reader of errors. */
import { CommanderError } from "commander";
import { isProblem, type ProblemCode } from "../domain/problem.ts";
import { ExitStatus, exitStatusFor } from "./exit-status.ts";
import type { Speech } from "./output.ts";

export interface Failure {
  /** `bug`: not foreseen, so nothing is known of it. */
  readonly code: ProblemCode | "bug";
  readonly message: string;
  readonly hint: string;
  readonly exitStatus: ExitStatus;
  /** For `--verbose` only. */
  readonly stack: string;
}

export function describeFailure(error: unknown): Failure {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  if (error instanceof CommanderError) return { ...describeUsage(error), stack };
  if (isProblem(error)) {
    return { code: error.code, message: error.message, hint: error.hint, exitStatus: exitStatusFor[error.code], stack };
  }
  return {
    code: "bug",
    message: `this is a bug in rescue: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Nothing that was recorded is lost. Run `rescue status`, and report this with the output of the same command and --verbose.",
    exitStatus: ExitStatus.failed,
    stack,
  };
}

/** commander words its errors as `error: unknown option '--jsn'\n(Did you mean --json?)`. */
function describeUsage(error: CommanderError): Omit<Failure, "stack"> {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return {
    code: "usage",
    message: first,
    hint: suggestion || "Run `rescue --help` or `rescue COMMAND --help`.",
    exitStatus: ExitStatus.usage,
  };
}

/** On stderr: words for people, one line under `--json`. `merchant` is null where the failure is nobody's in particular. */
export function reportFailure(
  speech: Speech,
  failure: Failure,
  merchant: string | null,
  { json, verbose }: { readonly json: boolean; readonly verbose: boolean },
): void {
  const { code, message, hint, exitStatus, stack } = failure;
  if (json) {
    speech.errorDocument({ type: "error", schema: 1, merchant, code, message, hint, exit_status: exitStatus });
  } else {
    speech.complain("fail", merchant === null ? message : `${merchant}: ${message}`);
    if (hint !== "") speech.complain("next", hint);
  }
  if (verbose && stack !== "") speech.detail(stack);
}
