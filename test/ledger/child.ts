/**
 * A second process for the lock tests: `child.ts FOLDER WORD…` opens the ledger, does what the words say, one after the
 * other, and says each on stdout when it is done. Errors are said as `problem CODE MESSAGE`.
 */
import { Problem } from "../../src/domain/problem.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";

const [folder = "", ...words] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

try {
  const ledger = await openSqliteLedger({ folder, merchant: "acme", host: "here", clock: Date.now });
  for (const word of words) {
    if (word === "acquire") await ledger.acquireLock("child");
    if (word === "write") await ledger.startRun({ at: 1, recordedAt: 1, command: "child" });
    if (word === "begin") {
      // Never resolves: the transaction is open when the process dies.
      void ledger.transaction(async () => {
        await ledger.startRun({ at: 1, recordedAt: 1, command: "half" });
        say("begun");
        await new Promise(() => {});
      });
    }
    if (word === "probe") say(`holder ${(await ledger.lockHolder())?.command ?? "nobody"}`);
    if (word === "crash") process.kill(process.pid, "SIGKILL");
    if (word === "stay") setInterval(() => {}, 1_000);
    say(word);
  }
} catch (error) {
  say(error instanceof Problem ? `problem ${error.code} ${error.message}` : `error ${String(error)}`);
}
