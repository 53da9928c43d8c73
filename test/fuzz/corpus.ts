/** Files that once broke something, and those that try to: each is read again with every `npm test`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("corpus", import.meta.url));

export function corpusOf(kind: "exports" | "results" | "documents"): { name: string; bytes: Buffer }[] {
  return readdirSync(join(FOLDER, kind)).map((name) => ({ name, bytes: readFileSync(join(FOLDER, kind, name)) }));
}
