/**
 * What a command may know of the world outside: streams, terminal facts, environment, wall clock, and the wish to stop.
 * One object, so that a test can be a terminal, a pipe or a full disk without starting a process.
 */
import type { Readable } from "node:stream";
import type { Instant } from "../domain/instant.ts";

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The wall clock. */
  now(): Instant;
  /** Aborted by the first SIGINT or SIGTERM: finish the current step, record it, return 130. */
  readonly stop: AbortSignal;
}

export interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  /**
   * Resolves when the stream has taken the text, so that a slow reader slows the writer. A reader who has gone away
   * (`| head`) is no error: nothing more is written, and the work goes on. Other failures (a full disk behind `>`)
   * reject on stdout, because a result that was not written is not a success.
   */
  write(text: string): Promise<void>;
}

/** Of a Node stream, only what is used here. */
interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** `onFailure: "ignore"` is for stderr: there is nowhere left to say it. */
export function streamOutput(stream: Stream, onFailure: "reject" | "ignore"): Output {
  let readerIsGone = false;
  // Without a listener a broken pipe would end the process in the middle of a delivery.
  stream.on("error", (error) => {
    readerIsGone ||= (error as NodeJS.ErrnoException).code === "EPIPE";
  });
  return {
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        if (readerIsGone || text === "") return resolve();
        stream.write(text, (error) => {
          if (!error || onFailure === "ignore" || (error as NodeJS.ErrnoException).code === "EPIPE") resolve();
          else reject(error);
        });
      }),
  };
}

export function processIo(process: NodeJS.Process, stop: AbortSignal): Io {
  return {
    stdout: streamOutput(process.stdout, "reject"),
    stderr: streamOutput(process.stderr, "ignore"),
    // Opened only when asked: reading it keeps the process alive.
    get stdin() {
      return process.stdin;
    },
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    stop,
  };
}
