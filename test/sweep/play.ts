/** One point of a sweep: the night that meets the fault, then the night that mends it, and what must hold after each. */
import { checkMendedNight, checkStruckNight, Watcher } from "./promises.ts";
import type { Template } from "./world.ts";

export interface PointOptions {
  readonly mayBeUncertain?: boolean;
  /** Also plays the archive into a fresh ledger and compares. */
  readonly verifies?: boolean;
}

export async function playPoint(
  template: Template,
  disarm: () => boolean,
  { mayBeUncertain = false, verifies = false }: PointOptions = {},
): Promise<{ readonly wasStruck: boolean; readonly saidAllDone: boolean }> {
  const world = template.copy();
  try {
    const watcher = new Watcher(world.options.server);
    watcher.look();
    const struck = await world.play("run");
    const wasStruck = disarm();
    watcher.look();
    const saidAllDone = checkStruckNight(world, struck);
    if (!wasStruck && !saidAllDone)
      throw new Error(`nothing failed, yet it ended with ${struck.status}: ${struck.stderr}`);
    const next = await world.play("run");
    watcher.look();
    checkMendedNight(world, next, mayBeUncertain);
    if (verifies) {
      const verified = await world.play("verify");
      if (verified.status !== 0) throw new Error(`verify ended with ${verified.status}: ${JSON.stringify(verified)}`);
    }
    return { wasStruck, saidAllDone };
  } finally {
    disarm();
    world.remove();
  }
}
