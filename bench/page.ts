/** One run in words: the machine, the promises, the figures; on stdout, and between the marks of docs/performance.md. */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import type { Stage } from "./stage.ts";
import { type Findings, measuredTable, targetTable } from "./table.ts";

const PAGE = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const BEGIN = "<!-- one run: from npm run bench -- --write -->";
const END = "<!-- end one run -->";

export function describeRun(stage: Stage, found: readonly Findings[], growth: string | undefined): string {
  const targets = found.flatMap((findings) => findings.targets);
  const measured = found.flatMap((findings) => findings.measured);
  const missed = targets.filter(({ verdict }) => verdict === "MISSED");
  const unjudged = targets.filter(({ verdict, target }) => verdict === "–" && target !== "–");
  const judged = targets.filter(({ verdict }) => verdict !== "–");
  const good =
    judged.length === 0 ? "No promise was judged." : `All ${judged.length} promises that were judged are met.`;
  const verdict = missed.length === 0 ? good : `**Missed:** ${missed.map(({ what }) => what).join("; ")}.`;
  const gaps = unjudged.length === 0 ? "" : ` Not judged: ${unjudged.map(({ what }) => what).join("; ")}.`;
  return [
    describeMachine(),
    describeData(stage),
    `${verdict}${gaps}`,
    ...(targets.length === 0 ? [] : [targetTable(targets)]),
    ...(measured.length === 0 ? [] : ["What was measured:", measuredTable(measured)]),
    ...(growth === undefined ? [] : [growth]),
  ].join("\n\n");
}

function describeMachine(): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  const versions = [`Node ${process.versions.node}`, ...PEER_VERSIONS.flatMap(versionOf)];
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${availableParallelism()} cores of ${model}, ${memory} GiB, ${type()} ${release()}; ${versions.join(", ")}.`;
}

const PEER_VERSIONS: readonly (readonly [command: string, ...args: string[]])[] = [
  ["ssh", "-V"],
  ["rclone", "--version"],
  ["lftp", "--version"],
];

/** The first words of what a program says of itself. */
function versionOf([command, ...args]: readonly [string, ...string[]]): string[] {
  try {
    const said = execFileSync("sh", ["-c", '"$0" "$@" 2>&1', command, ...args], { encoding: "utf8" });
    const name = /OpenSSH_[\w.]+|rclone v[\d.]+|LFTP \| Version [\d.]+/.exec(said)?.[0];
    return name === undefined ? [] : [name.replace("_", " ").replace("LFTP | Version", "lftp").replace(" v", " ")];
  } catch {
    return [];
  }
}

function describeData({ data, rounds, options }: Stage): string {
  const { rows } = data.night;
  const count = (number: number) => number.toLocaleString("en");
  const { accepted, rejected } = data.export;
  const shape = options.shape === 0 ? "in canonical order" : `in shape ${options.shape}`;
  const scale = rows === 1_000_000 ? "" : " The targets are meant for 1,000,000 rows.";
  return `${count(rows)} rows of ${data.shape.columns.length} columns ${shape}: ${count(accepted)} accepted, ${count(rejected)} rejected; ${count(data.results.rows)} result rows. Medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}.${scale}`;
}

export async function writePage(text: string): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`${PAGE} has lost the marks of its section "one run"`);
  await writeFile(PAGE, `${page.slice(0, begin)}${BEGIN}\n\n${text}\n\n${page.slice(end)}`);
}
