/**
 * The program as a function: arguments and the outside world in, an exit status out. It ends nothing and throws nothing;
 * only bin/rescue.js ends the process.
 */
import type { ExitStatus } from "./exit-status.ts";
import type { Io } from "./io.ts";
import { readVersion } from "./version.ts";

/** Never rejects. What went wrong has been said on stderr when it resolves. */
export async function main(args: readonly string[], io: Io): Promise<ExitStatus> {
  // Scripts ask it before each use; a parser would cost more than all else.
  if (args.length === 1 && args[0] === "--version" && (await hasSaidVersion(io))) return 0;
  const { runMain } = await import("./run-main.ts");
  return runMain(args, io);
}

/** False: it could not be said; the whole program says why. */
async function hasSaidVersion(io: Io): Promise<boolean> {
  try {
    await io.stdout.write(`${readVersion()}\n`);
    return true;
  } catch {
    return false;
  }
}
