/** `demo`: several nights against the sandbox, from export to report. */
import { resolve } from "node:path";
import { defineCommand, optionOr, readText, readWhole } from "../command.ts";
import { playDemo } from "../demo/play-demo.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    folder: optionOr("--folder <folder>", "where it plays; an earlier demo there is replaced", readText, "rescue-demo"),
    days: optionOr("--days <number>", "how many simulated days", readWhole(1, 60), 25),
    seed: optionOr("--seed <text>", "the same seed tells the same story", readText, "demo"),
  },
  about:
    "Starts the sandbox, makes a merchant's folder and an export with a few bad rows, and runs the nights. No account needed.",
  examples: ["demo", "demo --days 3 --folder /tmp/rescue-demo"],
  exitStatuses: [0, 1, 2, 130],
  run: async (context, _args, { folder, days, seed }) => {
    const { speech } = context;
    const say = (line: string) => speech.result(`${line}\n`);
    const played = await playDemo({
      folder: resolve(context.io.cwd, folder),
      seed,
      days,
      say,
      rescue: context.rescue,
      stop: context.stop,
    });
    await say(`\nEverything lies in ${played.folder}. Look around, for example:`);
    // Who came by `npm run demo` has no rescue on the PATH yet, and perhaps an older Node.
    const typed = context.io.env["npm_lifecycle_event"] === undefined ? "rescue" : "npm run rescue --";
    for (const example of ["explain ord-0001", "holds --list hold", "breaks"]) {
      await say(`  ${typed} ${example} -c ${played.config}`);
    }
    return 0;
  },
});
