/**
 * What stops a run, or one file of it. Rows that fail are data, not problems; a broken invariant is a plain Error.
 * The list is closed: a code needs an exit status before it compiles (src/cli/exit-status.ts).
 */
export type ProblemCode =
  // usage: nothing was attempted
  | "usage"
  | "config_invalid"
  | "profile_invalid"
  | "export_unreadable"
  | "export_empty"
  | "export_changed"
  | "columns_missing"
  | "columns_duplicate"
  | "cvv_column"
  | "key_unusable"
  | "not_found"
  // finished, but a person must look
  | "too_many_rejects"
  // local state
  | "ledger_newer"
  | "ledger_damaged"
  | "ledger_other_host"
  | "disk_failed"
  | "locked"
  // the remote side
  | "remote_unreachable"
  | "remote_failed"
  | "deadline_reached"
  | "host_key_refused"
  | "authentication_refused"
  | "permission_denied"
  | "remote_folder_missing"
  | "interrupted";

export interface ProblemOptions {
  /** More lines of the message, one each: every issue of a document. */
  readonly issues?: readonly string[];
  /** What to do now, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * What, where and why in the message; what now in the hint. Told apart by `code`, never by its words. The only line breaks
 * in it are those between issues: a name that holds one must not write a line of its own.
 */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly hint: string;

  constructor(code: ProblemCode, message: string, options: ProblemOptions = {}) {
    const lines = [message, ...(options.issues ?? []).map((issue) => `  ${issue}`)];
    super(lines.map(toOneLine).join("\n"), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Problem";
    this.code = code;
    this.hint = toOneLine(options.hint ?? "");
  }
}

function toOneLine(text: string): string {
  return text.replace(/[\n\v\f\r\u0085\u2028\u2029]/g, "\uFFFD");
}

export function isProblem(error: unknown, ...codes: ProblemCode[]): error is Problem {
  return error instanceof Problem && (codes.length === 0 || codes.includes(error.code));
}
