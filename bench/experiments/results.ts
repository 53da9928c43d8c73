/** `reconcile` and `report`: a result file as large as the export, and the money of it all. */
import { takeTurns } from "../measure.ts";
import type { Stage } from "../stage.ts";
import { atMost, barOf, type Findings, within } from "../table.ts";
import { insertInto } from "./plain-insert.ts";

const MILLION = 1_000_000;

export async function results(stage: Stage): Promise<Findings> {
  const { data } = stage;
  const submitted = await stage.submitted();
  const merchant = await stage.merchant("results");
  const turns = await takeTurns(
    [
      {
        name: "reconcile",
        run: async () => {
          await merchant.restore(submitted);
          return merchant.reconcile(data);
        },
      },
      // After each reconcile: on a ledger with all outcomes in.
      { name: "report", run: () => merchant.report(data) },
      { name: "plain insert of outcomes", run: () => insertInto(stage, "outcomes") },
    ],
    stage.rounds,
    stage.say,
  );
  const [reconcile, report] = [turns.of("reconcile"), turns.of("report")];
  // Promised for a million rows, and for more in proportion; what fewer take proves nothing.
  const { rows } = data.night;
  const limit = (seconds: number) => (rows < MILLION ? undefined : (seconds * rows) / MILLION);
  return {
    measured: turns.all,
    targets: [
      within("reconcile", reconcile.median, "s", limit(6)),
      within("reconcile, peak memory", reconcile.peakMiB, "MiB", 400),
      atMost("reconcile, against a plain insert", reconcile, barOf(turns.of("plain insert of outcomes")), 2.5),
      within("report", report.median, "s", limit(2)),
    ],
  };
}
