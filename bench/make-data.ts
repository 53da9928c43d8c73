/**
 * The benchmark's data, alone: `node bench/make-data.ts FOLDER --rows 1000000 [--shape N] [--seed N] [--night N]` writes
 * export.csv, results.csv and data.json (the columns, the instant for `--as-of`, and what is right to be found).
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatInstant } from "./data/cells.ts";
import { type ExpectedExport, type NightOfData, writeExport } from "./data/export.ts";
import { writeResults } from "./data/results.ts";
import { makeShape, type Shape } from "./data/shape.ts";

/** Any fixed instant would do; nothing depends on the day on which the benchmark runs. */
const FIRST_NIGHT_MS = Date.parse("2026-11-20T06:00:00Z");
const DAY_MS = 86_400_000;

export interface Data {
  readonly exportPath: string;
  readonly resultsPath: string;
  /** Of the whole folder, for peers. */
  readonly describedIn: string;
  readonly night: NightOfData;
  readonly shape: Shape;
  readonly asOf: string;
  /** For `reconcile` and `report`: two days later, within every window. */
  readonly asOfResults: string;
  readonly export: ExpectedExport;
  /** Outcomes: without those that are told twice. */
  readonly results: { readonly rows: number; readonly outcomes: number };
}

export interface DataOptions {
  readonly rows: number;
  readonly shape?: number;
  readonly seed?: number;
  readonly night?: number;
}

export async function makeData(folder: string, options: DataOptions): Promise<Data> {
  const { rows, seed = 1, night: number = 0 } = options;
  await mkdir(folder, { recursive: true });
  const night = { seed, night: number, rows, nowMs: FIRST_NIGHT_MS + number * DAY_MS };
  const shape = makeShape(options.shape ?? 0);
  const paths = { exportPath: join(folder, "export.csv"), resultsPath: join(folder, "results.csv") };
  const expected = await writeExport(paths.exportPath, night, shape);
  await writeResults(paths.resultsPath, night);
  const data: Data = {
    ...paths,
    describedIn: join(folder, "data.json"),
    night,
    shape,
    asOf: formatInstant(night.nowMs),
    asOfResults: formatInstant(night.nowMs + 2 * DAY_MS),
    export: expected,
    results: { rows, outcomes: expected.accepted },
  };
  await writeFile(data.describedIn, `${JSON.stringify(data, null, 2)}\n`);
  return data;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: "string" },
      shape: { type: "string" },
      seed: { type: "string" },
      night: { type: "string" },
    },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new Error("say into which folder");
  const { rows = "1000000", shape = "0", seed = "1", night = "0" } = values;
  const options = { rows: Number(rows), shape: Number(shape), seed: Number(seed), night: Number(night) };
  const data = await makeData(resolve(folder), options);
  console.log(JSON.stringify({ asOf: data.asOf, export: data.export, results: data.results }, null, 2));
}
