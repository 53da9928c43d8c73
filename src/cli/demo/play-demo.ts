/**
 * The whole job against the sandbox: a merchant's folder, an export, and three weeks of nights in half a minute. Every
 * night is the real `rescue run` over a real SFTP connection; only the days are simulated.
 */
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DAY_MS, formatInstant, HOUR_MS, type Instant, parseInstant } from "../../domain/instant.ts";
import { Problem } from "../../domain/problem.ts";
import { type Sandbox, startSandbox } from "../../sandbox/sandbox.ts";
import { generateKeyPair } from "../../transport/key-pair.ts";
import type { CommandContext } from "../context.ts";
import { sandboxConfig } from "../sandbox-config.ts";
import { makeDemoExport } from "./demo-export.ts";

/** Morning of the first night run. The dates are fixed, so that the same seed plays the same weeks. */
const FIRST_RUN = parseInstant("2026-11-02T06:00:00Z") as Instant;
/** Runs on these days after the first: the busy first days, then until the window and its grace have passed. */
const RUN_DAYS = [0, 1, 2, 3, 7, 14, 24];
const MARK = ".rescue-demo";
const MID = "demo-mid";

export interface DemoOptions {
  readonly folder: string;
  readonly seed: string;
  /** No run later than this many days after the first. */
  readonly days: number;
  /** A line of the story. */
  readonly say: (line: string) => Promise<void>;
  /** Runs the real program with these arguments. */
  readonly rescue: CommandContext["rescue"];
  readonly stop: AbortSignal;
}

/** Resolves with where everything lies. Problem `usage` if the folder holds something that is not a demo. */
export async function playDemo(options: DemoOptions): Promise<{ readonly config: string; readonly folder: string }> {
  const { folder, seed, say } = options;
  await makeFolder(folder);
  const publicKey = await generateKeyPair(join(folder, "keys", "rescue_ed25519"), "rescue demo");
  const sandbox = await startSandbox({
    folder: join(folder, "provider"),
    userPublicKey: publicKey,
    username: "acme",
    mid: MID,
    startAt: FIRST_RUN - 12 * HOUR_MS,
    seed,
  });
  try {
    const config = join(folder, "rescue.yaml");
    await writeFile(config, sandboxConfig(sandbox, { merchant: "acme", mid: MID }), { mode: 0o600 });
    const exported = makeDemoExport(seed, FIRST_RUN - HOUR_MS);
    await writeFile(join(folder, "inbox", "rebills.csv"), exported);
    await say(
      "500 declined rebills of one night, a simulated provider on this machine, and the days after in a few seconds.\n",
    );
    await playNights(options, sandbox, config, exported);
    await say("");
    await options.rescue(["report", "-c", config, "--as-of", formatInstant(lastRun(options.days))]);
    return { config, folder };
  } finally {
    await sandbox.stop();
  }
}

async function playNights(options: DemoOptions, sandbox: Sandbox, config: string, exported: string): Promise<void> {
  for (const day of RUN_DAYS.filter((after) => after <= options.days)) {
    if (options.stop.aborted) throw new Problem("interrupted", "the demo was stopped");
    const now = FIRST_RUN + day * DAY_MS;
    await sandbox.advanceTo(now - HOUR_MS);
    // The CRM exports the same night twice, in another order: nothing may be sent twice.
    if (day === 1) await writeFile(join(options.folder, "inbox", "rebills.csv"), reversed(exported));
    const night = await runNight(options, ["run", "-c", config, "--json", "--as-of", formatInstant(now)]);
    await options.say(`  day ${String(day + 1).padStart(2)}  rescue run   ${describeNight(night)}`);
  }
}

/** What `rescue run --json` said, as far as the story needs it. */
interface NightDocument {
  readonly submission: {
    readonly skipped: number;
    readonly rejected: number;
    readonly batches: readonly { readonly rows: number }[];
  };
  readonly collection: { readonly files: readonly { readonly state: string }[] };
  readonly reconciliation: { readonly applied: number; readonly repeated: number };
}

async function runNight({ rescue }: DemoOptions, args: readonly string[]): Promise<NightDocument> {
  let printed = "";
  const stdout = {
    isTTY: false,
    columns: 80,
    write: async (text: string) => {
      printed += text;
    },
  };
  const status = await rescue(args, stdout);
  if (printed === "") throw new Error(`the night ended with status ${status} and said nothing`);
  return JSON.parse(printed) as NightDocument;
}

function describeNight({ submission, collection, reconciliation }: NightDocument): string {
  const sent = submission.batches.reduce((sum, batch) => sum + batch.rows, 0);
  const files = collection.files.filter((file) => file.state === "collected").length;
  const parts = [
    ...(sent > 0 ? [`${sent} sent`] : []),
    ...(submission.skipped > 0 ? [`${submission.skipped} skipped`] : []),
    ...(submission.rejected > 0 ? [`${submission.rejected} rejected`] : []),
    ...(files > 0
      ? [`${files} result files: ${reconciliation.applied} outcomes, ${reconciliation.repeated} repeated`]
      : []),
  ];
  return parts.join(", ");
}

function lastRun(days: number): Instant {
  const last = RUN_DAYS.filter((day) => day <= days).at(-1) ?? 0;
  return FIRST_RUN + last * DAY_MS;
}

function reversed(exported: string): string {
  const [header = "", ...rows] = exported.trimEnd().split("\n");
  return `${[header, ...rows.toReversed()].join("\n")}\n`;
}

async function makeFolder(folder: string): Promise<void> {
  const isDemo = await exists(join(folder, MARK));
  if (!isDemo && (await exists(folder))) {
    throw new Problem("usage", `${folder} exists and was not made by the demo`, {
      hint: "Nothing was touched. Give another folder with --folder.",
    });
  }
  await rm(folder, { recursive: true, force: true });
  for (const name of ["keys", "inbox"]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, MARK), "Made by `rescue demo`; the next demo replaces this folder.\n");
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
