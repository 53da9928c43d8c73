/** `doctor`: is everything there that a night needs? Looks at it all, sends nothing. */
import { randomBytes } from "node:crypto";
import { redactConfig } from "../../config/redact.ts";
import type { Style } from "../../report/layout.ts";
import { printable } from "../../report/printable.ts";
import { formatNumberOf } from "../../report/words.ts";
import { defineCommand, flag } from "../command.ts";
import type { Check, CheckStatus } from "../doctor/check.ts";
import { checkHere } from "../doctor/local-checks.ts";
import { checkServer } from "../doctor/remote-checks.ts";
import { ExitStatus, worst } from "../exit-status.ts";
import { forEachMerchant } from "../merchants.ts";
import { jsonLine, jsonPage } from "../output.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    showConfig: flag("--show-config", "print the config in force instead, without secrets"),
    write: flag("--write", "also try a rename in the inbound folder, with an empty file that is removed again"),
  },
  about:
    "Checks config, key, data folder, inbox, time zone and profile here; name, host key, login and folders there. Each line\n" +
    "is ok, warn or fail, with the next step. Exits as a run would; warnings alone are 0.",
  examples: ["doctor", "doctor --merchant acme --write", "doctor --show-config"],
  exitStatuses: [0, 1, 2, 10, 11],
  async run(context, _args, { showConfig, write }) {
    if (showConfig) {
      const config = redactConfig(await context.loadConfig());
      await context.speech.result(context.options.json ? jsonLine(config) : jsonPage(config));
      return ExitStatus.ok;
    }
    return forEachMerchant(context, "all", async (merchant, config) => {
      context.speech.progress(`${merchant.id}: looking`);
      const here = await checkHere(context, config, merchant);
      const there = await checkServer(context, merchant, { write, uniqueId: randomBytes(4).toString("hex") });
      const checks = [...here, ...there];
      return {
        exitStatus: worst(checks.map(({ exitStatus }) => exitStatus)),
        type: "doctor",
        document: { checks: checks.map(({ name, status, message, next }) => ({ name, status, message, next })) },
        // Under --quiet only what is not in order is worth a line.
        rendered: renderChecks(
          checks.filter((check) => !context.options.quiet || check.status !== "ok"),
          context.speech.style,
        ),
        verdict: describeChecks(checks),
      };
    });
  },
});

const ROLES = { ok: "good", warn: "heading", fail: "bad" } as const;

function renderChecks(checks: readonly Check[], style: Style): string {
  return checks
    .flatMap(({ name, status, message, next }) => [
      `${style(ROLES[status], status.padEnd(4))}  ${name.padEnd(12)}  ${printable(message)}`,
      ...(next === "" ? [] : [`${" ".repeat(20)}next: ${printable(next)}`]),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

function describeChecks(checks: readonly Check[]): string {
  const count = (wanted: CheckStatus) => checks.filter(({ status }) => status === wanted).length;
  const [warnings, failures] = [count("warn"), count("fail")];
  if (failures > 0) return `${formatNumberOf(failures, "check")} of ${checks.length} failed; nothing was sent`;
  const words = warnings === 0 ? "all well" : `no failure, ${formatNumberOf(warnings, "warning")}`;
  return `${formatNumberOf(checks.length, "check")}: ${words}; nothing was sent`;
}
