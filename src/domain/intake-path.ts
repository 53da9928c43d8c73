/**
 * Which way the rows of a file go. `truth`: csv-parse and zod read every row. Otherwise the fast path stands in front of them. `workers`: more threads
 * read, write the ledger and make batch files; `auto`: where the file is large. What comes out is the same.
 */
export const INTAKE_PATHS = ["auto", "truth", "one_thread", "workers"] as const;
export type IntakePath = (typeof INTAKE_PATHS)[number];
