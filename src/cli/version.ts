/** The package's own version; read at once, because nothing else is going on yet. */
import { readFileSync } from "node:fs";

export function readVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}
