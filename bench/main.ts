/**
 * `npm run bench`: how fast `rescue` is beside other programs that do the same, in ratios of one run. docs/performance.md
 * explains what each number means; `--write` puts this run into it.
 *
 *   --rows N       of the export and of the result file (default 1000000)
 *   --rounds N     how often each contestant runs; medians are shown (default 3)
 *   --only NAME    one experiment: intake, submit, long-line, results, start, growth (may be repeated)
 *   --shape N      0: the canonical export; any other number: other columns, orders, headers and widths
 *   --seed N       other data of the same kind
 *   --growth       also 1,000 rows to ten times --rows, and 1, 30 and 365 nights
 *   --dir FOLDER   where its files lie (default: the system's temporary folder); --keep leaves them there
 *   --write        into docs/performance.md; whole runs only
 *
 * Exit status 0 whatever the figures are; 1 if something broke, or did not do the work it was measured for.
 *
 * data/         seeded exports and result files, and what is right to be found in them (alone: make-data.ts)
 * ours.ts       the program, by its command line; every answer is compared with what is right
 * limit.ts, peers/   what it is compared with
 * experiments/  who runs against whom, and which promise that proves
 * measure.ts, table.ts, page.ts   whole processes in turns, medians, rows for people
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { longLine, submit } from "./experiments/delivery.ts";
import { type Growth, growth } from "./experiments/growth.ts";
import { intake } from "./experiments/intake.ts";
import { results } from "./experiments/results.ts";
import { start } from "./experiments/start.ts";
import { describeRun, writePage } from "./page.ts";
import { type Stage, setStage } from "./stage.ts";
import type { Findings } from "./table.ts";

const EXPERIMENTS: Readonly<Record<string, (stage: Stage) => Promise<Findings>>> = {
  intake,
  submit,
  "long-line": longLine,
  results,
  start,
};

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", multiple: true, default: [] },
    shape: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    growth: { type: "boolean", default: false },
    dir: { type: "string", default: tmpdir() },
    keep: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

const count = (name: "rows" | "rounds" | "shape" | "seed", least: number): number => {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`--${name} must be a whole number, ${least} or more`);
};
const names = [...Object.keys(EXPERIMENTS), "growth"];
if (values.only.some((name) => !names.includes(name))) throw new Error(`--only knows ${names.join(", ")}`);
if (values.write && values.only.length > 0) throw new Error("--write is for whole runs, not with --only");

const options = { rows: count("rows", 1), shape: count("shape", 0), seed: count("seed", 1) };
const folder = await mkdtemp(join(resolve(values.dir), "rescue-bench-"));
const began = performance.now();
let isInterrupted = false;
// Whoever runs now has had the signal as well; what is left is to clear up.
process.on("SIGINT", () => {
  isInterrupted = true;
});
const say = (text: string) => {
  if (isInterrupted) throw new Error("interrupted");
  console.error(`${String(Math.round((performance.now() - began) / 1000)).padStart(5)} s  ${text}`);
};

let stage: Stage | undefined;
try {
  stage = await setStage(folder, options, count("rounds", 1), say);
  const found: Findings[] = [];
  for (const [name, experiment] of Object.entries(EXPERIMENTS)) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    say(`-- ${name}`);
    found.push(await experiment(stage));
  }
  let grown: Growth | undefined;
  if (values.growth || values.only.includes("growth")) {
    say("-- growth");
    grown = await growth(stage);
    found.push(grown);
  }
  const text = describeRun(stage, found, grown?.text);
  console.log(text);
  if (values.write) await writePage(text);
} finally {
  await stage?.end();
  if (values.keep) console.error(`kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
