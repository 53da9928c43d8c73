/**
 * Counts that only a long run can give, as the last such run left them in recorded.json: `npm run reliability -- --record`
 * and `npm run soak -- --every --record` write it. What a file declares is counted beside it, so that a test that was added
 * since is noticed without running anything.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { pathOf, ROOT } from "./page.ts";

const RECORDED = join(import.meta.dirname, "recorded.json");

export interface RecordedFile {
  readonly passed: number;
  readonly skipped: number;
  /** Of each test that has them: how many faults, kills or the like it played. */
  readonly points: Readonly<Record<string, number>>;
  /** `test(…)`, `test.each(…)` and the like in the file when it was run. */
  readonly declared: number;
}

export interface Recorded {
  readonly recordedOn: string;
  readonly files: Readonly<Record<string, RecordedFile>>;
  readonly soak?: { readonly recordedOn: string; readonly kills: number };
}

export function readRecorded(): Recorded {
  return JSON.parse(readFileSync(RECORDED, "utf8"));
}

export function declaredIn(file: string): number {
  return readFileSync(pathOf(file), "utf8").match(/\b(?:test|it)(?:\.\w+(?:\([^)]*\))?)*\(/g)?.length ?? 0;
}

/** What vitest's JSON reporter writes, as far as it is read here. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly meta?: { readonly points?: number };
    }[];
  }[];
}

/** Files in which anything failed are left as they were, and named: a page must not tell of them. */
export function recordReport(report: VitestReport): string[] {
  const files: Record<string, RecordedFile> = { ...readRecordedOrNothing().files };
  const failed: string[] = [];
  for (const { name, assertionResults } of report.testResults) {
    const file = relative(ROOT, name).split(sep).join("/");
    const ended = (status: string) => assertionResults.filter((test) => test.status === status).length;
    const passed = ended("passed");
    const skipped = ended("skipped") + ended("pending") + ended("todo");
    if (passed + skipped < assertionResults.length || passed === 0) failed.push(file);
    else files[file] = { passed, skipped, points: pointsOf(assertionResults), declared: declaredIn(file) };
  }
  write({ ...readRecordedOrNothing(), recordedOn: today(), files });
  return failed;
}

function pointsOf(tests: VitestReport["testResults"][number]["assertionResults"]): Record<string, number> {
  return Object.fromEntries(
    tests.flatMap(({ fullName, meta }) => (meta?.points === undefined ? [] : [[fullName, meta.points]])),
  );
}

export function recordSoak({ kills }: { readonly kills: number }): void {
  write({ ...readRecordedOrNothing(), soak: { recordedOn: today(), kills } });
}

function readRecordedOrNothing(): Recorded {
  try {
    return readRecorded();
  } catch {
    return { recordedOn: "", files: {} };
  }
}

function write(recorded: Recorded): void {
  const files = Object.fromEntries(Object.entries(recorded.files).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(RECORDED, `${JSON.stringify({ ...recorded, files }, undefined, 2)}\n`);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
