import { defineConfig } from "vitest/config";
import { countReporter } from "./test/support/count-reporter.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", countReporter()],
    // Many tests wait for a server or a clock: two at a time even where there are two cores only.
    maxWorkers: 2,
    // Child processes and a real sshd on two slow cores; a test that needs longer says so itself.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
