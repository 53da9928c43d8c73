/**
 * What a delivery that was cut off means (docs/adr/0008-upload-sequence.md), line by line: the real program is killed in the
 * state, the server's folder is made to look like the line, and the next run must draw the right conclusion.
 */
import { copyFile, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StepName } from "../../src/pipeline/steps.ts";
import { openSshMissing } from "../support/openssh.ts";
import { clearStage, type Stage, setStage } from "./play.ts";
import { checkNothingTwice, checkPromises, deliveredOrders, stateOfBatch } from "./promises.ts";
import { finalNameOf, sha256Of, type World } from "./world.ts";

interface Line {
  readonly name: string;
  /** Where the run is killed: the state that is then recorded. */
  readonly at: StepName;
  /** What the folder then looks like. */
  readonly make?: (world: World) => Promise<void>;
  readonly delivery?: Readonly<Record<string, unknown>>;
}

const removePart = async (world: World) => rm(await world.part());
const commitByHand = async (world: World) => rename(await world.part(), await finalOf(world));
const commitAsCopy = async (world: World) => copyFile(await world.part(), await finalOf(world));
/** Another file of the very same size. */
const putTwin = async (world: World) => {
  const bytes = await readFile(await world.part());
  await writeFile(await finalOf(world), bytes.fill("x"));
};

const DELIVERED: readonly Line[] = [
  { name: "uploading, the temporary file never made", at: "batch.uploading" },
  { name: "uploading, the temporary file made and not recorded", at: "upload.created" },
  { name: "uploading, the temporary file there", at: "upload.progressed" },
  { name: "uploaded, the temporary file there", at: "batch.uploaded" },
  {
    name: "uploading, the temporary file gone, with a provider that ignores temporary names",
    at: "upload.creation_recorded",
    make: removePart,
    delivery: { ignores_temporary_names: true },
  },
  {
    name: "uploaded, the temporary file gone, with a provider that ignores temporary names",
    at: "batch.uploaded",
    make: removePart,
    delivery: { ignores_temporary_names: true },
  },
  { name: "committing, only the temporary file there", at: "batch.committing" },
  { name: "committing, only our file there", at: "commit.renamed" },
  {
    name: "committing, only a file of our size there, and no reading allowed",
    at: "commit.renamed",
    delivery: { read_back: false },
  },
  { name: "committing, both there with our bytes", at: "batch.committing", make: commitAsCopy },
];

const UNCERTAIN: readonly Line[] = [
  { name: "uploading, the temporary file gone though it was made", at: "upload.creation_recorded", make: removePart },
  { name: "uploaded, the temporary file gone", at: "batch.uploaded", make: removePart },
  { name: "committing, both gone", at: "batch.committing", make: removePart },
  { name: "committing, both there, of our size with other bytes", at: "batch.committing", make: putTwin },
  {
    name: "committing, both there, and no reading allowed",
    at: "batch.committing",
    make: commitAsCopy,
    delivery: { read_back: false },
  },
  {
    name: "committing, a file of another size there",
    at: "batch.committing",
    make: async (world) => {
      await commitByHand(world);
      await truncate(join(world.inbound, THIRD), 100);
    },
  },
  {
    name: "committing, the temporary file of another size",
    at: "batch.committing",
    make: async (world) => truncate(await world.part(), 100),
  },
];

const THIRD = "batch_mid-kill_0003.csv";
const missing = openSshMissing();

describe.skipIf(missing !== undefined)("a delivery that was cut off", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => clearStage(stage));

  async function cutOff({ at, make, delivery }: Line): Promise<World> {
    const world = await stage.template.copy(delivery ? { delivery } : {});
    const file = await world.putExport("night-2.csv", ["o-6", "o-7", "o-8"]);
    await world.run(["submit", file], { killAt: { step: at, passing: 1 } });
    await make?.(world);
    return world;
  }

  describe.concurrent("is finished by the next run", () => {
    test.each(DELIVERED)("$name", { timeout: 180_000 }, async (line) => {
      const world = await cutOff(line);
      await checkPromises(world, await world.run(["run"]), 0);
      expect(stateOfBatch(world, 3)).toBe("delivered");
      await world.remove();
    });
  });

  describe.concurrent("is uncertain, and touched by nobody", () => {
    test.each(UNCERTAIN)("$name", { timeout: 180_000 }, async (line) => {
      const world = await cutOff(line);
      const before = await thirdBatch(world);
      const delivered = (await deliveredOrders(world)).length;

      const [first, second] = [await world.run(["run"]), await world.run(["run"])];

      expect([first.status, second.status]).toEqual([13, 13]);
      expect(stateOfBatch(world, 3)).toBe("uncertain");
      expect(await thirdBatch(world)).toEqual(before);
      expect(await deliveredOrders(world)).toHaveLength(delivered);
      await checkNothingTwice(world);
      const [money] = second.documents[0]?.["report"].currencies ?? [];
      expect(money).toMatchObject({ submitted: { count: 8 }, unaccounted: { count: 3 }, pending: { count: 5 } });
      expect(money.balanced).toBe(true);
      await world.remove();
    });
  });
});

async function finalOf(world: World): Promise<string> {
  return join(world.inbound, finalNameOf(await world.part()));
}

/** Every file of the batch on the server, and what is in it. */
async function thirdBatch(world: World): Promise<string[]> {
  const names = (await readdir(world.inbound)).filter((name) => name.startsWith(THIRD)).toSorted();
  return Promise.all(names.map(async (name) => `${name} ${sha256Of(await readFile(join(world.inbound, name)))}`));
}
