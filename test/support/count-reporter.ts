/**
 * One last line, `12 passed, 0 failed`, for tools that read a run's end. A file that does not load and an error outside any
 * test count as failures: nothing that went wrong may look like fewer tests.
 */
import type { Reporter, TestModule } from "vitest/node";

export function countReporter(write: (text: string) => void = (text) => process.stdout.write(text)): Reporter {
  return {
    onTestRunEnd: (modules, unhandledErrors) => {
      const { passed, failed } = countTests(modules);
      write(`\n${passed} passed, ${failed + unhandledErrors.length} failed\n`);
    },
  };
}

function countTests(modules: readonly TestModule[]): { passed: number; failed: number } {
  let passed = 0;
  let failed = 0;
  for (const module of modules) {
    const states = [...module.children.allTests()].map((test) => test.result().state);
    const failures = states.filter((state) => state === "failed").length;
    passed += states.filter((state) => state === "passed").length;
    failed += module.ok() ? failures : Math.max(failures, 1);
  }
  return { passed, failed };
}
