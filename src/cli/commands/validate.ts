/** `validate FILE…`: what would be accepted, skipped and rejected, and why. Sends and records nothing. */
import { resolve } from "node:path";
import type { MerchantConfig } from "../../config/config.ts";
import type { SentBefore } from "../../pipeline/screen-export.ts";
import { type ValidatedFile, validateExport } from "../../pipeline/validate.ts";
import { loadProfile } from "../../profiles/load.ts";
import { formatNumberOf, formatTotals } from "../../report/words.ts";
import { defineCommand, flag, option, readDays, several } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { validationDocument } from "../documents.ts";
import { ExitStatus } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { linesOf } from "../output.ts";
import { statusOfValidation } from "../statuses.ts";
import { policyFor, readIntakePath, withLedger } from "../wiring.ts";

/** All are counted, and all are in the JSON document up to its limit. */
const SHOWN_PROBLEMS = 20;

export const command = defineCommand({
  arguments: { files: several("file", "exports to check") },
  options: {
    againstLedger: flag("--against-ledger", "also skip what was sent before"),
    maxAge: option("--max-age <days>", "how old a decline may be, such as 3d (default: the policy's)", readDays),
  },
  about: "Every problem of every row is reported in one pass. Needs no network, and no ledger unless asked.",
  examples: ["validate inbox/rebills.csv", "validate --against-ledger --json rebills.csv"],
  exitStatuses: [ExitStatus.ok, ExitStatus.usage, ExitStatus.needsAttention],
  run: (context, { files }, { againstLedger, maxAge }) =>
    forEachMerchant(context, "one", async (merchant, config) => {
      const paths = files.map((file) => resolve(context.io.cwd, file));
      const checked = againstLedger
        ? await withLedger(context, config, merchant, ({ ledger, profile }) =>
            checkFiles(context, merchant, paths, maxAge, {
              ledger,
              window: profile.window,
              stamp: { at: context.clock.now(), recordedAt: context.clock.wall() },
            }),
          )
        : await checkFiles(context, merchant, paths, maxAge);
      const exitStatus = statusOfValidation(checked);
      const text = checked.map(describeFile).join("");
      // Nothing wrong is nothing to say under --quiet.
      const words = exitStatus === ExitStatus.ok ? { details: text } : { result: text };
      return { exitStatus, type: "validation", document: validationDocument(checked), ...words };
    }),
});

async function checkFiles(
  context: CommandContext,
  merchant: MerchantConfig,
  files: readonly string[],
  maxAge: number | undefined,
  sentBefore?: SentBefore,
): Promise<ValidatedFile[]> {
  const { exportShape: shape } = merchant;
  const policy = policyFor(merchant, await loadProfile(merchant.provider));
  const maxAgeDays = maxAge ?? policy.maxAgeDays;
  const intakePath = readIntakePath(context.io.env);
  const now = context.clock.now();
  const checked: ValidatedFile[] = [];
  for (const file of files) {
    checked.push(await validateExport(file, { shape, policy, maxAgeDays, now, intakePath }, sentBefore));
  }
  return checked;
}

function describeFile({ file, problem, screening, problems, problemsTruncated }: ValidatedFile): string {
  const lines: string[] = [];
  if (screening) {
    const { accepted, skipped, rejected, rows, totals } = screening;
    const money = totals.length === 0 ? "" : ` (${formatTotals(totals)})`;
    lines.push(
      `${file}: ${formatNumberOf(rows, "row")}, ${accepted} accepted${money}, ${skipped} skipped, ${rejected} rejected`,
    );
    lines.push(...screening.notes.map((note) => `  note: ${note}`));
    lines.push(...screening.skippedRows.map((row) => `  line ${row.line}: ${row.code}: ${row.message}`));
  }
  for (const { line, column, code, message } of problems.slice(0, SHOWN_PROBLEMS)) {
    lines.push(`  line ${line}${column === "" ? "" : `, ${column}`}: ${code}: ${message}`);
  }
  if (problems.length > SHOWN_PROBLEMS || problemsTruncated) lines.push("  … more: --json lists up to 1000");
  if (problem) lines.push(`  ${problem.message}`, `  ${problem.hint}`);
  return linesOf(lines);
}
