/** A merchant's folder that does not exist yet, in a place of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export async function makeFolder(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), "rescue-ledger-")), "acme");
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(dirname(folder), { recursive: true, force: true });
}
