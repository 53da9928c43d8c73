/** The peer of the ledger. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Measurement, runProcess } from "../measure.ts";
import { expectSame } from "../ours.ts";
import type { Stage } from "../stage.ts";

const SCRIPT = fileURLToPath(new URL("../peers/bulk-insert.ts", import.meta.url));

/** Its seconds are those spent in SQLite: starting a program and making the rows are not its subject. */
export async function insertInto(stage: Stage, what: "attempts" | "outcomes"): Promise<Measurement> {
  const { data } = stage;
  const folder = await stage.scratch("insert");
  const args = [SCRIPT, data.describedIn, what, join(folder, "plain.db")];
  const ended = await runProcess(process.execPath, args, { cwd: folder });
  const { seconds, rows } = JSON.parse(ended.stdout) as Record<string, number>;
  expectSame("the plain insert", "rows", rows, what === "attempts" ? data.export.accepted : data.results.rows);
  return { seconds: seconds ?? Number.NaN, cpuSeconds: undefined, peakMiB: ended.peakMiB };
}
