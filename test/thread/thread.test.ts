/** What crosses between threads: answers, each to its call, and what was thrown, as what it was. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { Problem } from "../../src/domain/problem.ts";
import { Thread } from "../../src/thread/thread.ts";

let thread: Thread<Record<string, unknown>, unknown>;
beforeEach(() => {
  thread = new Thread(new URL("./failing-worker", import.meta.url), "says back what it is told", undefined);
});
afterEach(() => thread.end());

const caught = (call: Record<string, unknown>) => thread.call(call).catch((error: unknown) => error);

test("each call gets its own answer, though a later one was ready before it", async () => {
  expect(await Promise.all([thread.call({ say: "a", after: 30 }), thread.call({ say: "b" })])).toEqual(["a", "b"]);
});

test("a Problem stays one, with its issues, its hint, and where it came from", async () => {
  const problem = await caught({ problem: "cannot write" });
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({ code: "disk_failed", message: "cannot write\n  one\n  two", hint: "Look." });
  expect((problem as Problem).stack).toContain("failing-worker");
});

test("any other error keeps its kind, and the thread goes on", async () => {
  const [error, next] = [caught({ fail: "too far" }), thread.call({ say: "on" })];
  expect(await error).toEqual(new RangeError("too far"));
  expect(await next).toBe("on");
});

test("a thread that ends by itself fails what was asked of it, and what is asked later", async () => {
  const words = "the thread that says back what it is told ended before its work was done";
  expect(await Promise.all([caught({ exit: true }), caught({ say: "a" })])).toEqual([
    new Error(words),
    new Error(words),
  ]);
  expect(await caught({ say: "late" })).toEqual(new Error(words));
});
