/** `run`: the whole night, once for each merchant. What cron calls. */
import { HOUR_MS } from "../../domain/instant.ts";
import { defineCommand } from "../command.ts";
import { runNights } from "../night.ts";

export const command = defineCommand({
  arguments: {},
  options: {},
  about:
    "recover → collect → reconcile → submit the inbox → collect → reconcile → report. Quiet under --quiet unless something\n" +
    "needs a person. A failing collect never keeps rebills from being sent; one merchant never keeps another from its turn.",
  examples: ["run", "run --quiet --deadline 20m", "run --merchant acme --json"],
  exitStatuses: [0, 1, 3, 10, 11, 12, 13, 130],
  deadlineMs: HOUR_MS,
  run: async (context) => (await runNights(context, "run")).status,
});
