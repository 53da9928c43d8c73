/** What a server says of a file → what we know of it. */
import type { FileEntryWithStats, Stats } from "ssh2";
import { SECOND_MS } from "../domain/instant.ts";
import type { RemoteEntry, RemoteFileFacts } from "./transport.ts";

const FILE_TYPE_BITS = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;

/** A server may leave any of these out, whatever the type says. */
export function factsOf({ size = 0, mtime = 0 }: Partial<Stats>): RemoteFileFacts {
  return { sizeBytes: size, modifiedAt: mtime * SECOND_MS };
}

export function toEntry({ filename, longname, attrs }: FileEntryWithStats): RemoteEntry {
  return { name: filename, kind: kindOf(attrs.mode, longname), ...factsOf(attrs) };
}

/** By the mode; servers that send none still write the type as the first letter of the long name. */
function kindOf(mode: number | undefined, longname: string): RemoteEntry["kind"] {
  const type = (mode ?? 0) & FILE_TYPE_BITS;
  if (type === REGULAR_FILE || (type === 0 && longname.startsWith("-"))) return "file";
  if (type === FOLDER || (type === 0 && longname.startsWith("d"))) return "folder";
  return "other";
}
