/**
 * Kills for as long as one likes. `npm run soak -- --kills 1000`: at random times; `--seed` begins elsewhere (default: the
 * clock). `npm run soak -- --every`: at every passing of every step of every scenario; `--scenario TEXT` and `--step TEXT`
 * choose among them. `--at-once` sets how many programs run side by side; `--record` notes an unbroken `--every` for
 * docs/reliability.md.
 */
import { parseArgs } from "node:util";
import { recordSoak } from "../test/docs/recorded.ts";
import { clearStage, playKill, type Stage, setStage, traceScenario } from "../test/kill/play.ts";
import { playRandomKills } from "../test/kill/random-kills.ts";
import { SCENARIOS, type Scenario } from "../test/kill/scenarios.ts";
import { NotPassed } from "../test/kill/world.ts";

const KILLS_IN_A_ROW = 10;

interface Job {
  readonly name: string;
  /** Resolves with how often the program was killed, or with more to do. */
  readonly play: () => Promise<number | Job[]>;
}

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "0" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    every: { type: "boolean", default: false },
    scenario: { type: "string", default: "" },
    step: { type: "string", default: "" },
    "at-once": { type: "string", default: "4" },
    record: { type: "boolean", default: false },
  },
});

const stage = await setStage();
try {
  const jobs = [...(values.every ? everyPassing(stage) : []), ...randomTimes(stage, Number(values.kills))];
  if (jobs.length === 0) throw new Error("say --kills NUMBER or --every");
  const { kills, failures } = await playAll(jobs);
  process.exitCode = failures === 0 ? 0 : 1;
  const isWhole = values.every && values.scenario === "" && values.step === "" && Number(values.kills) === 0;
  if (values.record && isWhole && failures === 0) recordSoak({ kills });
} finally {
  await clearStage(stage);
}

function randomTimes(stage: Stage, kills: number): Job[] {
  const seed = Number(values.seed);
  return Array.from({ length: Math.ceil(kills / KILLS_IN_A_ROW) }, (_, index) => ({
    name: `random times, seed ${seed + index}`,
    play: () => playRandomKills(stage, seed + index, KILLS_IN_A_ROW),
  }));
}

function everyPassing(stage: Stage): Job[] {
  return SCENARIOS.filter(({ name }) => name.includes(values.scenario)).map((scenario) => ({
    name: `${scenario.name}, not killed`,
    play: () => killsOf(stage, scenario),
  }));
}

async function killsOf(stage: Stage, scenario: Scenario): Promise<Job[]> {
  const passings = new Map<string, number>();
  const jobs: Job[] = [];
  for (const step of await traceScenario(stage, scenario)) {
    const passing = (passings.get(step) ?? 0) + 1;
    passings.set(step, passing);
    if (!step.includes(values.step)) continue;
    const play = async () => {
      try {
        await playKill(stage, scenario, { step, passing });
        return 1;
      } catch (error) {
        // What one run of a scenario that varies has passed, the next need not pass.
        if (scenario.varies && error instanceof NotPassed) return 0;
        throw error;
      }
    };
    jobs.push({ name: `${scenario.name}, killed at ${step} #${passing}`, play });
  }
  return jobs;
}

/** Resolves with how often a program was killed, and in how many jobs a promise was broken. */
async function playAll(jobs: readonly Job[]): Promise<{ readonly kills: number; readonly failures: number }> {
  const waiting = [...jobs];
  let [kills, told, failures] = [0, 0, 0];
  const playOne = async (job: Job) => {
    try {
      const done = await job.play();
      if (typeof done === "number") kills += done;
      else waiting.push(...done);
    } catch (error) {
      failures += 1;
      console.log(`BROKEN: ${job.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (kills < told + 100) return;
    told = kills;
    console.log(`${kills} kills so far`);
  };
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await playOne(job);
  };
  console.log(`random times from seed ${values.seed}`);
  while (waiting.length > 0) await Promise.all(Array.from({ length: Number(values["at-once"]) }, worker));
  console.log(`${kills} kills, ${failures} broken promises`);
  return { kills, failures };
}
