/**
 * The one place where SFTP's and SSH's errors become Problems. Only codes and levels decide; messages of servers differ
 * and are carried along for people. Two things end a request: an answer that says no, or the connection's death.
 */
import { Problem } from "../domain/problem.ts";

/** SFTP status codes. 11 belongs to version 6, yet ProFTPD and others send it on version 3. */
export const STATUS = { eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8, exists: 11 } as const;

/** What was being done, for the message: `list /inbound`. */
export interface Action {
  readonly words: string;
  /** Does it change anything on the server? Then a lost answer leaves a question. */
  readonly changes: boolean;
}

/** The server's answer to one request was not OK. Made into a Problem where it is known what was asked. */
export class StatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "StatusError";
    this.status = status;
  }
}

/** Why a connection is over. */
export interface Death {
  readonly code: "remote_unreachable" | "deadline_reached";
  /** `connection reset`, `no answer for 60 s`, … */
  readonly why: string;
  readonly cause?: unknown;
}

export function problemOfDeath(death: Death, action: Action, address: string): Problem {
  const what =
    death.code === "deadline_reached" ? "the deadline was reached" : `the connection was lost (${death.why})`;
  return new Problem(death.code, `cannot ${action.words} on ${address}: ${what}`, {
    hint: action.changes
      ? "Whether the server carried it out is not known. Running the same command again is safe: it looks there first."
      : "This step changed nothing on the server; running the same command again is safe.",
    cause: death.cause,
  });
}

/** For answers without a meaning of their own at that place; a missing folder is told apart before. */
export function problemOfStatus(error: StatusError, action: Action, address: string, hint?: string): Problem {
  const message = `cannot ${action.words} on ${address}: ${describeStatus(error)}`;
  if (error.status === STATUS.permissionDenied) {
    return new Problem("permission_denied", message, {
      hint: "Ask the provider to allow this user there; running again will not help until then.",
      cause: error,
    });
  }
  return new Problem("remote_failed", message, {
    hint: hint ?? "Look at the folder on the server; if it stays so, ask the provider.",
    cause: error,
  });
}

export function folderMissing(folder: string, action: Action, address: string, cause: unknown): Problem {
  return new Problem("remote_folder_missing", `cannot ${action.words} on ${address}: there is no folder ${folder}`, {
    hint: "Check inbound and outbound in the config; the provider makes these folders. This step changed nothing.",
    cause,
  });
}

function describeStatus({ status, message }: StatusError): string {
  const words: Record<number, string> = {
    [STATUS.noSuchFile]: "no such file",
    [STATUS.permissionDenied]: "permission denied",
    [STATUS.failure]: "the server answered failure",
    [STATUS.unsupported]: "the server does not support it",
    [STATUS.exists]: "it exists already",
  };
  return `${words[status] ?? "the server refused"} (status ${status}: ${message})`;
}

const SOCKET_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed by the server",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the name server did not answer",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
};

/** `connection refused` for what Node calls ECONNREFUSED; the error's own words where there are no better ones. */
export function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return "connection closed by the server";
  // Several addresses were tried; Node gives one error for each.
  const one = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  return SOCKET_WORDS["code" in one ? String(one.code) : ""] ?? one.message;
}
