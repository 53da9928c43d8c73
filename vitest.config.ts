import { defineConfig } from "vitest/config";
import { countReporter } from "./test/support/count-reporter.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", countReporter()],
    // Child processes and a real sshd on two slow cores; a test that needs longer says so itself.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
