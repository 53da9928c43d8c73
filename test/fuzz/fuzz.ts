/**
 * Properties over hostile input. Few runs with every `npm test`, from another seed each time; for long:
 * `FUZZ_TIMES=200 npx vitest run test/fuzz`. A failure prints the line that replays it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

const { FUZZ_SEED, FUZZ_PATH, FUZZ_TIMES } = process.env;
const TIMES = Number(FUZZ_TIMES ?? 1);
const SEED = FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(FUZZ_SEED);
const LIMIT_MS = 60_000;

/** `runs` in `npm test`, so many times `FUZZ_TIMES` otherwise. */
export function fuzz<T>(
  name: string,
  runs: number,
  input: fc.Arbitrary<T>,
  check: (input: T) => Promise<void> | void,
): void {
  test(name, { timeout: LIMIT_MS * TIMES }, async () => {
    const property = fc.asyncProperty(input, async (given) => check(given));
    const path = FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH };
    const found = await fc.check(property, {
      seed: SEED,
      numRuns: runs * TIMES,
      interruptAfterTimeLimit: LIMIT_MS * TIMES * 0.9,
      ...path,
    });
    if (found.failed && found.counterexamplePath !== null) {
      const { testPath } = expect.getState();
      const again = `FUZZ_SEED=${found.seed} FUZZ_PATH=${found.counterexamplePath} npx vitest run ${testPath} -t '${name}'`;
      throw new Error(`${again}\n${fc.defaultReportMessage(found)}\n${found.errorInstance}`);
    }
    // biome-ignore lint/suspicious/noConsole: who fuzzes for long wants to know from where.
    if (TIMES > 1) console.log(`${name}: ${found.numRuns} runs from FUZZ_SEED=${SEED}`);
  });
}

/** A value that nobody may repeat: whatever is shown is searched for it. */
export const CANARY = "Kanarie";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\p{Cf}\u2028\u2029\p{Cs}]/u;

/** Nothing in it steers a terminal, and it is no line that the program would write after success. */
export function expectHarmless(text: string): void {
  expect(text).not.toMatch(STEERS);
  expect(text).not.toMatch(/^ok: forged/m);
}
