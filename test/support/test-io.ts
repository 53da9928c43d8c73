/** The world outside as buffers: a terminal, a pipe, a signal, without a process. */
import { Readable } from "node:stream";
import type { Io, Output } from "../../src/cli/io.ts";

export interface TestIo extends Io {
  /** What was written so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** As the first SIGINT does. */
  readonly interrupt: () => void;
}

export interface TestIoOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdoutIsTTY?: boolean;
  readonly stderrIsTTY?: boolean;
  readonly now?: () => number;
}

export function createTestIo(options: TestIoOptions = {}): TestIo {
  const out: string[] = [];
  const err: string[] = [];
  const controller = new AbortController();
  const output = (chunks: string[], isTTY = false): Output => ({
    isTTY,
    columns: 80,
    write: async (text) => {
      chunks.push(text);
    },
  });
  return {
    stdout: output(out, options.stdoutIsTTY),
    stderr: output(err, options.stderrIsTTY),
    stdin: Readable.from([]),
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    now: options.now ?? Date.now,
    stop: controller.signal,
    out: () => out.join(""),
    err: () => err.join(""),
    interrupt: () => controller.abort(),
  };
}
