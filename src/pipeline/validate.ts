/** `validate`: what would be accepted, skipped and rejected, and why. No network; a ledger only if one is given. */
import { isProblem, Problem } from "../domain/problem.ts";
import type { RowProblem } from "../domain/row-verdict.ts";
import type { RejectedRow } from "../intake/read-export.ts";
import { type ExportScreening, type ScreenOptions, type SentBefore, screenExport } from "./screen-export.ts";

/** As many problems as the JSON document holds; all are counted. */
const MAX_LISTED_PROBLEMS = 1000;

export interface ValidatedFile {
  readonly file: string;
  /** What stops the file as a whole, or `too_many_rejects`. */
  readonly problem: Problem | undefined;
  /** Undefined if the file could not be read through. */
  readonly screening: ExportScreening | undefined;
  readonly problems: readonly RowProblem[];
  readonly problemsTruncated: boolean;
}

/** `onRejected` sees every rejected row, however many are listed. */
export async function validateExport(
  file: string,
  options: ScreenOptions,
  sentBefore?: SentBefore,
  onRejected?: (row: RejectedRow) => Promise<void>,
): Promise<ValidatedFile> {
  const problems: RowProblem[] = [];
  let found = 0;
  try {
    const screening = await screenExport(
      file,
      options,
      {
        rejected: async (row) => {
          found += row.problems.length;
          problems.push(...row.problems.slice(0, MAX_LISTED_PROBLEMS - problems.length));
          await onRejected?.(row);
        },
        retried: () => {},
      },
      sentBefore,
    );
    const problem = tooManyRejects(screening, options.policy.maxRejectRatio, file);
    return { file, problem, screening, problems, problemsTruncated: found > problems.length };
  } catch (error) {
    if (!isProblem(error)) throw error;
    return { file, problem: error, screening: undefined, problems, problemsTruncated: found > problems.length };
  }
}

/** Skipped rows count as rows, not as rejected. */
export function tooManyRejects(screening: ExportScreening, maxRejectRatio: number, file: string): Problem | undefined {
  if (screening.rows === 0 || screening.rejected / screening.rows <= maxRejectRatio) return undefined;
  const allowed = `${Number((maxRejectRatio * 100).toFixed(2))} %`;
  const message = `${file}: ${screening.rejected} of ${screening.rows} rows were rejected, more than the ${allowed} that policy.max_reject_ratio allows`;
  return new Problem("too_many_rejects", message, {
    hint: "Nothing of this file was sent. Mend the export and submit it again: submit names each fault in a rejects file, validate --json in its answer.",
  });
}
