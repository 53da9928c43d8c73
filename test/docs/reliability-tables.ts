/** The tables of docs/reliability.md: what is tested, how often, and the command that runs it. */
import { STEPS } from "../../src/pipeline/steps.ts";
import { SCENARIOS } from "../kill/scenarios.ts";
import { SEEDS_IN_ALL } from "../simulation/seeds.ts";
import { markdownTable } from "./page.ts";
import type { Recorded } from "./recorded.ts";

interface Line {
  readonly what: string;
  readonly files: readonly string[];
  /** Default: the number of tests. */
  readonly count?: (sum: { readonly tests: number; readonly points: number }) => string;
  /** Default: vitest with these files. */
  readonly command?: string;
}

const SWEEPS: readonly (readonly [file: string, what: string])[] = [
  ["test/sweep/file-calls.test.ts", "calls to the local file system"],
  ["test/sweep/ledger-calls.test.ts", "calls to the ledger"],
  ["test/sweep/drop-requests.test.ts", "requests to the server, at three kinds of provider"],
  ["test/sweep/sftp-requests.test.ts", "packets of the real SFTP client"],
];

const LINES: readonly Line[] = [
  {
    what: "SIGKILL of the real program at a named step, against OpenSSH, and started again",
    files: ["test/kill/matrix.test.ts"],
    count: ({ points }) => `${STEPS.length} steps, ${SCENARIOS.length} scenarios, ${points} kills`,
  },
  {
    what: "SIGKILL at random times, five in a row, each run mending the one before",
    files: ["test/kill/random.test.ts"],
    count: ({ points }) => `${points} kills; any number with \`npm run soak -- --kills 1000\``,
  },
  {
    what: "The lines of [after a cut-off](states.md#after-a-cut-off), the program killed in that state",
    files: ["test/kill/table.test.ts"],
  },
  { what: "The same lines, from the recorded state alone, against OpenSSH", files: ["test/delivery/table.test.ts"] },
  {
    what: "Where evidence is missing: the file taken while its answer is lost, taken under its temporary name, settled by results, by a person",
    files: [
      "test/delivery/lost-answer.test.ts",
      "test/delivery/taken-temporary.test.ts",
      "test/delivery/waiting-rows.test.ts",
      "test/e2e/lost-answers.test.ts",
    ],
  },
  {
    what: "The k-th operation of a night fails, for every k, and the next night mends it (table below)",
    files: SWEEPS.map(([file]) => file),
    count: ({ tests, points }) => `${tests} sweeps, ${points} nights that failed`,
  },
  {
    what: "Real servers: OpenSSH as it is, without fsync and setstat, without rename; ProFTPD, rclone and AsyncSSH where installed",
    files: ["test/zoo/real-servers.test.ts"],
  },
  {
    what: "Servers with odd manners: take at once, read once, write slowly, overwrite, sequential only, wrong clocks, another host key",
    files: ["test/zoo/odd-servers.test.ts"],
  },
  { what: "One request of each kind never answered, or answered to nobody", files: ["test/zoo/lost-requests.test.ts"] },
  {
    what: "Names that try to leave the folder, a listing of 50,000, a result file of 200 MB",
    files: ["test/zoo/outbound.test.ts"],
  },
  {
    what: "Silence, deadlines, signals, refusals, each within its limit",
    files: ["test/zoo/time.test.ts", "test/e2e/interruptions.test.ts", "test/e2e/refusals.test.ts"],
  },
  {
    what: "Two at once: a living, frozen, dead, replaced owner of the lock; another host's folder",
    files: ["test/ledger/lock-processes.test.ts", "test/ledger/open.test.ts"],
  },
  {
    what: "Damage is found: a flipped bit, a missing or cut file, a truncated ledger, a changed fact",
    files: ["test/pipeline/verify.test.ts", "test/e2e/verify.test.ts"],
  },
  {
    what: "Weeks of nights from one seed, all parts but the wire real, the promises checked after each step",
    files: ["test/simulation/seeds-1.test.ts", "test/simulation/seeds-2.test.ts"],
    count: () => `${SEEDS_IN_ALL} seeds; one with \`SIM_SEED=7\` before it`,
    command: "npx vitest run test/simulation",
  },
];

export const TESTED_FILES: readonly string[] = LINES.flatMap(({ files }) => files);

export function testedTable(recorded: Recorded): string {
  const rows = LINES.map(({ what, files, count = testsOf, command = `npx vitest run ${files.join(" ")}` }) => {
    const counts = files.map((file) => recorded.files[file] ?? { passed: 0, points: {} });
    const tests = counts.reduce((sum, { passed }) => sum + passed, 0);
    const points = counts.flatMap((each) => Object.values(each.points)).reduce((sum, each) => sum + each, 0);
    return [what, count({ tests, points }), `\`${command}\``];
  });
  const { soak } = recorded;
  if (soak) {
    const what = "SIGKILL at every passing of every step of every scenario";
    rows.splice(1, 0, [what, `${soak.kills} kills (${soak.recordedOn})`, "`npm run soak -- --every`"]);
  }
  return `${markdownTable(["what", "how often", "run it"], rows)}\nRecorded ${recorded.recordedOn}.\n`;
}

function testsOf({ tests }: { readonly tests: number }): string {
  return `${tests} tests`;
}

export function sweptTable(recorded: Recorded): string {
  const rows = SWEEPS.flatMap(([file, what]) => {
    const faults = new Map<string, number[]>();
    for (const [title, points] of Object.entries(recorded.files[file]?.points ?? {})) {
      const fault = faultOf(title);
      faults.set(fault, [...(faults.get(fault) ?? []), points]);
    }
    return [...faults].map(([fault, points]) => [what, fault, points.join(" + ")]);
  });
  return markdownTable(["of these, each once", "it fails with", "nights"], rows);
}

/** The full name of a test is its groups and its title in a row; the groups are not told. */
function faultOf(title: string): string {
  return title
    .replace(/, at every \w+$/, "")
    .replace(
      /^(?:the file system|the ledger|the SFTP client|a server that (?:leaves batches where they are|takes batches at once|waits for a trigger file, results are deleted)) /,
      "",
    );
}
