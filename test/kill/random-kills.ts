/**
 * Kills at random times, one after another: each run has to make good what the one before left, and is killed itself. What
 * is killed, and when, comes from a seed; the machine's own timing does not, so a seed repeats a plan, not a microsecond.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Stage } from "./play.ts";
import { checkNothingTwice, checkPromises, deliveredOrders } from "./promises.ts";
import type { ResultRow, World } from "./world.ts";

/** A program that was only just started has done nothing yet. */
const EARLIEST_KILL_MS = 60;
const WORDS = [
  ["APPROVED", "rescued"],
  ["DECLINED", "unrescued"],
  ["CANCELLED", "cancelled"],
  ["PENDING", "pending"],
] as const;

/** A little more than a command took when nobody killed it; learned as the chains go. */
const usualMs = new Map<string, number>();

/** Resolves with how often the program was really killed before it had ended by itself. */
export async function playRandomKills(stage: Stage, seed: number, kills: number): Promise<number> {
  const draw = seededDraw(seed);
  const world = await stage.template.copy(draw() < 0.5 ? {} : { delivery: { trigger: "{name}.done" } });
  try {
    let killed = 0;
    // A run that was too quick for its killer is not counted, but must not keep us here for ever.
    for (let round = 0; killed < kills && round < 3 * kills; round += 1) {
      await nextDay(world, draw, round);
      if (await killOnce(world, draw)) killed += 1;
      await checkNothingTwice(world);
    }
    await checkPromises(world, await world.run(["run"]), 0);
    return killed;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}: ${reason}`, { cause: error });
  } finally {
    await world.remove();
  }
}

/** A new export that overlaps with what is known, and results for some of what the provider has. */
async function nextDay(world: World, draw: () => number, round: number): Promise<void> {
  if (draw() < 0.6) {
    const known = [...world.rebills.keys()];
    const repeated = known.filter(() => draw() < 0.2);
    const first = known.length + 1;
    const added = Array.from({ length: 1 + Math.floor(draw() * 7) }, (_, index) => `o-${first + index}`);
    await world.putExport(`export-${round}.csv`, [...added, ...repeated]);
  }
  if (draw() < 0.5) {
    const waiting = (await deliveredOrders(world)).filter((order) => world.rebill(order).outcomes.length === 0);
    const rows = waiting.filter(() => draw() < 0.4).map((order) => resultRow(order, draw));
    if (rows.length > 0) await world.putResults(`results-${round}.csv`, rows);
  }
}

function resultRow(order: string, draw: () => number): ResultRow {
  const [word, outcome] = WORDS[Math.floor(draw() * WORDS.length)] ?? WORDS[0];
  return [order, word, outcome];
}

async function killOnce(world: World, draw: () => number): Promise<boolean> {
  const args = await drawCommand(world, draw());
  const command = args[0] ?? "";
  const afterMs = EARLIEST_KILL_MS + draw() * (usualMs.get(command) ?? 4000);
  const started = performance.now();
  const running = world.start(args);
  const timer = setTimeout(() => running.child.kill("SIGKILL"), afterMs);
  const ended = await running.ended;
  clearTimeout(timer);
  if (ended.signal === "SIGKILL") return true;
  if (ended.status !== 0) throw new Error(`${args.join(" ")} ended with ${ended.status}: ${ended.stderr}`);
  usualMs.set(command, 1.1 * (performance.now() - started));
  return false;
}

async function drawCommand(world: World, share: number): Promise<readonly string[]> {
  if (share < 0.55) return ["run"];
  if (share < 0.7) return ["collect"];
  if (share < 0.75) return ["reconcile"];
  const names = (await readdir(world.inbox)).filter((name) => name.endsWith(".csv"));
  return ["submit", ...names.map((name) => join(world.inbox, name))];
}

/** mulberry32: small, fast, and the same numbers for the same seed everywhere. */
function seededDraw(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
