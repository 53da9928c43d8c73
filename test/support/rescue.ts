/**
 * The real program as a child process. What a test sees is what a crontab sees: statuses, streams and files.
 *
 * RESCUE_E2E_BIN names another installation to test, such as an unpacked tarball; default: bin/rescue.js of this checkout,
 * whose dist must be newer than src.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 60_000;

export interface RescueOptions {
  readonly cwd?: string;
  /** Added to the few variables that a program needs; nothing else of this process's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface RescueResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON documents of stdout, one a line; empty unless `--json` was given. */
  readonly documents: readonly Json[];
  /** The JSON error lines of stderr. */
  readonly errors: readonly Json[];
}

// biome-ignore lint/suspicious/noExplicitAny: a test says by its assertions what a document looks like.
export type Json = Record<string, any>;

export interface RunningRescue {
  readonly child: ChildProcessWithoutNullStreams;
  /** So far. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<RescueResult>;
  /** Resolves when the condition holds; rejects, with what was printed, when it does not in time or the program ended. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
}

export async function rescue(args: readonly string[], options: RescueOptions = {}): Promise<RescueResult> {
  return startRescue(args, options).ended;
}

/** For tests that do something while it runs. */
export function startRescue(args: readonly string[], options: RescueOptions = {}): RunningRescue {
  const child = spawn(process.execPath, [findProgram(), ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? tmpdir(),
      XDG_CACHE_HOME: join(ROOT, "node_modules/.cache"),
      ...options.env,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A program that reads nothing may be gone before it was told anything.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? LIMIT_MS);
  const isJson = args.includes("--json");
  const ended = new Promise<RescueResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      const documents = isJson ? parseLines(stdout, () => true) : [];
      const errors = parseLines(stderr, (line) => line.startsWith('{"type":"error"'));
      resolve({ status, signal, stdout, stderr, documents, errors });
    });
  });
  const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
    const deadline = performance.now() + 20_000;
    while (!(await condition())) {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver || performance.now() > deadline) throw new Error(`waited for ${what}:\n${stdout}\n${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { child, stdout: () => stdout, stderr: () => stderr, ended, until };
}

function parseLines(text: string, isWanted: (line: string) => boolean): Json[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && isWanted(line))
    .map((line) => JSON.parse(line) as Json);
}

function findProgram(): string {
  const other = process.env["RESCUE_E2E_BIN"];
  if (other) return other;
  const built = statSync(join(ROOT, "dist/cli/main.js"), { throwIfNoEntry: false });
  const newest = Math.max(
    ...readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
  if (built === undefined || built.mtimeMs < newest) {
    throw new Error(`dist is ${built ? "older than src" : "missing"}: run npm run build first (npm test does)`);
  }
  return join(ROOT, "bin/rescue.js");
}
