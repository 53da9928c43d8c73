/**
 * Kills for as long as one likes: `npm run soak -- --kills 1000` at random times, `--every` at every passing of every step
 * of every scenario (`--only TEXT`: of those whose line, as a failure prints it, holds the text). `--seed` begins elsewhere
 * (default: the clock), `--at-once` sets how many programs run side by side.
 */
import { parseArgs } from "node:util";
import { clearStage, playKill, type Stage, setStage, traceScenario } from "../test/kill/play.ts";
import { playRandomKills } from "../test/kill/random-kills.ts";
import { SCENARIOS } from "../test/kill/scenarios.ts";

const KILLS_IN_A_ROW = 10;

interface Job {
  readonly name: string;
  readonly kills: number;
  readonly play: () => Promise<unknown>;
}

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "0" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    "at-once": { type: "string", default: "4" },
    every: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});

const stage = await setStage();
try {
  const jobs = [...(values.every ? await everyPassing(stage) : []), ...randomTimes(stage, Number(values.kills))];
  if (jobs.length === 0) throw new Error("say --kills NUMBER or --every");
  process.exitCode = (await playAll(jobs)) === 0 ? 0 : 1;
} finally {
  await clearStage(stage);
}

function randomTimes(stage: Stage, kills: number): Job[] {
  const seed = Number(values.seed);
  return Array.from({ length: Math.ceil(kills / KILLS_IN_A_ROW) }, (_, index) => ({
    name: `random times, seed ${seed + index}`,
    kills: KILLS_IN_A_ROW,
    play: () => playRandomKills(stage, seed + index, KILLS_IN_A_ROW),
  }));
}

async function everyPassing(stage: Stage): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const scenario of SCENARIOS) {
    const counts = new Map<string, number>();
    for (const step of await traceScenario(stage, scenario)) {
      const passing = (counts.get(step) ?? 0) + 1;
      counts.set(step, passing);
      const name = `${scenario.name}: ${step} #${passing}`;
      if (name.includes(values.only))
        jobs.push({ name, kills: 1, play: () => playKill(stage, scenario, { step, passing }) });
    }
  }
  return jobs;
}

/** Resolves with the number of jobs in which a promise was broken. */
async function playAll(jobs: readonly Job[]): Promise<number> {
  const waiting = [...jobs];
  const total = jobs.reduce((sum, job) => sum + job.kills, 0);
  let [kills, failures] = [0, 0];
  console.log(`${total} kills; random times from seed ${values.seed}`);
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      try {
        await job.play();
      } catch (error) {
        failures += 1;
        console.log(`BROKEN in "${job.name}": ${error instanceof Error ? error.message : String(error)}`);
      }
      const before = kills;
      kills += job.kills;
      if (Math.floor(before / 100) < Math.floor(kills / 100)) console.log(`${kills} of ${total} kills`);
    }
  };
  await Promise.all(Array.from({ length: Number(values["at-once"]) }, worker));
  console.log(`${kills} kills, ${failures} broken promises`);
  return failures;
}
