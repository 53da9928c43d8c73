/** Does anything grow faster than its work? Exports of 1,000 rows to ten times `--rows`, and ledgers of 1, 30 and 365 nights. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeData } from "../make-data.ts";
import { type Ended, formatSeconds, median } from "../measure.ts";
import { Merchant } from "../ours.ts";
import type { Stage } from "../stage.ts";
import { type Findings, markdownTable, within } from "../table.ts";
import { memoryLimitMiB } from "./intake.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const NIGHTS = [1, 30, 365];
/** Neighbouring nights are alike: their median stands for the middle one. */
const NIGHTS_EACH = 3;

const VERBS = ["validate", "submit", "reconcile", "report", "run, nothing to do"];

export interface Growth extends Findings {
  readonly text: string;
}

export async function growth(stage: Stage): Promise<Growth> {
  const sizes = SIZES.filter((size) => size <= stage.options.rows * 10);
  const measured = new Map<number, Map<string, Ended>>();
  for (const size of sizes) measured.set(size, await playOneNight(stage, size));
  const cell = (verb: string, size: number) => measured.get(size)?.get(verb);
  const large = sizes.filter((size) => size > 1_000_000);
  const text = [
    "One export, by its size: microseconds a row.",
    sideBySide(sizes, (verb, size) => describeTime(cell(verb, size)?.seconds, size)),
    "The same: peak memory in MiB (in bytes a row).",
    sideBySide(sizes, (verb, size) => describeMemory(cell(verb, size)?.peakMiB, size)),
    `One more night of ${count(nightRows(stage))} rows, by the nights that the ledger holds.`,
    await byNights(stage),
  ].join("\n\n");
  const targets = large.map((size) => {
    const what = `validate, peak memory, ${count(size)} rows`;
    return within(what, cell("validate", size)?.peakMiB, "MiB", memoryLimitMiB(256, size));
  });
  return { text, targets, measured: [] };
}

async function playOneNight(stage: Stage, size: number): Promise<Map<string, Ended>> {
  const folder = await stage.scratch("growth");
  const data = await makeData(join(folder, "data"), { ...stage.options, rows: size });
  const merchant = await Merchant.create(join(folder, "merchant"), data, stage.server);
  const verbs = new Map([
    ["validate", await merchant.validate(data)],
    ["submit", await merchant.submit(data)],
    ["reconcile", await merchant.reconcile(data)],
    ["report", await merchant.report(data)],
  ]);
  for (const [verb, { seconds }] of verbs) stage.say(`${count(size)} rows, ${verb}: ${formatSeconds(seconds)}`);
  await rm(folder, { recursive: true, force: true });
  return verbs;
}

function sideBySide(sizes: readonly number[], cell: (verb: string, size: number) => string): string {
  const lines = VERBS.slice(0, -1).map((verb) => [verb, ...sizes.map((size) => cell(verb, size))]);
  return markdownTable(["", ...sizes.map((size) => `${count(size)} rows`)], lines);
}

function describeTime(seconds: number | undefined, rows: number): string {
  const micros = ((seconds ?? Number.NaN) * 1e6) / rows;
  return micros < 100 ? micros.toFixed(1) : count(Math.round(micros));
}

function describeMemory(peakMiB: number | undefined, rows: number): string {
  return peakMiB === undefined ? "–" : `${Math.round(peakMiB)} (${count(Math.round((peakMiB * 2 ** 20) / rows))})`;
}

function count(number: number): string {
  return number.toLocaleString("en");
}

function nightRows({ options }: Stage): number {
  return Math.max(100, Math.round(options.rows / 500));
}

/** All nights are played; those around 1, 30 and 365 are told. */
async function byNights(stage: Stage): Promise<string> {
  const folder = await stage.scratch("growth");
  const rows = nightRows(stage);
  const told = new Map<number, Map<string, Ended[]>>(NIGHTS.map((night) => [night, new Map()]));
  let merchant: Merchant | undefined;
  for (let number = 1; number < Math.max(...NIGHTS) + NIGHTS_EACH; number++) {
    const data = await makeData(join(folder, "data"), { ...stage.options, rows, night: number });
    merchant ??= await Merchant.create(join(folder, "merchant"), data, stage.server);
    const night = new Map([
      ["submit", await merchant.submit(data)],
      ["reconcile", await merchant.reconcile(data)],
    ]);
    const middle = NIGHTS.find((first) => number >= first && number < first + NIGHTS_EACH);
    if (middle === undefined) continue;
    night.set("report", await merchant.report(data));
    night.set("run, nothing to do", await merchant.runIdle(data.asOfResults));
    const verbs = told.get(middle);
    for (const [verb, ended] of night) verbs?.set(verb, [...(verbs.get(verb) ?? []), ended]);
    stage.say(`night ${number}`);
  }
  await rm(folder, { recursive: true, force: true });
  const lines = VERBS.slice(1).map((verb) => [
    verb,
    ...NIGHTS.map((night) => describeNights(told.get(night)?.get(verb))),
  ]);
  return markdownTable(["", ...NIGHTS.map((night) => `night ${night}`)], lines);
}

function describeNights(ended: readonly Ended[] = []): string {
  const peaks = ended.flatMap(({ peakMiB }) => (peakMiB === undefined ? [] : [peakMiB]));
  const memory = peaks.length === 0 ? "" : `, ${Math.round(Math.max(...peaks))} MiB`;
  return `${formatSeconds(median(ended.map(({ seconds }) => seconds)))}${memory}`;
}
