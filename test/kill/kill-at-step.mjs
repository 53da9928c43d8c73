/**
 * A preload for the real program (NODE_OPTIONS=--import …): writes down every step it passes, and kills the process at the
 * n-th passing of one. Plain JavaScript, because types would be stripped anew in each of hundreds of processes. SIGKILL to itself arrives before the call returns, so nothing after the step is ever done.
 */
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";

const { KILL_AT_STEP = "", KILL_AT_PASSING = "1", KILL_AFTER_MS = "0", TRACE_STEPS_TO = "" } = process.env;
let passings = 0;

subscribe("rescue:step", (name) => {
  if (TRACE_STEPS_TO !== "") appendFileSync(TRACE_STEPS_TO, `${String(name)}\n`);
  if (name !== KILL_AT_STEP) return;
  passings += 1;
  if (passings !== Number(KILL_AT_PASSING)) return;
  // This thread stands still; others may go on with what they were given.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(KILL_AFTER_MS));
  process.kill(process.pid, "SIGKILL");
});
