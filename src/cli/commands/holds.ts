/** `holds`: what the merchant's own biller must hold, may retry, or has been paid for. */
import { HOLD_LISTS, holdsCsv, holdsFacts, holdsJson, listHolds } from "../../report/holds.ts";
import { choice, choiceOr, defineCommand } from "../command.ts";
import { ExitStatus } from "../exit-status.ts";
import { selectMerchants } from "../merchants.ts";
import { withLedger } from "../wiring.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    list: choice("--list <list>", "only one of the three lists", HOLD_LISTS),
    format: choiceOr("--format <format>", "how it is written", ["csv", "json"], "csv"),
  },
  about:
    "hold: the provider is still trying, your own retry could charge twice; release: yours to retry again; paid: book it. " +
    "Read this before your biller's own retries start.\n\n" +
    "The CSV is safe to open in a spreadsheet: a cell that one would run gets a ' in front. A machine reads --json.",
  examples: ["holds --list hold", "holds --list release > release.csv", "holds --list paid --json"],
  exitStatuses: [0, 1, 2],
  run: async (context, _args, { list, format }) => {
    const config = await context.loadConfig();
    const merchants = selectMerchants(config, context.options.merchant, "all");
    for (const [index, merchant] of merchants.entries()) {
      await withLedger(context, config, merchant, async ({ ledger, profile }) => {
        const facts = await holdsFacts(ledger);
        const input = { ...facts, now: context.clock.now(), window: profile.window, list };
        const envelope = { type: "holds", schema: 1, merchant: merchant.id, exit_status: ExitStatus.ok };
        const isJson = context.options.json || format === "json";
        const pieces = isJson
          ? holdsJson(listHolds(input), envelope, input)
          : holdsCsv(listHolds(input), merchant.id, { header: index === 0 });
        for await (const piece of pieces) await context.speech.result(piece);
      });
    }
    return ExitStatus.ok;
  },
});
