/** `validate`: reading, checking and hashing an export, against the limit and against what people would use instead. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Contestant, type Ended, runProcess, takeTurns } from "../measure.ts";
import { expectSame } from "../ours.ts";
import type { Stage } from "../stage.ts";
import { atMost, barOf, type Findings, fasterBy, fastestBarOf, within } from "../table.ts";

/** How `rescue` is told to take another path through an export than the one it would choose. */
export const PATHS = { oneThread: { RESCUE_INTAKE: "one_thread" }, truth: { RESCUE_INTAKE: "truth" } } as const;

const [LIMIT, ZOD_SCRIPT, DUCKDB] = ["limit.ts", "peers/zod-script.ts", "peers/duckdb.ts"].map((path) =>
  fileURLToPath(new URL(`../${path}`, import.meta.url)),
) as [string, string, string];

export async function intake(stage: Stage): Promise<Findings> {
  const { data } = stage;
  const merchant = await stage.merchant("intake");
  const script = (path: string, ...args: readonly string[]) =>
    runProcess(process.execPath, [path, ...args], { cwd: merchant.folder });
  const peer = async (name: string, path: string) =>
    checkPeer(stage, name, await script(path, data.describedIn, await stage.scratch("out")));
  const contestants: readonly Contestant[] = [
    { name: "limit", run: async () => script(LIMIT, data.exportPath, join(await stage.scratch("out"), "copy.csv")) },
    { name: "limit, nothing written", run: () => script(LIMIT, data.exportPath) },
    { name: "dry run", run: () => merchant.dryRun(data) },
    { name: "dry run, one thread", run: () => merchant.dryRun(data, PATHS.oneThread) },
    { name: "validate", run: () => merchant.validate(data) },
    { name: "validate, one thread", run: () => merchant.validate(data, PATHS.oneThread) },
    { name: "validate, truth path", run: () => merchant.validate(data, PATHS.truth) },
    { name: "csv-parse + zod + csv-stringify", run: () => peer("the zod script", ZOD_SCRIPT) },
    { name: "DuckDB, 2 threads", run: (await duckDbMissing()) ?? (() => peer("DuckDB", DUCKDB)) },
  ];
  const results = await takeTurns(contestants, stage.rounds, stage.say);
  // `validate` does not write canonical rows; what is promised includes them, and a dry run writes them.
  const [dryRun, dryOneThread] = [results.of("dry run"), results.of("dry run, one thread")];
  const [validate, oneThread] = [results.of("validate"), results.of("validate, one thread")];
  // The fastest of each: what else the disk had to do is no limit.
  const limit = fastestBarOf(results.of("limit"));
  const unwritten = fastestBarOf(results.of("limit, nothing written"));
  const memory = (limitMiB: number) => memoryLimitMiB(limitMiB, data.night.rows);
  return {
    measured: results.all,
    targets: [
      atMost("dry run, against the limit", dryRun, limit, 3.5),
      atMost("dry run on one thread, against the limit", dryOneThread, limit, 4.5),
      atMost("validate, against the limit", validate, limit, undefined),
      atMost("validate on one thread, against the limit", oneThread, limit, undefined),
      atMost("validate, against a limit that writes nothing", validate, unwritten, undefined),
      atMost("validate on one thread, against a limit that writes nothing", oneThread, unwritten, undefined),
      atMost("validate on the truth path, against the limit", results.of("validate, truth path"), limit, undefined),
      fasterBy("dry run, against a zod script", dryRun, barOf(results.of("csv-parse + zod + csv-stringify")), 10),
      fasterBy("dry run, against DuckDB", dryRun, barOf(results.of("DuckDB, 2 threads")), 1),
      within("dry run, peak memory", dryRun.peakMiB, "MiB", memory(256)),
      within("dry run on one thread, peak memory", dryOneThread.peakMiB, "MiB", memory(200)),
      within("validate, peak memory", validate.peakMiB, "MiB", memory(256)),
      within("validate on one thread, peak memory", oneThread.peakMiB, "MiB", memory(200)),
    ],
  };
}

/** Promised for a million rows; knowing duplicates may take 32 bytes for each one more. */
export function memoryLimitMiB(base: number, rows: number): number {
  return base + (Math.max(0, rows - 1_000_000) * 32) / 2 ** 20;
}

function checkPeer({ data }: Stage, name: string, ended: Ended): Ended {
  const { accepted, rejected } = JSON.parse(ended.stdout) as Record<string, number>;
  expectSame(name, "accepted rows", accepted, data.export.accepted);
  expectSame(name, "rejected rows", rejected, data.export.rejected);
  return ended;
}

async function duckDbMissing(): Promise<string | undefined> {
  const specifier = "@duckdb/node-api";
  return import(specifier).then(
    () => undefined,
    () => "not installed (npm install --prefix bench)",
  );
}
