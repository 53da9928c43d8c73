/**
 * The kill matrix: the real program against a real OpenSSH server, ended by SIGKILL at every named step, and started again.
 * What must hold then is promises.ts. A step that is passed more than once is also tried at later passings.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { STEPS, type StepName } from "../../src/pipeline/steps.ts";
import { openSshMissing } from "../support/openssh.ts";
import { clearStage, playKill, type Stage, setStage, traceScenario } from "./play.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import type { KillPoint } from "./world.ts";

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("killed at a named step, and started again", () => {
  let stage: Stage;
  const traces = new Map<Scenario, readonly StepName[]>();

  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(async () => {
    await clearStage(stage);
  });

  describe.concurrent("nobody kills it", () => {
    test.each(SCENARIOS)("$name ends well", { timeout: 180_000 }, async (scenario) => {
      traces.set(scenario, await traceScenario(stage, scenario));
    });
  });

  test("the runs pass every listed step, and no other", () => {
    expect(STEPS.length).toBeGreaterThanOrEqual(40);
    expect(new Set([...traces.values()].flat())).toEqual(new Set(STEPS));
  });

  describe.concurrent("killed", () => {
    test.for(STEPS)("at %s", { timeout: 180_000 }, async (step, { task }) => {
      const points = pointsOf(step);
      for (const [scenario, killAt] of points) await playKill(stage, scenario, killAt);
      task.meta.points = points.length;
    });
  });

  /** In the first scenario that passes the step, at its first, its middle and its last passing; and in those that ask for it. */
  function pointsOf(step: StepName): [Scenario, KillPoint][] {
    const points: [Scenario, KillPoint][] = [];
    for (const scenario of SCENARIOS) {
      const passings = traces.get(scenario)?.filter((name) => name === step).length ?? 0;
      // What a run passes that varies is not sure to be passed again: only what the scenario vouches for.
      const isWanted = scenario.alsoAt?.includes(step) || (points.length === 0 && !scenario.varies);
      if (passings === 0 || !isWanted) continue;
      const wanted = scenario.varies ? [1] : [1, Math.ceil(passings / 2), passings];
      for (const passing of new Set(wanted)) points.push([scenario, { step, passing }]);
    }
    if (points.length === 0) throw new Error(`no scenario passes ${step}`);
    return points;
  }
});
