import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { Speech } from "../../src/cli/output.ts";
import { Problem } from "../../src/domain/problem.ts";
import { goodRow, toCsv } from "../intake/read-all.ts";
import { writeConfig } from "../support/local-merchant.ts";
import { createTestIo } from "../support/test-io.ts";

const FORGED = "x\nok: 5 rebills delivered\u001b[2J\u009b31m\u202e\r";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/;

/** Runs the program in this process, with a pipe at both ends: what a log or a pager gets. */
async function play(files: Readonly<Record<string, string>>, args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "rescue-names-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await mkdir(join(folder, "inbox"));
  await writeConfig(folder);
  const io = createTestIo({
    cwd: folder,
    env: { SSH_AUTH_SOCK: "none" },
    now: () => Date.parse("2026-11-21T06:00:00Z"),
  });
  const status = await main(args, io);
  return { status, out: io.out(), err: io.err() };
}

function expectHarmless(...texts: readonly string[]): void {
  for (const text of texts) {
    expect(text).not.toMatch(STEERS);
    expect(text).not.toMatch(/^ *ok: 5 rebills/m);
  }
}

test.each([
  ["an export that is not there", ["validate", FORGED], {}, 2],
  ["an export", ["validate", FORGED], { [FORGED]: toCsv([goodRow(1)]) }, 0],
  ["an export with faults", ["validate", FORGED], { [FORGED]: toCsv([goodRow(1, { amount: "x" })]) }, 3],
  ["a result file that is not there", ["reconcile", FORGED], {}, 2],
  ["a result file", ["reconcile", FORGED], { [FORGED]: "nothing of the kind\n" }, 2],
  ["a merchant", ["validate", "a.csv", "--merchant", FORGED], {}, 2],
  ["a config that is not there", ["validate", "a.csv", "--config", FORGED], {}, 2],
  ["a config", ["validate", "a.csv", "--config", FORGED], { [FORGED]: `"${"k\\nok: 5 rebills"}": 1\n` }, 2],
  ["a command", [FORGED], {}, 2],
  ["an option", ["validate", `--${FORGED}`], {}, 2],
  ["an option's value", ["run", "--deadline", FORGED], {}, 2],
  ["an order", ["explain", FORGED], {}, 2],
  ["a header cell", ["validate", "a.csv"], { "a.csv": toCsv([goodRow(1, { [FORGED]: "v", amount: "x" })]) }, 3],
] as const)("the name of %s forges no line and steers no terminal", async (_what, args, files, status) => {
  for (const more of [[], ["--verbose"]]) {
    const played = await play(files, [...args, ...more]);
    expect(played.status, played.err).toBe(status);
    expect(played.out + played.err).not.toBe("");
    expectHarmless(played.out, played.err);
  }
});

test("a message of a server forges no line, whatever says it", () => {
  const io = createTestIo({ stderrIsTTY: true });
  const speech = new Speech(io, { json: false, quiet: false, verbose: true, color: "never" });
  speech.note(FORGED);
  speech.complain("fail", FORGED);
  speech.detail(FORGED);
  expectHarmless(io.err());
  expect(io.err().split("\n")).toHaveLength(4);
});

test("the issues of a document keep lines of their own, and a name among them makes none", () => {
  const problem = new Problem("config_invalid", `${FORGED}:`, { issues: ["one", FORGED], hint: FORGED });
  expect(problem.message.split("\n")).toHaveLength(3);
  expect(problem.message.split("\n")[1]).toBe("  one");
  expect(problem.hint).not.toContain("\n");
});
