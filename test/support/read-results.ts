/** All lines of a result file as `reconcile` decodes them, in the order of the file. */
import { holdResults } from "../../src/profiles/held-results.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import type { ResultLine } from "../../src/profiles/row-decoder.ts";

const SIZE = { rows: 1_000, bytes: 256 * 1024 };

export async function* readResults(profile: Profile, path: string, size = SIZE): AsyncGenerator<ResultLine> {
  for await (const { held, isWhole } of holdResults(profile, path, size)) {
    if (!isWhole) continue;
    for (let row = 0; row < held.length; row++) yield held.decode(row);
  }
}
