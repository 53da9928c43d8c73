/** The half of thread.ts that runs in the thread. */
import { parentPort } from "node:worker_threads";
import { isProblem } from "../domain/problem.ts";
import type { ThreadAnswer, ThreadCall, Thrown } from "./thread.ts";

/** Calls come in their order; the next may come before an answer is ready. `memoryOf` an answer is handed over, the rest is cloned. */
export function answerCalls<Call, Answer>(
  answer: (call: Call) => Answer | Promise<Answer>,
  memoryOf: (answer: Answer) => readonly ArrayBuffer[] = () => [],
): void {
  const post = (message: ThreadAnswer, memory: readonly ArrayBuffer[] = []) => parentPort?.postMessage(message, memory);
  parentPort?.on("message", async ({ id, call }: ThreadCall) => {
    try {
      const value = await answer(call as Call);
      post({ id, value }, memoryOf(value));
    } catch (error) {
      post({ id, ...thrown(error) });
    }
  });
}

function thrown(error: unknown): Thrown {
  if (!isProblem(error)) return { error };
  const { code, message, hint, stack = "" } = error;
  return { problem: { code, message, hint, stack } };
}
