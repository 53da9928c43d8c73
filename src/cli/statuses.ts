/** What a verb's result means as an exit status; the table is in exit-status.ts. */
import { isUnproven } from "../domain/batch.ts";
import type { Collection } from "../pipeline/collect.ts";
import type { Submission } from "../pipeline/submit.ts";
import type { ValidatedFile } from "../pipeline/validate.ts";
import { ExitStatus, exitStatusFor, worst } from "./exit-status.ts";

export function statusOfValidation(files: readonly ValidatedFile[]): ExitStatus {
  return worst(
    files.flatMap(({ problem, screening }) => [
      ...(problem ? [exitStatusFor[problem.code]] : []),
      screening && screening.rejected > 0 ? ExitStatus.needsAttention : ExitStatus.ok,
    ]),
  );
}

/** Among others (`run`, several files), one export that cannot be read needs attention; alone it is wrong usage. */
export function statusOfSubmission(submission: Submission, filesAre: "given" | "found"): ExitStatus {
  const unreadable = filesAre === "found" ? ExitStatus.needsAttention : undefined;
  return worst([
    ...submission.unreadable.map(({ problem }) => unreadable ?? exitStatusFor[problem.code]),
    ...submission.problems.map((problem) => exitStatusFor[problem.code]),
    ...submission.exports.map((taken) => {
      const needsAttention = taken.rejected > 0 || taken.newBreaks.length > 0 || taken.heldCardNumber;
      return needsAttention ? ExitStatus.needsAttention : ExitStatus.ok;
    }),
    ...submission.batches.map((batch) => {
      if (isUnproven(batch.state)) return ExitStatus.uncertain;
      return batch.state === "failed" ? ExitStatus.needsAttention : ExitStatus.ok;
    }),
  ]);
}

export function statusOfCollection(collection: Collection): ExitStatus {
  const quarantined = collection.files.some((file) => file.state === "quarantined");
  return quarantined ? ExitStatus.needsAttention : ExitStatus.ok;
}

export function statusOfBreaks(open: number): ExitStatus {
  return open > 0 ? ExitStatus.needsAttention : ExitStatus.ok;
}
