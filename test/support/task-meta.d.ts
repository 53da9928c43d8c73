import "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** How many faults, kills or the like the test played: for docs/reliability.md. */
    points?: number;
  }
}
