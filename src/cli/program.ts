/** Builds the commander program from the registry. A command's own arguments and options are added when it is called. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseInstant } from "../domain/instant.ts";
import { type CommandDefinition, type OptionDefinition, readDuration, readText } from "./command.ts";
import type { GlobalOptions } from "./context.ts";
import { EXIT_STATUS_MEANINGS } from "./exit-status.ts";
import type { Io } from "./io.ts";
import { COMMANDS, type CommandEntry } from "./registry.ts";

/** Runs one command once its arguments and options are read. */
export type RunCommand = (
  definition: CommandDefinition,
  args: Record<string, unknown>,
  options: Record<string, unknown>,
) => Promise<void>;

export interface ProgramParts {
  readonly version: string;
  readonly columns: number;
  /** Help and version, whole. */
  readonly print: (text: string) => void;
  readonly runCommand: RunCommand;
}

export function buildProgram(parts: ProgramParts): Command {
  const program = new Command("rescue")
    .description("Sends declined subscription rebills to a rescue provider exactly once, and accounts for every cent.")
    .exitOverride()
    .configureOutput({
      writeOut: parts.print,
      writeErr: parts.print,
      // Errors are thrown too (exitOverride), and worded in one place: failure.ts.
      outputError: () => {},
      getOutHelpWidth: () => parts.columns,
      getErrHelpWidth: () => parts.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true })
    .helpCommand(false)
    .helpOption("-h, --help", "show help")
    .version(parts.version, "--version", "show the version");
  for (const option of globalOptions()) program.addOption(option);
  program.addHelpText("after", "\nFirst time: rescue demo, then rescue init. In cron: rescue help cron.");
  const entries = new Map<Command, CommandEntry>();
  for (const entry of COMMANDS) {
    entries.set(program.command(entry.name).helpGroup(`${entry.group}:`).summary(entry.summary), entry);
  }
  program.hook("preSubcommand", async (_program, subcommand) => {
    const entry = entries.get(subcommand);
    if (entry) equip(subcommand, entry, (await entry.load()).command, parts.runCommand);
  });
  return program;
}

function equip(subcommand: Command, entry: CommandEntry, definition: CommandDefinition, runCommand: RunCommand): void {
  const summary = `${entry.summary.charAt(0).toUpperCase()}${entry.summary.slice(1)}.`;
  subcommand
    .description(`${summary}\n\n${definition.about.replaceAll("\n", " ")}`)
    .addHelpText("after", helpEnding(definition));
  const argumentNames = Object.keys(definition.arguments);
  for (const { syntax, summary } of Object.values(definition.arguments)) {
    subcommand.addArgument(new Argument(syntax, summary));
  }
  const options = Object.entries(definition.options).map(([key, described]) => {
    const option = commanderOption(described);
    subcommand.addOption(option);
    return { key, attribute: option.attributeName(), fallback: described.fallback };
  });
  subcommand.action(async () => {
    const args = Object.fromEntries(argumentNames.map((name, index) => [name, subcommand.processedArgs[index]]));
    const given = subcommand.opts();
    const values = options.map(({ key, attribute, fallback }) => [key, given[attribute] ?? fallback]);
    await runCommand(definition, args, Object.fromEntries(values));
  });
}

function commanderOption(definition: OptionDefinition<unknown>): Option {
  const { flags, summary, read, fallback, fallbackText, repeatable } = definition;
  const option = new Option(flags, summary);
  if (read) {
    option.argParser((text, before: unknown) =>
      repeatable ? [...((before ?? []) as unknown[]), ...(read(text) as unknown[])] : read(text),
    );
  }
  // Off and "none" are what anybody expects: help shows only fallbacks that have words.
  if (fallbackText !== undefined) option.default(fallback, fallbackText);
  return option;
}

function helpEnding({ examples, exitStatuses }: CommandDefinition): string {
  const lines = ["", "Examples:", ...examples.map((example) => `  rescue ${example}`), "", "Exit statuses:"];
  for (const status of exitStatuses) {
    const { name, meaning } = EXIT_STATUS_MEANINGS[status];
    lines.push(`  ${String(status).padStart(3)}  ${name}: ${meaning}`);
  }
  return lines.join("\n");
}

function globalOptions(): Option[] {
  return [
    new Option("-c, --config <file>", "the config (default: rescue.yaml in this folder)").argParser(readText),
    new Option("--merchant <id>", "one merchant (default: all)").argParser(readText),
    new Option("--json", "one JSON document per merchant, one a line"),
    new Option("-q, --quiet", "say nothing on success"),
    new Option("-v, --verbose", "say more on stderr"),
    new Option("--color <when>", "colour the words that matter").choices(["auto", "always", "never"]),
    new Option("--deadline <duration>", "stop cleanly after this time, such as 20m").argParser(readDeadline),
    new Option("--as-of <instant>", "judge freshness, windows and due times as of this instant").argParser(readInstant),
  ];
}

/** A timer holds 2^31 ms, a little under 25 days; a longer one would fire at once. */
const LONGEST_DEADLINE_MS = 24 * 86_400_000;

function readDeadline(text: string): number {
  const deadlineMs = readDuration(text);
  if (deadlineMs > LONGEST_DEADLINE_MS) throw new InvalidArgumentError("At most 24d.");
  return deadlineMs;
}

function readInstant(text: string): number {
  const instant = parseInstant(text);
  if (instant === undefined) throw new InvalidArgumentError("Give an ISO 8601 instant such as 2026-11-20T06:00:00Z.");
  return instant;
}

/** Flag, then environment, then default. */
export function readGlobalOptions(program: Command, env: Io["env"]): GlobalOptions {
  for (const option of program.options) {
    const value = env[FROM_ENVIRONMENT[option.attributeName()] ?? ""];
    if (value !== undefined && value !== "" && program.getOptionValueSource(option.attributeName()) === undefined) {
      program.setOptionValueWithSource(option.attributeName(), readFromEnvironment(option, value), "env");
    }
  }
  const given = program.opts();
  return {
    config: given["config"],
    merchant: given["merchant"],
    json: given["json"] === true,
    quiet: given["quiet"] === true,
    verbose: given["verbose"] === true,
    color: given["color"] ?? "auto",
    deadlineMs: given["deadline"],
    asOf: given["asOf"],
  };
}

/** Not `--as-of`: a date forgotten in an environment would decide what is fresh. */
const FROM_ENVIRONMENT: Readonly<Record<string, string>> = {
  config: "RESCUE_CONFIG",
  merchant: "RESCUE_MERCHANT",
  deadline: "RESCUE_DEADLINE",
  color: "RESCUE_COLOR",
};

function readFromEnvironment(option: Option, value: string): unknown {
  try {
    return option.parseArg ? option.parseArg(value, undefined) : value;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    const name = FROM_ENVIRONMENT[option.attributeName()];
    throw new CommanderError(
      2,
      "commander.invalidArgument",
      `environment ${name} '${value}' is invalid. ${error.message}`,
    );
  }
}
