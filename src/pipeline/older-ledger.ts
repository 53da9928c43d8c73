/**
 * An old backup of the ledger, put back under a newer archive, knows nothing of what was sent since and would send it again.
 * It shows: a batch is durable in the ledger before its file gets its name, so the archive never has a batch that the ledger has not. A part
 * says nothing: of a large export it is begun before (run-batch-files.ts), and nothing is sent from it.
 */
import { Problem } from "../domain/problem.ts";
import type { PipelineContext } from "./context.ts";

const BATCH_FILE = /^(\d{6,15})\.csv$/;

/** Problem `ledger_damaged`. */
export async function refuseOlderLedger({
  archive,
  ledger,
}: Pick<PipelineContext, "archive" | "ledger">): Promise<void> {
  const names = await archive.namesIn("archive/batches");
  const newest = names.reduce((highest, name) => Math.max(highest, Number(BATCH_FILE.exec(name)?.[1] ?? 0)), 0);
  if (newest === 0 || (await ledger.findBatch(String(newest))) !== undefined) return;
  const known = (await ledger.batches("all")).at(-1)?.batchId ?? 0;
  const message = `the ledger ${ledger.about.path} is older than the archive beside it: it knows ${known} batches, the archive has ${newest}`;
  throw new Problem("ledger_damaged", message, {
    hint:
      "Nothing was sent. Was an old backup put back? Restore the newest ledger, or the whole folder. If there is none: the batches after " +
      `${known} were perhaps sent. Ask the provider, keep their rebills out of your exports, and move those files of ` +
      `${archive.resolve("archive/batches")} elsewhere.`,
  });
}
