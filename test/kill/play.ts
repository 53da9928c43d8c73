/** Plays a scenario: whole, to learn which steps it passes, or with a kill at one of them and the runs that make it good. */
import type { StepName } from "../../src/pipeline/steps.ts";
import { startOpenSsh } from "../support/openssh.ts";
import { checkNothingTwice, checkPromises } from "./promises.ts";
import { playFirstNight, type Scenario, type Servers } from "./scenarios.ts";
import { type KillPoint, World } from "./world.ts";

export interface Stage {
  readonly servers: Servers;
  /** With the first night behind it. */
  readonly template: World;
}

export async function setStage(): Promise<Stage> {
  const [plain, refusing] = await Promise.all([
    startOpenSsh(),
    startOpenSsh({ sftpFlags: ["-P", "rename,posix-rename"] }),
  ]);
  const template = await World.make(plain);
  await playFirstNight(template);
  return { servers: { plain, refusing }, template };
}

export async function clearStage({ servers, template }: Stage): Promise<void> {
  await template.remove();
  await Promise.all([servers.plain.stop(), servers.refusing.stop()]);
}

/** The steps that the scenario's victim passes when nobody kills it, in order; and all must be well then too. */
export async function traceScenario(stage: Stage, scenario: Scenario): Promise<StepName[]> {
  return inWorld(stage, scenario, async (world) => {
    await world.run(victimOf(scenario, world), { trace: true, ...asOfOf(scenario) });
    await makeGood(stage, scenario, world);
    return world.trace();
  });
}

export async function playKill(stage: Stage, scenario: Scenario, killAt: KillPoint): Promise<void> {
  await inWorld(stage, scenario, async (world) => {
    await world.run(victimOf(scenario, world), { killAt, ...asOfOf(scenario) });
    await checkNothingTwice(world);
    await makeGood(stage, scenario, world);
  });
}

async function makeGood({ servers }: Stage, scenario: Scenario, world: World): Promise<void> {
  await scenario.mend?.(world, servers);
  const status = scenario.status?.(world) ?? 0;
  const last = await world.run(["run"], asOfOf(scenario));
  await checkPromises(world, last, status);
}

async function inWorld<T>(stage: Stage, scenario: Scenario, work: (world: World) => Promise<T>): Promise<T> {
  const world = await stage.template.copy(scenario.profile ?? {});
  try {
    await scenario.arrange(world, stage.servers);
    return await work(world);
  } finally {
    await world.remove();
  }
}

function victimOf({ victim }: Scenario, world: World): readonly string[] {
  return typeof victim === "function" ? victim(world) : victim;
}

function asOfOf({ asOf }: Scenario) {
  return asOf === undefined ? {} : { asOf };
}
