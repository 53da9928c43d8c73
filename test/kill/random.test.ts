/** A hundred kills at random times; `npm run soak -- --kills N` plays any number, with new seeds. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSshMissing } from "../support/openssh.ts";
import { clearStage, type Stage, setStage } from "./play.ts";
import { playRandomKills } from "./random-kills.ts";

const KILLS_EACH = 5;
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const missing = openSshMissing();

describe.skipIf(missing !== undefined)("killed at random times", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => clearStage(stage));

  describe.concurrent("five times in a row", () => {
    test.for(SEEDS)("seed %d: every promise holds", { timeout: 180_000 }, async (seed, { task }) => {
      expect(await playRandomKills(stage, seed, KILLS_EACH)).toBe(KILLS_EACH);
      task.meta.points = KILLS_EACH;
    });
  });
});
