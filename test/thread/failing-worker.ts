/** The thread of thread.test.ts: says back what it is told, or fails with it. */
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../../src/domain/problem.ts";
import { answerCalls } from "../../src/thread/answer-calls.ts";

answerCalls<{ say?: string; after?: number; fail?: string; problem?: string; exit?: boolean }, unknown>(
  async (call) => {
    if (call.exit) process.exit(3);
    if (call.after) await sleep(call.after);
    if (call.fail) throw new RangeError(call.fail);
    if (call.problem) throw new Problem("disk_failed", call.problem, { issues: ["one", "two"], hint: "Look." });
    return call.say;
  },
);
