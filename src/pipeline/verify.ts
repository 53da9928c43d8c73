/**
 * `verify`: is what lies in the archive still what was sent and received, and does the ledger still follow from it? Reads
 * everything, changes nothing.
 */
import { isProblem } from "../domain/problem.ts";
import { type Damage, Damages } from "../domain/verification.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { PipelineContext } from "./context.ts";
import { type Compared, compareLedgers } from "./verify-compare.ts";
import { type CheckedFiles, checkFiles } from "./verify-files.ts";
import { ReplayFailure, replayArchive } from "./verify-replay.ts";

/** As many damages as are listed; all are counted. */
export const MAX_LISTED_DAMAGES = 1000;

export interface Verification {
  /** Empty: whole. */
  readonly damages: readonly Damage[];
  readonly damageCount: number;
  /** Archived files that the ledger speaks of, and the bytes of those that are whole. */
  readonly files: number;
  readonly sizeBytes: number;
  /** Undefined: the ledger could not be compared with the archive, because something it needs is damaged. */
  readonly compared: Compared | undefined;
  /** Sentences for a person; nothing is damaged for them. */
  readonly notes: readonly string[];
}

/** What no archived file holds, so that a comparison can only take it over from the ledger. */
export const TAKEN_OVER: readonly string[] = [
  "where each row stood in the merchant's own export, and how its rows were split and released into batches",
  "what was done on the server: names, tries, states, and the times of everything",
  "what persons said (settle), and the findings of silence",
  "runs, looks and collections",
];

/** @param withReplica gives an empty ledger in a place of its own, and removes it afterwards */
export async function verify(
  context: PipelineContext,
  withReplica: (work: (replica: Ledger) => Promise<void>) => Promise<void>,
): Promise<Verification> {
  const damages = new Damages(MAX_LISTED_DAMAGES);
  const notes: string[] = [];
  let files: CheckedFiles | undefined;
  let compared: Compared | undefined;
  try {
    for (const finding of await context.ledger.checkIntegrity()) damages.add("ledger_damaged", "ledger.db", finding);
    files = await checkFiles(context, damages, notes);
    if (damages.count === 0) {
      const { whole } = files;
      await withReplica(async (replica) => {
        compared = await replayAndCompare(context, replica, whole, { damages, notes });
      });
    } else {
      notes.push("the ledger was not compared with the archive, because what is damaged has to be restored first");
    }
  } catch (error) {
    if (!isProblem(error, "ledger_damaged")) throw error;
    damages.add("ledger_damaged", "ledger.db", error.message);
  }
  const { count = 0, sizeBytes = 0 } = files ?? {};
  return { damages: damages.listed, damageCount: damages.count, files: count, sizeBytes, compared, notes };
}

/** What cannot even be opened. */
export function verificationOf(damage: Damage): Verification {
  return { damages: [damage], damageCount: 1, files: 0, sizeBytes: 0, compared: undefined, notes: [] };
}

async function replayAndCompare(
  context: PipelineContext,
  replica: Ledger,
  whole: CheckedFiles["whole"],
  found: { readonly damages: Damages; readonly notes: string[] },
): Promise<Compared | undefined> {
  try {
    await replayArchive(context, replica, whole);
  } catch (error) {
    // A Problem is about this machine (a full disk, a signal); anything else is about what was recorded.
    if (isProblem(error)) throw error;
    if (error instanceof ReplayFailure) found.damages.add(error.code, error.path, error.message);
    else found.damages.add("contradiction", "ledger.db", `the recorded facts cannot be played again: ${error}`);
    return undefined;
  }
  return compareLedgers(context, replica, found.damages, found.notes);
}
