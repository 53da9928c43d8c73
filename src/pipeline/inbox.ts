/** The merchant's inbox: which exports are ready to be taken, and where they go once their rows are safe. */
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { formatCompactUtc } from "../domain/instant.ts";
import { isProblem, Problem } from "../domain/problem.ts";
import { keptName } from "./archive.ts";
import type { PipelineContext } from "./context.ts";
import { passStep } from "./steps.ts";
import type { ExportMover } from "./submit.ts";

/** Two looks this far apart tell a file that still grows from one that is whole. */
const GROWTH_LOOK_MS = 1_000;

export interface InboxListing {
  readonly ready: readonly string[];
  /** Left for the next run. */
  readonly growing: readonly string[];
}

/** Regular files in the inbox itself, by name; hidden and temporary names (`.x`, `x~`, `x.part`, `x.tmp`) are not exports. */
export async function listInbox(context: PipelineContext): Promise<InboxListing> {
  const { inbox } = context.merchant;
  const before = await lookAtInbox(inbox);
  if (before.size === 0) return { ready: [], growing: [] };
  passStep("inbox.looked_once");
  await context.delay(GROWTH_LOOK_MS);
  const after = await lookAtInbox(inbox);
  const ready: string[] = [];
  const growing: string[] = [];
  passStep("inbox.listed");
  for (const [path, look] of after) (before.get(path) === look ? ready : growing).push(path);
  return { ready, growing };
}

async function lookAtInbox(inbox: string): Promise<Map<string, string>> {
  let names: string[];
  try {
    names = await readdir(inbox);
  } catch (error) {
    throw cannotRead(inbox, error);
  }
  const looks = new Map<string, string>();
  for (const name of names.filter(isExportName).toSorted()) {
    const path = join(inbox, name);
    const facts = await stat(path).catch((error) => {
      // Gone since it was listed. Anything else must not look like an empty inbox.
      if (error.code === "ENOENT") return undefined;
      throw cannotRead(path, error);
    });
    if (facts?.isFile()) looks.set(path, `${facts.size} ${facts.mtimeMs} ${facts.ino}`);
  }
  return looks;
}

function cannotRead(path: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  return new Problem("disk_failed", `cannot read the inbox ${path}: ${reason}`, {
    cause: error,
    hint: "Nothing was sent. Make the folder, or mend `inbox` in the config.",
  });
}

function isExportName(name: string): boolean {
  return !name.startsWith(".") && !/(~|\.part|\.tmp|\.swp)$/i.test(name);
}

/**
 * Moves exports that lie in the inbox; a file given from elsewhere stays where it is. Tomorrow's export has the same
 * name, so the time goes in front of it.
 */
export function createInboxMover(context: PipelineContext): ExportMover {
  const { inbox } = context.merchant;
  const move = async (file: string, folder: "processed" | "failed" | "quarantine", reason: string) => {
    if (resolve(dirname(file)) !== resolve(inbox)) return;
    const target = join(
      inbox,
      folder,
      `${formatCompactUtc(context.clock.wall())}-${context.uniqueId()}-${keptName(basename(file))}`,
    );
    passStep("inbox.move_begun");
    try {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      // The reason first: a file in failed/ without one would be a riddle.
      if (reason !== "") await writeFile(`${target}.reason.txt`, `${reason}\n`, { mode: 0o600 });
      passStep("inbox.reason_written");
      await rename(file, target);
      passStep("inbox.moved");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      context.note(`${file} could not be moved to ${folder}/ (${why}); its rows are safe, and the next run knows them`);
    }
  };
  return {
    taken: async (taken) => {
      const stopped = taken.problem ? `${taken.problem.message}\n${taken.problem.hint}` : "";
      if (taken.heldCardNumber) {
        const advice = `${CARD_NUMBER_ADVICE} ${stopped === "" ? "Its good rows are taken." : "Nothing of it was taken."}`;
        context.note(`${taken.file}: ${advice}`);
        await move(taken.file, "quarantine", `${advice}\n${stopped}`.trim());
      } else await move(taken.file, stopped === "" ? "processed" : "failed", stopped);
    },
    unreadable: async (file, problem) => {
      // The system refused it (a disk, a permission): the file itself may be good, so the next run tries it again.
      if (problem.cause instanceof Error && "errno" in problem.cause) return;
      const isCvv = isProblem(problem, "cvv_column");
      await move(file, isCvv ? "quarantine" : "failed", `${problem.message}\n${problem.hint}`);
    },
  };
}

const CARD_NUMBER_ADVICE =
  "this export held what looks like full card numbers. Delete the file (from the inbox it goes to quarantine/) and mend " +
  "what writes it: only tokens, the first six and the last four digits may be there.";
