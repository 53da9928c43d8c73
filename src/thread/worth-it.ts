/** When are threads of their own worth it for the rows of a file? */
import { availableParallelism } from "node:os";
import type { IntakePath } from "../domain/intake-path.ts";

/** Threads take some 50 ms to start and to warm up; less is dealt with by then. */
const THREADS_FROM_BYTES = 32 * 1024 * 1024;

/** Of so many bytes of rows. */
export function areThreadsWorthIt(intakePath: IntakePath, bytes: number): boolean {
  if (intakePath === "workers") return true;
  return intakePath === "auto" && bytes >= THREADS_FROM_BYTES && availableParallelism() > 1;
}
