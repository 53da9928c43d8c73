/** Runs a whole process and measures it; and lets contestants take turns, so that noise falls on all of them alike. */
import { execFile, spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../test/support/openssh.ts";

export interface Measurement {
  /** Wall clock, from the start of the process to its end, unless the contestant says otherwise. */
  readonly seconds: number;
  /** User and system; undefined where GNU time is missing. */
  readonly cpuSeconds: number | undefined;
  readonly peakMiB: number | undefined;
}

export interface Ended extends Measurement {
  readonly status: number | null;
  readonly stdout: string;
}

export interface ProcessOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit statuses that are no failure. Default: 0. */
  readonly statuses?: readonly number[];
  /** For starts of a few milliseconds: without the detour over GNU time, and so without CPU and memory. */
  readonly wallOnly?: boolean;
}

/** GNU time reports what the kernel knows of a process and the children it waited for. */
const GNU_TIME = findProgram("time");

export async function runProcess(command: string, args: readonly string[], options: ProcessOptions): Promise<Ended> {
  const { cwd, statuses = [0] } = options;
  const report = GNU_TIME === undefined || options.wallOnly ? undefined : join(cwd, `time-${process.pid}.txt`);
  const line = report ? [GNU_TIME ?? "", "-q", "-f", "%U %S %M", "-o", report, command, ...args] : [command, ...args];
  // Whoever ran before must not have his bytes written at our cost.
  if (!options.wallOnly) await promisify(execFile)("sync");
  const start = performance.now();
  const child = spawn(line[0] ?? "", line.slice(1), {
    cwd,
    // Nothing else of ours: NODE_EXTRA_CA_CERTS alone costs a Node 35 ms.
    env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const seconds = (performance.now() - start) / 1000;
  if (status === null || !statuses.includes(status)) {
    throw new Error(
      `${[command, ...args].join(" ")} ended with ${status}:\n${stderr.slice(-2_000)}${stdout.slice(-500)}`,
    );
  }
  if (report === undefined) return { seconds, cpuSeconds: undefined, peakMiB: undefined, status, stdout };
  const [user = 0, system = 0, peakKiB = 0] = (await readFile(report, "utf8")).trim().split(" ").map(Number);
  await rm(report);
  return { seconds, cpuSeconds: user + system, peakMiB: peakKiB / 1024, status, stdout };
}

export interface Contestant {
  readonly name: string;
  /** Prepares, runs, checks what came of it; only the run is measured. A string: why it cannot run here. */
  readonly run: (() => Promise<Measurement>) | string;
}

export interface Summary {
  readonly name: string;
  /** Why there is nothing to tell. */
  readonly missing?: string;
  readonly rounds: number;
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly cpuSeconds: number | undefined;
  /** The highest of all rounds. */
  readonly peakMiB: number | undefined;
}

/** Summaries in the order of the contestants. */
export class Results {
  readonly all: readonly Summary[];

  constructor(all: readonly Summary[]) {
    this.all = all;
  }

  of(name: string): Summary {
    const found = this.all.find((summary) => summary.name === name);
    if (!found) throw new Error(`nobody is called ${name}`);
    return found;
  }
}

/** Each in each round once; every round begins with another. */
export async function takeTurns(
  contestants: readonly Contestant[],
  rounds: number,
  say: (text: string) => void,
): Promise<Results> {
  const results = new Map<string, Measurement[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % contestants.length;
    for (const { name, run } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      if (typeof run === "string") continue;
      const measured = await run();
      results.get(name)?.push(measured);
      say(`${name}: ${formatSeconds(measured.seconds)}`);
    }
  }
  return new Results(contestants.map(({ name, run }) => summarise(name, run, results.get(name) ?? [])));
}

function summarise(name: string, run: Contestant["run"], measured: readonly Measurement[]): Summary {
  const seconds = measured.map((one) => one.seconds).toSorted((a, b) => a - b);
  const cpu = measured.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
  const peaks = measured.flatMap(({ peakMiB }) => (peakMiB === undefined ? [] : [peakMiB]));
  return {
    name,
    ...(typeof run === "string" ? { missing: run } : {}),
    rounds: measured.length,
    median: median(seconds),
    fastest: seconds[0] ?? Number.NaN,
    slowest: seconds.at(-1) ?? Number.NaN,
    cpuSeconds: cpu.length === 0 ? undefined : median(cpu),
    peakMiB: peaks.length === 0 ? undefined : Math.max(...peaks),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function formatSeconds(seconds: number): string {
  if (Number.isNaN(seconds)) return "–";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}
