/** What was measured against what was promised, in rows for people. */
import { formatSeconds, type Summary } from "./measure.ts";

export interface TargetRow {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
  /** `–`: nothing was promised, or there is nothing to compare with. */
  readonly verdict: "met" | "MISSED" | "–";
}

/** What an experiment leaves behind. */
export interface Findings {
  readonly targets: readonly TargetRow[];
  readonly measured: readonly Summary[];
}

/** A peer's seconds with the words to show; several summed make a peer as well. */
export interface Bar {
  readonly name: string;
  readonly seconds: number;
  readonly missing?: string | undefined;
}

export function barOf(summary: Summary): Bar {
  return { name: summary.name, seconds: summary.median, missing: summary.missing };
}

/** The same, by its best run. */
export function fastestBarOf(summary: Summary): Bar {
  return { ...barOf(summary), seconds: summary.fastest };
}

export function sumOf(summaries: readonly Summary[]): Bar {
  return {
    name: summaries.map(({ name }) => name).join(" + "),
    seconds: summaries.reduce((sum, { median }) => sum + median, 0),
    missing: summaries.find(({ missing }) => missing !== undefined)?.missing,
  };
}

/** Of those that are there. */
export function fastestOf(summaries: readonly Summary[]): Bar {
  const there = summaries.filter(({ missing }) => missing === undefined).toSorted((a, b) => a.median - b.median);
  const [best] = there;
  if (best) return barOf(best);
  return { name: summaries.map(({ name }) => name).join(", "), seconds: Number.NaN, missing: "none is installed" };
}

/** Our time in times of the peer's. */
export function atMost(what: string, ours: Summary, peer: Bar, limit: number | undefined): TargetRow {
  return compare(what, ours, peer, ours.median / peer.seconds, limit === undefined ? undefined : { most: limit });
}

/** The peer's time in times of ours. */
export function fasterBy(what: string, ours: Summary, peer: Bar, least: number): TargetRow {
  return compare(what, ours, peer, peer.seconds / ours.median, { least });
}

type Promised = { readonly most: number } | { readonly least: number };

function compare(what: string, ours: Summary, peer: Bar, ratio: number, promised: Promised | undefined): TargetRow {
  const row = { what, ours: formatSeconds(ours.median), target: wordsOf(promised) };
  if (peer.missing !== undefined) {
    return { ...row, peer: `${peer.name}: ${peer.missing}`, ratio: "–", verdict: "–" };
  }
  const isMet = promised && ("most" in promised ? ratio <= promised.most : ratio > promised.least);
  return {
    ...row,
    peer: `${formatSeconds(peer.seconds)} (${peer.name})`,
    ratio: `${ratio.toFixed(2)} ×`,
    verdict: verdictOf(isMet),
  };
}

function wordsOf(promised: Promised | undefined): string {
  if (promised === undefined) return "–";
  if ("most" in promised) return `≤ ${promised.most} ×`;
  return promised.least === 1 ? "faster" : `≥ ${promised.least} × faster`;
}

/** An absolute limit; undefined where the run is too small to prove anything. */
export function within(
  what: string,
  value: number | undefined,
  unit: "s" | "MiB",
  limit: number | undefined,
): TargetRow {
  const shown = value === undefined ? "no GNU time" : unit === "s" ? formatSeconds(value) : `${Math.round(value)} MiB`;
  const verdict = verdictOf(value === undefined || limit === undefined ? undefined : value <= limit);
  const target = limit === undefined ? "for a million rows only" : `≤ ${Math.round(limit)} ${unit}`;
  return { what, ours: shown, peer: "–", ratio: "–", target, verdict };
}

export function verdictOf(isMet: boolean | undefined): TargetRow["verdict"] {
  return isMet === undefined ? "–" : isMet ? "met" : "MISSED";
}

export function targetTable(rows: readonly TargetRow[]): string {
  const head = ["", "ours", "peer", "ratio", "target", ""];
  return markdownTable(
    head,
    rows.map(({ what, ours, peer, ratio, target, verdict }) => [what, ours, peer, ratio, target, verdict]),
  );
}

export function measuredTable(measured: readonly Summary[]): string {
  const head = ["", "median", "fastest", "slowest", "CPU", "peak memory", "runs"];
  const rows = measured.map((one) =>
    one.missing === undefined
      ? [
          one.name,
          ...[one.median, one.fastest, one.slowest].map(formatSeconds),
          one.cpuSeconds === undefined ? "–" : formatSeconds(one.cpuSeconds),
          one.peakMiB === undefined ? "–" : `${Math.round(one.peakMiB)} MiB`,
          String(one.rounds),
        ]
      : [one.name, one.missing, "", "", "", "", ""],
  );
  return markdownTable(head, rows);
}

/** Padded, so that it reads on a terminal as well. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(3, cell.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}
