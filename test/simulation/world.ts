/** One merchant's world, made from a seed: clock, server, provider, biller, model, and the program's parts opened anew. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DAY_MS, HOUR_MS, type Instant, parseInstant } from "../../src/domain/instant.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { RemoteSession } from "../../src/pipeline/session.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import { testContext } from "../support/context.ts";
import { Biller, type ExportFile } from "./biller.ts";
import { Dice } from "./dice.ts";
import { Gate, GuardedArchive, guardLedger } from "./gate.ts";
import { Model } from "./model.ts";
import { SimProvider } from "./provider.ts";
import { SimServer } from "./server.ts";

/** Zones and seasons in which the clocks change during the simulated weeks, among others. */
const PLACES = [
  { timezone: "America/New_York", from: "2026-10-20T07:10:00Z" },
  { timezone: "America/New_York", from: "2027-03-01T08:10:00Z" },
  { timezone: "Europe/Berlin", from: "2026-10-15T01:20:00Z" },
  { timezone: "Australia/Lord_Howe", from: "2026-09-25T17:40:00Z" },
  { timezone: "UTC", from: "2026-12-20T03:00:00Z" },
] as const;

export interface World {
  readonly seed: number;
  readonly dice: Dice;
  readonly gate: Gate;
  readonly server: SimServer;
  readonly provider: SimProvider;
  readonly biller: Biller;
  readonly model: Model;
  readonly profile: Profile;
  readonly batchesAtOnce: number;
  readonly timezone: string;
  readonly folder: string;
  readonly notes: string[];
  /** Exports that nobody has taken yet. */
  readonly waiting: ExportFile[];
  now: Instant;
  /** As the last process opened it: unguarded, for looking. */
  ledger: Ledger;
  maxAgeDays: number;
}

export async function makeWorld(seed: number): Promise<World> {
  const dice = new Dice(seed);
  const place = dice.pick(PLACES);
  const folder = mkdtempSync(join(roomOf(), `rescue-sim-${seed}-`));
  mkdirSync(join(folder, "inbox"));
  const clock = { now: parseInstant(place.from) ?? 0 };
  const gate = new Gate(new Dice(seed + 1_000_003), () => {
    clock.now += 1 + (gate.acts % 97);
  });
  const profile = makeProfile(dice);
  const batchesAtOnce = new Dice(seed + 5_000_011).pick([1, 2, 3, 8, 16]);
  const server = new SimServer(new Dice(seed + 2_000_003), gate, () => clock.now, {
    pickUp: dice.pick(["at_once", "at_once", "some_time", "leaves"]),
    strangers: dice.chance(0.3) ? 0.01 : 0,
    isDirect: profile.delivery.commit === "direct",
    isShared: batchesAtOnce > 1,
  });
  const provider = new SimProvider(new Dice(seed + 3_000_017), server, {
    cumulative: dice.chance(0.3),
    naughty: dice.pick([0, 0.1, 0.3]),
  });
  const { afterWindow, graceMs } = profile.window;
  const world: Omit<World, "ledger" | "now"> = {
    seed,
    dice,
    gate,
    server,
    provider,
    biller: new Biller(new Dice(seed + 4_000_037)),
    model: new Model({ presumes: afterWindow === "presume_unrescued", graceMs }),
    profile,
    batchesAtOnce,
    timezone: place.timezone,
    folder,
    notes: [],
    waiting: [],
    maxAgeDays: 1,
  };
  server.meanwhile = () => provider.finishTorn();
  const whole = Object.assign(world, { ledger: await openLedger(folder, () => clock.now) });
  return Object.defineProperty(whole, "now", {
    get: () => clock.now,
    set: (now: Instant) => {
      clock.now = now;
    },
  }) as World;
}

export async function endWorld(world: World): Promise<void> {
  await world.ledger.close();
  rmSync(world.folder, { recursive: true, force: true });
}

/** As a new process would: what the old one knew is gone. */
export async function startAgain(world: World): Promise<void> {
  await world.ledger.close();
  world.ledger = await openLedger(world.folder, () => world.now);
}

/** For one command: a new connection, guarded parts. */
export function contextOf(world: World): PipelineContext {
  const { gate, profile, folder, notes, seed, timezone, maxAgeDays } = world;
  const parts = {
    inbox: join(folder, "inbox"),
    profile,
    ledger: guardLedger(world.ledger, gate),
    archive: new GuardedArchive(join(folder, "data"), gate),
    remote: new RemoteSession(world.server.drop.transport, gate.deadline.signal),
    now: () => world.now,
    batchesAtOnce: world.batchesAtOnce,
    delay: async (ms: number) => {
      gate.pass();
      world.now += ms;
    },
    uniqueId: makeIds(world),
    note: (message: string) => notes.push(message),
  };
  return testContext(parts, {
    timezone,
    maxAgeDays,
    stop: gate.stop.signal,
    resultsDue: seed % 5 === 0 ? [{ hour: 5, minute: 0, zone: "UTC" }] : [],
    expectRunBy: seed % 5 === 1 ? { hour: 6, minute: 0, zone: timezone } : undefined,
  });
}

let ids = 0;
function makeIds(world: World): () => string {
  return () => `${world.seed}${String(++ids).padStart(8, "0")}`;
}

async function openLedger(folder: string, clock: () => Instant): Promise<Ledger> {
  const data = join(folder, "data");
  const ledger = await openSqliteLedger({ folder: data, merchant: "acme", host: "sim", clock });
  for (const name of ["archive/exports", "archive/batches", "archive/results", "rejects", "reports"]) {
    mkdirSync(join(data, name), { recursive: true, mode: 0o700 });
  }
  await ledger.acquireLock("simulation");
  return ledger;
}

function makeProfile(dice: Dice): Profile {
  return {
    ...flex,
    batch: { ...flex.batch, maxRows: dice.pick([1, 3, 2000]) },
    delivery: {
      ...flex.delivery,
      commit: dice.chance(0.12) ? "direct" : "rename",
      ignoresTemporaryNames: dice.chance(0.3),
      readBack: dice.chance(0.7),
    },
    results: { ...flex.results, afterCollect: dice.chance(0.3) ? "delete" : "leave" },
    window: {
      ...flex.window,
      afterWindow: dice.chance(0.7) ? "presume_unrescued" : "overdue",
      graceMs: dice.pick([2 * DAY_MS, 6 * HOUR_MS]),
    },
  };
}

/** A folder in memory, where there is one: thousands of small durable writes. */
function roomOf(): string {
  const inMemory = "/dev/shm";
  return statSync(inMemory, { throwIfNoEntry: false })?.isDirectory() ? inMemory : tmpdir();
}
