/** `verify`: is the archive what was sent and received, to the byte, and does the ledger follow from it? */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Config, MerchantConfig } from "../../config/config.ts";
import { isProblem } from "../../domain/problem.ts";
import { TAKEN_OVER, type Verification, verificationOf, verify } from "../../pipeline/verify.ts";
import { formatCount, formatNumberOf } from "../../report/words.ts";
import { defineCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { ExitStatus } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { linesOf } from "../output.ts";
import { withPipeline, withReplica } from "../wiring.ts";

export const command = defineCommand({
  arguments: {},
  options: {},
  about:
    "Hashes every archived file, plays the archive into a fresh ledger and compares the two, and lets SQLite check itself.\n" +
    "Changes nothing and connects to no server. Damage is 1, and each is named; docs/verify.md says what to do about it.",
  examples: ["verify", "verify --merchant acme --json"],
  exitStatuses: [0, 1, 2, 12, 130],
  run: (context) =>
    forEachMerchant(context, "all", async (merchant, config) => {
      const verification = await verifyMerchant(context, config, merchant);
      return {
        exitStatus: statusOf(verification),
        type: "verification",
        document: verificationDocument(verification),
        result: linesOf(verification.damages.map(({ code, path, message }) => `${code}: ${path}: ${message}`)),
        details: linesOf(verification.notes.map((note) => `note: ${note}`)),
        verdict: describe(verification),
      };
    }),
});

const NOTHING_THERE: Verification = {
  damages: [],
  damageCount: 0,
  files: 0,
  sizeBytes: 0,
  compared: undefined,
  notes: ["nothing was taken from this merchant yet"],
};

async function verifyMerchant(
  context: CommandContext,
  config: Config,
  merchant: MerchantConfig,
): Promise<Verification> {
  const folder = join(config.dataDir, merchant.id);
  // Opening would make a new one, and nothing would be missing from that.
  if (!existsSync(join(folder, "ledger.db"))) return holdsFiles(join(folder, "archive")) ? LEDGER_GONE : NOTHING_THERE;
  try {
    const { value } = await withPipeline(
      context,
      config,
      merchant,
      { command: "verify", looksOnly: true },
      async (pipeline) => {
        const found = await verify(pipeline, (work) => withReplica(context, merchant, work));
        return { status: statusOf(found), value: found };
      },
    );
    return value;
  } catch (error) {
    if (!isProblem(error, "ledger_damaged")) throw error;
    return verificationOf({ code: "ledger_damaged", path: "ledger.db", message: error.message });
  }
}

const LEDGER_GONE = verificationOf({
  code: "ledger_damaged",
  path: "ledger.db",
  message: "the ledger is gone, though there is an archive: restore the whole folder from your last backup",
});

function holdsFiles(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile());
}

/** docs/adr/0012: damage is "failed", because no rerun and no settlement mends it. */
function statusOf({ damageCount }: Verification): ExitStatus {
  return damageCount === 0 ? ExitStatus.ok : ExitStatus.failed;
}

function verificationDocument(verification: Verification) {
  const { damages, damageCount, files, sizeBytes, compared, notes } = verification;
  return {
    whole: damageCount === 0,
    files,
    size: sizeBytes,
    compared: compared
      ? {
          batches: compared.batches,
          attempts: compared.attempts,
          outcomes: compared.outcomes,
          result_files: compared.resultFiles,
          breaks: compared.breaks,
        }
      : null,
    damages,
    damages_truncated: damageCount > damages.length,
    taken_over: TAKEN_OVER,
    notes,
  };
}

function describe({ damageCount, damages, files, compared }: Verification): string {
  if (damageCount > 0) {
    const listed = damageCount > damages.length ? `, the first ${damages.length} are listed` : "";
    return `${formatNumberOf(damageCount, "damage")} found${listed}; restore what is named from a backup`;
  }
  if (!compared) return "nothing to verify yet";
  return (
    `whole: ${formatNumberOf(files, "archived file")} as recorded, ` +
    `${formatCount(compared.attempts)} sendings and ${formatNumberOf(compared.outcomes, "outcome")} follow from them`
  );
}
