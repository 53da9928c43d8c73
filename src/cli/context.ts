/** What every command is given. Built once per call of `main`; holds no part that a command did not ask for. */
import type { Config } from "../config/config.ts";
import type { DurationMs, Instant } from "../domain/instant.ts";
import type { ExitStatus } from "./exit-status.ts";
import type { Io, Output } from "./io.ts";
import type { ColorMode, Speech } from "./output.ts";

/** Given before or after the command; RESCUE_CONFIG, RESCUE_MERCHANT, RESCUE_DEADLINE and RESCUE_COLOR stand in. */
export interface GlobalOptions {
  /** As given; undefined: `rescue.yaml` in the working folder. */
  readonly config: string | undefined;
  readonly merchant: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: ColorMode;
  readonly deadlineMs: DurationMs | undefined;
  readonly asOf: Instant | undefined;
}

export interface CommandContext {
  readonly io: Io;
  readonly options: GlobalOptions;
  readonly speech: Speech;
  readonly clock: {
    /** `--as-of`, else the wall clock: for freshness, windows and due times. */
    now(): Instant;
    /** For names, locks, looks and deadlines. */
    wall(): Instant;
  };
  /** First signal: finish the current step. */
  readonly stop: AbortSignal;
  /** Aborted when the deadline is reached; never, where there is none. */
  readonly deadline: AbortSignal;
  /** Problem `config_invalid` with every issue, or `not_found`. Read once. */
  loadConfig(): Promise<Config>;
  /** The whole program again inside this run, as if typed; for `demo` and `help`. Its stdout may go elsewhere. */
  rescue(args: readonly string[], stdout?: Output): Promise<ExitStatus>;
}
