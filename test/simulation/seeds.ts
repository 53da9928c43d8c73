/** Which seeds a file of tests plays; `SIM_SEED=7` plays that one alone. */
import { expect } from "vitest";
import { playSeed } from "./play.ts";

export const SEEDS_IN_ALL = 500;

/** Plays every n-th seed, from one on, and tells of each that fails by the line that plays it again. */
export async function playSeeds(from: number, every: number): Promise<void> {
  const alone = process.env["SIM_SEED"];
  const failures: string[] = [];
  const seen = { seeds: 0, days: 0, crashes: 0, arrivals: 0, outcomes: 0, uncertain: 0, findings: 0 };
  for (let seed = from; seed <= SEEDS_IN_ALL; seed += every) {
    const isPlayed = alone === undefined || Number(alone) === seed;
    if (!isPlayed) continue;
    const played = await playOne(seed);
    if (played.failure !== "") failures.push(played.failure);
    if (!played.played) continue;
    if (alone !== undefined && played.failure !== "")
      failures.push(...played.played.violations, ...played.played.story);
    seen.seeds += 1;
    for (const key of ["days", "crashes", "arrivals", "outcomes", "uncertain", "findings"] as const) {
      seen[key] += played.played[key];
    }
  }
  expect(failures.join("\n")).toBe("");
  if (alone !== undefined) return;
  // The dice did not spare the program: of each thing that can happen, plenty has.
  for (const [what, often] of Object.entries(seen)) expect.soft(often / seen.seeds, what).toBeGreaterThan(0.1);
}

async function playOne(seed: number) {
  const again = `SIM_SEED=${seed} npx vitest run test/simulation`;
  try {
    const played = await playSeed(seed);
    const failure = played.violations.length === 0 ? "" : `${again}  # ${played.violations.slice(0, 3).join("; ")}`;
    return { played, failure };
  } catch (error) {
    const trace =
      error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 3).join(" ") : String(error);
    return { played: undefined, failure: `${again}  # threw: ${trace}` };
  }
}
