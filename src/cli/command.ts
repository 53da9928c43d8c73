/**
 * How a command file declares itself. Arguments and options are described once: their types in `run` follow from the
 * description, and help and parsing read the same.
 */
import { InvalidArgumentError } from "commander";
import { type DurationMs, parseDuration } from "../domain/instant.ts";
import type { CommandContext } from "./context.ts";
import type { ExitStatus } from "./exit-status.ts";

export interface OptionDefinition<T> {
  /** As commander writes them: `--max-age <duration>`. */
  readonly flags: string;
  readonly summary: string;
  /** Text → value; throws InvalidArgumentError saying what would be right. Absent: a switch. */
  readonly read?: (text: string) => T;
  readonly fallback?: T;
  /** How help shows the fallback; default: as it is. */
  readonly fallbackText?: string;
  /** Given several times, the values make a list. */
  readonly repeatable?: true;
}

export interface ArgumentDefinition<T> {
  readonly summary: string;
  /** As commander writes it: `<file...>` or `[folder]`. */
  readonly syntax: string;
  /** Never set: it carries the type to `run`. */
  readonly type?: T;
}

type Arguments = Readonly<Record<string, ArgumentDefinition<unknown>>>;
type Options = Readonly<Record<string, OptionDefinition<unknown>>>;
type ArgumentValues<A> = { readonly [K in keyof A]: A[K] extends ArgumentDefinition<infer T> ? T : never };
type OptionValues<O> = { readonly [K in keyof O]: O[K] extends OptionDefinition<infer T> ? T : never };

export interface CommandDefinition<A extends Arguments = Arguments, O extends Options = Options> {
  readonly arguments: A;
  readonly options: O;
  /** What it touches and what it never does; the paragraph below the summary. */
  readonly about: string;
  /** Without the leading `rescue`. */
  readonly examples: readonly string[];
  readonly exitStatuses: readonly ExitStatus[];
  /** Of the run, where `--deadline` says nothing. Absent: none. */
  readonly deadlineMs?: DurationMs;
  run(context: CommandContext, args: ArgumentValues<A>, options: OptionValues<O>): Promise<ExitStatus>;
}

/** Only for inference: the value is what it was given. */
export function defineCommand<A extends Arguments, O extends Options>(
  definition: CommandDefinition<A, O>,
): CommandDefinition<A, O> {
  return definition;
}

/** `<name>` */
export function required(name: string, summary: string): ArgumentDefinition<string> {
  return { syntax: `<${name}>`, summary };
}

/** `[name]` */
export function optional(name: string, summary: string): ArgumentDefinition<string | undefined> {
  return { syntax: `[${name}]`, summary };
}

/** `<name...>`, at least one. */
export function several(name: string, summary: string): ArgumentDefinition<readonly string[]> {
  return { syntax: `<${name}...>`, summary };
}

/** `[name...]`, none or more. */
export function anyNumber(name: string, summary: string): ArgumentDefinition<readonly string[]> {
  return { syntax: `[${name}...]`, summary };
}

export function flag(flags: string, summary: string): OptionDefinition<boolean> {
  return { flags, summary, fallback: false };
}

export function option<T = string>(
  flags: string,
  summary: string,
  read: (text: string) => T,
): OptionDefinition<T | undefined> {
  return { flags, summary, read };
}

export function optionOr<T>(
  flags: string,
  summary: string,
  read: (text: string) => T,
  fallback: T,
  fallbackText = String(fallback),
): OptionDefinition<T> {
  return { flags, summary, read, fallback, fallbackText };
}

/** The value is what `read` makes of each, in order. */
export function repeated<T>(flags: string, summary: string, read: (text: string) => T): OptionDefinition<readonly T[]> {
  return { flags, summary, read: (text) => [read(text)], fallback: [], repeatable: true };
}

export function choice<const C extends string>(
  flags: string,
  summary: string,
  choices: readonly C[],
): OptionDefinition<C | undefined> {
  return { flags, summary: `${summary}: ${choices.join(", ")}`, read: readChoiceOf(choices) };
}

export function choiceOr<const C extends string>(
  flags: string,
  summary: string,
  choices: readonly C[],
  fallback: NoInfer<C>,
): OptionDefinition<C> {
  return {
    flags,
    summary: `${summary}: ${choices.join(", ")}`,
    read: readChoiceOf(choices),
    fallback,
    fallbackText: fallback,
  };
}

export function readChoiceOf<C extends string>(choices: readonly C[]): (text: string) => C {
  return (text) => {
    const chosen = choices.find((candidate) => candidate === text);
    if (chosen === undefined) throw new InvalidArgumentError(`Allowed are ${choices.join(", ")}.`);
    return chosen;
  };
}

export function readText(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

/** Milliseconds. */
export function readDuration(text: string): DurationMs {
  const duration = parseDuration(text);
  if (duration === undefined || duration === 0) throw new InvalidArgumentError("Give a duration such as 90s, 20m, 2h.");
  return duration;
}

/** `3d` → 3. Freshness counts whole calendar days. */
export function readDays(text: string): number {
  const match = /^(\d{1,3})d$/.exec(text);
  if (!match) throw new InvalidArgumentError("Give whole days such as 3d.");
  return Number(match[1]);
}

/** 0 to 1. */
export function readShare(text: string): number {
  const share = /^\d(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(share <= 1)) throw new InvalidArgumentError("Give a share from 0 to 1, such as 0.6.");
  return share;
}

export function readWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) {
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}
