/**
 * Nights and mishaps, each a way for the program to pass some of its steps. The run that is killed comes after `arrange`;
 * then `mend` does what a person or a provider would do, and a plain `run` must make everything right.
 */
import { copyFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { STEPS, type StepName } from "../../src/pipeline/steps.ts";
import type { OpenSsh } from "../support/openssh.ts";
import { stateOfBatch } from "./promises.ts";
import { finalNameOf, type KillPoint, type ProfileChoices, type World } from "./world.ts";

export interface Servers {
  readonly plain: OpenSsh;
  /** Refuses every rename. */
  readonly refusing: OpenSsh;
}

export interface Scenario {
  readonly name: string;
  readonly profile?: ProfileChoices;
  readonly arrange: (world: World, servers: Servers) => Promise<void>;
  readonly victim: readonly string[] | ((world: World) => readonly string[]);
  readonly asOf?: string;
  readonly mend?: (world: World, servers: Servers) => Promise<void>;
  /** Killed here, it once broke a promise: tried in every test run, also where an earlier scenario passes these steps. */
  readonly alsoAt?: readonly StepName[];
  /** How often its victim passes a step depends on chance: it is tried at the first passing only. */
  readonly varies?: boolean;
  /** Of the last `run`; asked after the kill and before it, because it depends on what is still to be done. */
  readonly status?: (world: World) => number;
}

/** o-1 … o-5 were delivered in two batches (1 and 2) on the first night, which every scenario has behind it. */
export async function playFirstNight(world: World): Promise<void> {
  await world.putExport("night-1.csv", ["o-1", "o-2", "o-3", "o-4", "o-5"]);
  const ended = await world.run(["run"]);
  if (ended.status !== 0) throw new Error(`the first night failed: ${ended.stderr}`);
}

const SECOND_NIGHT = ["o-6", "o-7", "o-8", "o-9", "o-10"];
/** Six batches, all on their way at once. */
const LONG_NIGHT = Array.from({ length: 16 }, (_, index) => `o-${6 + index}`);
const REASON = ["--reason", "asked the provider"];

/** With one batch on its way, so that it is known which. */
async function killed(world: World, step: StepName, passing = 1): Promise<void> {
  await world.oneAtATime(() => killedAtOnce(world, step, passing));
}

async function killedAtOnce(world: World, step: StepName, passing: number): Promise<void> {
  const killAt: KillPoint = { step, passing };
  await world.run(["submit", join(world.inbox, "night-2.csv")], { killAt });
}

async function expectStatus(world: World, args: readonly string[], ...allowed: number[]): Promise<void> {
  const ended = await world.run(args);
  if (ended.status !== null && allowed.includes(ended.status)) return;
  throw new Error(`${args.join(" ")} ended with ${ended.status}, not ${allowed}: ${ended.stderr}`);
}

/** Batch 3 was cut off in its commit, and the provider has taken its temporary file: nobody can know. */
async function makeUncertain(world: World): Promise<void> {
  world.mayBeUncertain = true;
  await world.putExport("night-2.csv", SECOND_NIGHT);
  await killed(world, "batch.committing");
  await rename(await world.part(), join(world.folder, "aside.csv"));
  await expectStatus(world, ["run"], 13);
}

const SUBMIT_SECOND = (world: World) => ["submit", join(world.inbox, "night-2.csv")];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "a submit",
    arrange: async (world) => void (await world.putExport("night-2.csv", SECOND_NIGHT)),
    victim: SUBMIT_SECOND,
  },
  {
    name: "a submit of six batches at once",
    arrange: async (world) => void (await world.putExport("night-2.csv", LONG_NIGHT)),
    victim: SUBMIT_SECOND,
    alsoAt: STEPS,
  },
  {
    name: "a submit of six batches in threads",
    arrange: async (world) => {
      world.usesThreads = true;
      await world.putExport("night-2.csv", LONG_NIGHT);
    },
    victim: SUBMIT_SECOND,
    varies: true,
    alsoAt: [
      "export.batch_claimed",
      "export.screened",
      "export.archived",
      "export.recorded",
      "export.claimed",
      "archive.synced",
      "archive.renamed",
      "batch.bytes_written",
      "batch.bytes_archived",
      "batch.content_recorded",
    ],
  },
  {
    name: "after a kill with six batches on their way, one of them renamed",
    arrange: async (world) => {
      await world.putExport("night-2.csv", LONG_NIGHT);
      await killedAtOnce(world, "commit.renamed", 1);
    },
    victim: ["submit"],
    varies: true,
    alsoAt: ["submit.begun", "recover.begun", "recover.looked", "recover.decided", "batch.delivered", "deliver.done"],
  },
  {
    name: "after a kill with six batches on their way, none of them renamed",
    arrange: async (world) => {
      await world.putExport("night-2.csv", LONG_NIGHT);
      await killedAtOnce(world, "upload.created", 6);
    },
    victim: ["submit"],
    varies: true,
    alsoAt: ["recover.decided", "abandon.try_removed", "upload.created", "commit.renamed"],
  },
  {
    name: "a submit with trigger files",
    profile: { delivery: { trigger: "{name}.done" } },
    arrange: async (world) => void (await world.putExport("night-2.csv", SECOND_NIGHT)),
    victim: SUBMIT_SECOND,
  },
  {
    name: "a collect",
    profile: { moveCollected: true },
    arrange: async (world) => {
      await world.putResults("r-1.csv", [
        ["o-1", "APPROVED", "rescued"],
        ["o-2", "DECLINED", "unrescued"],
      ]);
      await world.putResults("r-2.csv", [["o-3", "CANCELLED", "cancelled"]]);
      // Still being written: never "empty", and never a finding on its first day.
      await writeFile(join(world.outbound, "r-half.csv"), "orderId,orderSessionKey,sta");
    },
    victim: ["collect"],
  },
  {
    name: "a night",
    arrange: async (world) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await world.putExport("night-2b.csv", ["o-4", "o-11", "o-6"]);
      await world.putResults("r-1.csv", [
        ["o-1", "APPROVED", "rescued"],
        ["o-2", "DECLINED", "unrescued"],
        ["o-3", "PENDING", "pending"],
      ]);
      await world.putResults("r-2.csv", [["o-1", "APPROVED"]]);
    },
    victim: ["run"],
  },
  {
    name: "exports that cannot be taken",
    arrange: async (world) => {
      const card = "o-99,t-99,s-99,c-99,2026-11-20T05:00:00Z,1.00,USD,51,4111111111111111";
      await world.putExport("cards.csv", SECOND_NIGHT, { spoiled: [card] });
      await writeFile(join(world.inbox, "damaged.csv"), "order_id,amount\no-98,1.00\n");
    },
    victim: ["run"],
    // What was set aside by the killed run has had its say; what is still in the inbox has not.
    status: (world) => (world.isInInbox("cards.csv") || world.isInInbox("damaged.csv") ? 3 : 0),
  },
  {
    name: "a server without rename",
    profile: { delivery: { commit: "direct" } },
    arrange: async (world) => {
      world.mayBeUncertain = true;
      await world.putExport("night-2.csv", SECOND_NIGHT);
    },
    victim: SUBMIT_SECOND,
  },
  {
    name: "after a kill in the middle of an upload",
    arrange: async (world) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await killed(world, "upload.progressed");
    },
    victim: ["submit"],
  },
  {
    name: "after a kill in the commit, with both names on the server",
    arrange: async (world) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await killed(world, "batch.committing");
      const part = await world.part();
      await copyFile(part, join(world.inbound, finalNameOf(part)));
      await world.lookAtFinalNames();
    },
    victim: ["submit"],
  },
  {
    name: "a name that is taken",
    arrange: async (world) => {
      world.foreign.set("batch_mid-kill_0003.csv", "somebody else's\n");
      await writeFile(join(world.inbound, "batch_mid-kill_0003.csv"), "somebody else's\n");
      await world.putExport("night-2.csv", SECOND_NIGHT);
    },
    victim: SUBMIT_SECOND,
  },
  {
    name: "a temporary name that is taken",
    arrange: async (world) => {
      await writeFile(join(world.inbound, "batch_mid-kill_0003.csv.1.part"), "left by nobody knows whom");
      await world.putExport("night-2.csv", SECOND_NIGHT);
    },
    victim: SUBMIT_SECOND,
    // Whichever run meets it first says 10, and the next one goes on.
    mend: (world) => expectStatus(world, ["run"], 0, 10),
  },
  {
    name: "a server that refuses the rename",
    arrange: async (world, { refusing }) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await world.useServer(refusing);
    },
    victim: SUBMIT_SECOND,
    mend: (world, { plain }) => world.useServer(plain),
  },
  {
    name: "a temporary file that the provider took",
    arrange: async (world) => {
      world.mayBeUncertain = true;
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await killed(world, "batch.committing");
      await world.take(await world.part());
    },
    victim: ["submit"],
  },
  {
    name: "what was uncertain turns up",
    arrange: async (world) => {
      await makeUncertain(world);
      world.mayBeUncertain = false;
      await rename(join(world.folder, "aside.csv"), join(world.inbound, "batch_mid-kill_0003.csv"));
    },
    victim: ["submit"],
    // The finding stayed open although the look had answered it.
    alsoAt: ["batch.delivered"],
  },
  {
    name: "settled as not delivered",
    arrange: async (world) => {
      await makeUncertain(world);
      await rm(join(world.folder, "aside.csv"));
    },
    victim: ["settle", "3", "--not-delivered", ...REASON],
    mend: async (world) => {
      // Either the kill came first, or the word stands and there is nothing to settle any more.
      await expectStatus(world, ["settle", "3", "--not-delivered", ...REASON], 0, 2);
      world.mayBeUncertain = false;
    },
  },
  {
    name: "settled as delivered, after its results had run into the doubt",
    arrange: async (world) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await killed(world, "upload.creation_recorded");
      // The provider takes the temporary file, half as it is, and answers for an order of it: never uploaded, so a doubt.
      world.mayBeUncertain = true;
      await rm(await world.part());
      await expectStatus(world, ["run"], 13);
      await world.putResults("r-1.csv", [["o-6", "APPROVED", "rescued"]]);
      await expectStatus(world, ["run"], 13);
      const archived = join(world.data, "archive/batches/000003.csv");
      await copyFile(archived, join(world.taken, "batch_mid-kill_0003.csv"));
    },
    victim: ["settle", "3", "--delivered", ...REASON],
    // The result rows that had waited for the verdict were never applied.
    alsoAt: ["settle.verdict_recorded"],
    mend: async (world) => {
      await expectStatus(world, ["settle", "3", "--delivered", ...REASON], 0, 2);
      world.mayBeUncertain = false;
    },
  },
  {
    name: "rows that became too late to send",
    arrange: async (world) => {
      const late = await world.putExport("late.csv", ["o-6", "o-7"], { declinedAt: "2026-11-19T05:00:00Z" });
      await world.putExport("night-2.csv", ["o-6", "o-7", "o-8", "o-9", "o-10"]);
      world.exports.delete([...world.exports].find(([, name]) => name === "late.csv")?.[0] ?? "");
      await rm(late);
      await killed(world, "submit.files_taken");
      for (const order of ["o-6", "o-7"]) Object.assign(world.rebill(order), { part: "released", sent: "never" });
    },
    victim: ["submit"],
    asOf: "2026-11-21T06:00:00Z",
    // The run that releases them says so; the one after it has nothing new to say.
    status: (world) => (stateOfBatch(world, 3) === "failed" ? 0 : 3),
  },
  {
    name: "results given by hand, which prove a delivery",
    arrange: async (world) => {
      await world.putExport("night-2.csv", SECOND_NIGHT);
      await killed(world, "commit.renamed");
      await writeFile(
        join(world.folder, "given.csv"),
        world.resultBytes([
          ["o-6", "APPROVED", "rescued"],
          ["o-1", "CANCELLED", "cancelled"],
        ]),
      );
    },
    victim: ["reconcile", "given.csv"],
    // Given again: the same bytes, which are known by their hash, or new.
    mend: (world) => expectStatus(world, ["reconcile", "given.csv"], 0),
  },
  {
    name: "a break that a person settles",
    arrange: async (world) => {
      await world.putResults("r-1.csv", [["o-1", "APPROVED", undefined, 1]]);
      await expectStatus(world, ["run"], 3);
      Object.assign(world.rebill("o-1"), { part: "rescued", outcomes: ["rescued"] });
    },
    victim: ["settle", "1", "--as", "rescued", ...REASON],
    mend: (world) => expectStatus(world, ["settle", "1", "--as", "rescued", ...REASON], 0, 2),
  },
];
