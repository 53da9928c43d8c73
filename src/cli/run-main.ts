/** The whole program behind `main`: what it loads is wanted by everything but `--version`. */
import { resolve } from "node:path";
import { CommanderError } from "commander";
import type { CommandDefinition } from "./command.ts";
import type { CommandContext, GlobalOptions } from "./context.ts";
import { ExitStatus } from "./exit-status.ts";
import { describeFailure, reportFailure } from "./failure.ts";
import type { Io } from "./io.ts";
import { Speech } from "./output.ts";
import { buildProgram, readGlobalOptions } from "./program.ts";
import { readVersion } from "./version.ts";

/** Never rejects. What went wrong has been said on stderr when it resolves. */
export async function runMain(args: readonly string[], io: Io): Promise<ExitStatus> {
  const known = { options: guessOptions(args) };
  try {
    return await runProgram(args, io, known);
  } catch (error) {
    const failure = describeFailure(error);
    reportFailure(new Speech(io, known.options), failure, null, known.options);
    return failure.exitStatus;
  }
}

async function runProgram(args: readonly string[], io: Io, known: { options: GlobalOptions }): Promise<ExitStatus> {
  let printed = "";
  let status: ExitStatus = ExitStatus.ok;
  const program = buildProgram({
    version: readVersion(),
    columns: Math.min(io.stdout.isTTY ? io.stdout.columns : 100, 120),
    print: (text) => {
      printed += text;
    },
    runCommand: async (definition, commandArgs, commandOptions) => {
      known.options = readGlobalOptions(program, io.env);
      status = await runCommand(definition, createContext(io, known.options, definition), commandArgs, commandOptions);
    },
  });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // Help and version end parsing by an exception too.
    if (!(error instanceof CommanderError) || printed === "") throw error;
    if (error.exitCode === 0) await new Speech(io, known.options).result(printed);
    // `rescue` alone is a mistake, and its help the explanation.
    else await io.stderr.write(printed);
    return error.exitCode === 0 ? ExitStatus.ok : ExitStatus.usage;
  }
  return status;
}

async function runCommand(
  definition: CommandDefinition,
  context: CommandContext,
  args: Record<string, unknown>,
  options: Record<string, unknown>,
): Promise<ExitStatus> {
  try {
    return await definition.run(context, args, options);
  } finally {
    context.speech.clearProgress();
  }
}

function createContext(io: Io, options: GlobalOptions, definition: CommandDefinition): CommandContext {
  const { asOf, deadlineMs = definition.deadlineMs } = options;
  let config: ReturnType<CommandContext["loadConfig"]> | undefined;
  return {
    io,
    options,
    speech: new Speech(io, options),
    clock: { now: () => asOf ?? io.now(), wall: () => io.now() },
    stop: io.stop,
    deadline: deadlineMs === undefined ? new AbortController().signal : AbortSignal.timeout(deadlineMs),
    loadConfig: () => {
      config ??= loadConfigFile(resolve(io.cwd, options.config ?? "rescue.yaml"), io);
      return config;
    },
    rescue: (args, stdout = io.stdout) => runMain(args, { ...io, stdout }),
  };
}

/** Imported when needed: help, version and the sandbox need no schema library. */
async function loadConfigFile(path: string, io: Io) {
  const { loadConfig } = await import("../config/load.ts");
  return loadConfig(path, io.env);
}

/** For errors in the arguments themselves, when nothing was parsed yet. */
function guessOptions(args: readonly string[]): GlobalOptions {
  const has = (...flags: string[]) => args.some((arg) => flags.includes(arg));
  return {
    config: undefined,
    merchant: undefined,
    json: has("--json"),
    quiet: has("-q", "--quiet"),
    verbose: has("-v", "--verbose"),
    color: has("--color=never") ? "never" : "auto",
    deadlineMs: undefined,
    asOf: undefined,
  };
}
