/** What SQLite and the file system report → Problems, told apart by code, never by their words. */
import { dirname } from "node:path";
import { Problem } from "../../domain/problem.ts";

const FILE_SYSTEM_CODES: readonly string[] = [
  "EACCES",
  "EDQUOT",
  "EEXIST",
  "EFBIG",
  "EIO",
  "EMFILE",
  "ENOENT",
  "ENOSPC",
  "ENOTDIR",
  "EPERM",
  "EROFS",
];

/** Any other error (a broken constraint, a bug of ours) is given back as it is. */
export function problemFrom(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || error instanceof Problem) return error;
  const code = String(error.code);
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return damaged(path, error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return busy(path, error);
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM)/.test(code) || FILE_SYSTEM_CODES.includes(code)) {
    return diskFailed(path, error);
  }
  return error;
}

function damaged(path: string, cause: Error): Problem {
  return new Problem("ledger_damaged", `the ledger ${path} is damaged: ${cause.message}`, {
    hint:
      `Send nothing until it is mended. Keep a copy of ${dirname(path)}, restore that whole folder from your last ` +
      "backup, and compare it with the files on the server.",
    cause,
  });
}

function busy(path: string, cause: Error): Problem {
  return new Problem("locked", `another process is writing to ${path}`, {
    hint: "Nothing of this step was recorded. Close what else has that file open, then run again.",
    cause,
  });
}

function diskFailed(path: string, cause: Error): Problem {
  return new Problem("disk_failed", `cannot read or write the ledger ${path}: ${cause.message}`, {
    hint:
      "This step was not recorded, and nothing is sent before its step is. Check free space and permissions of that " +
      "folder, then run again: what was begun is looked at first.",
    cause,
  });
}
