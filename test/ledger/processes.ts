/** Starts test/ledger/child.ts, and ends whatever a test left running. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SCRIPT = join(import.meta.dirname, "child.ts");
const running = new Set<ChildProcess>();

export interface Child {
  readonly process: ChildProcess;
  /** Resolves when the child has said a line that begins so. */
  said(beginning: string): Promise<string>;
  /** All that it said, once it has ended. */
  ended(): Promise<string[]>;
}

/** `around`: a command line to start it with, for example a shell that sets limits. */
export function startChild(folder: string, words: readonly string[], around: readonly string[] = []): Child {
  const [command = "", ...args] = [...around, process.execPath, SCRIPT, folder, ...words];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const closed = once(reader, "close");
  return {
    process: child,
    said: async (beginning) => {
      for (;;) {
        const line = lines.find((candidate) => candidate.startsWith(beginning));
        if (line !== undefined) return line;
        if (child.exitCode !== null) throw new Error(`the child ended without "${beginning}": ${lines.join("; ")}`);
        await Promise.race([once(reader, "line"), closed]);
      }
    },
    ended: async () => {
      await closed;
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      return lines;
    },
  };
}

export async function endChildren(): Promise<void> {
  for (const child of running) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
  running.clear();
}
