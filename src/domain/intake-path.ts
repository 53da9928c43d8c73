/**
 * Which way an export is read. `truth`: csv-parse and zod read every row. Otherwise the fast path stands in front of them, in
 * this thread alone or in workers too; `auto`: as the file is large. What comes out is the same.
 */
export const INTAKE_PATHS = ["auto", "truth", "one_thread", "workers"] as const;
export type IntakePath = (typeof INTAKE_PATHS)[number];
