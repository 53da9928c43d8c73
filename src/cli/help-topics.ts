/** What `rescue help TOPIC` says: the contracts in short, from the same constants the program obeys. */
import { BATCH_STATES } from "../domain/batch.ts";
import { BREAK_CODES, NEXT_ACTION } from "../domain/break.ts";
import { OUTCOME_STATUSES } from "../domain/outcome.ts";
import { REJECT_CODES, SKIP_CODES } from "../domain/row-verdict.ts";
import { EXIT_STATUS_MEANINGS } from "./exit-status.ts";

export const HELP_TOPICS = ["exit-statuses", "json", "config", "cron", "states"] as const;
export type HelpTopic = (typeof HELP_TOPICS)[number];

export function helpOn(topic: HelpTopic): string {
  return TOPICS[topic]();
}

const TOPICS: Readonly<Record<HelpTopic, () => string>> = {
  "exit-statuses": exitStatuses,
  json: () => JSON_TOPIC,
  config: () => CONFIG_TOPIC,
  cron: () => CRON_TOPIC,
  states,
};

function exitStatuses(): string {
  const lines = Object.entries(EXIT_STATUS_MEANINGS).map(
    ([status, { name, meaning }]) => `  ${status.padStart(3)}  ${name.padEnd(16)} ${meaning}`,
  );
  return [
    "Exit statuses are never renumbered. Treat one you do not know as 1.",
    "",
    ...lines,
    "",
    "Several at once: 13 > 11 > 10 > 12 > 1 > 2 > 130 > 4 > 3 > 0, the worst over all merchants.",
    "Safe to run again by itself: 4, 10, 12, 130. Needs a person: 1, 2, 3, 11, 13.",
    "",
  ].join("\n");
}

function states(): string {
  const listed = (words: readonly string[], indent = "  ") => `${indent}${words.join(", ")}`;
  return [
    "A batch is one file for the provider. Its states, in order; each is recorded before the act it allows:",
    listed(BATCH_STATES),
    "`uncertain` means that nobody can prove whether it arrived: look, then `rescue settle`. It is never sent again blindly.",
    "",
    "A rebill is what its outcomes say:",
    listed(OUTCOME_STATUSES),
    "",
    "A row of an export is accepted, skipped or rejected.",
    "Skipped, because there is nothing to send:",
    listed(SKIP_CODES),
    "Rejected, because something is wrong with it:",
    listed(REJECT_CODES.slice(0, 8)),
    listed(REJECT_CODES.slice(8)),
    "",
    "Breaks, and what to do about each:",
    ...BREAK_CODES.map((code) => `  ${code.padEnd(21)} ${NEXT_ACTION[code]}`),
    "",
  ].join("\n");
}

const JSON_TOPIC = `--json prints one JSON document per merchant, each on one line, to stdout. Fields are only ever added: ignore those
you do not know. Every document has:

  type         what it is: validation, submission, collection, reconciliation, report, run, …
  schema       1
  merchant     the merchant's id in the config
  exit_status  of this merchant; the process ends with the worst of them

Money is {"currency":"USD","count":12,"amount_minor":"23988"}: minor units, as a string, so that no reader makes a float
of it. A failure is one line on stderr:

  {"type":"error","schema":1,"merchant":"acme","code":"locked","message":"…","hint":"…","exit_status":12}

with merchant null where it is nobody's in particular. Branch on code and exit_status, never on message.
`;

const CONFIG_TOPIC = `The config is rescue.yaml in the working folder, or what -c or RESCUE_CONFIG names. It is strict: an unknown key is an
error that names the nearest one, and all mistakes are told at once with path and line.

  Paths      relative to the config file
  Secrets    \${NAME} takes a value from the environment; never in a flag, never printed
  Precedence flag, environment, file, default
  Durations  500ms, 20s, 5m, 2h, 21d
  Variables  RESCUE_CONFIG, RESCUE_MERCHANT, RESCUE_DEADLINE, RESCUE_COLOR for the flags, RESCUE_DATA_DIR for data_dir;
             RESCUE_HOST names this machine where its host name changes, as in containers;
             RESCUE_INTAKE=truth reads exports and writes batches without the fast path, for comparison (also one_thread,
             workers, auto)
  Host key   host_key: "SHA256:…" pins the server's key; without a pin or known_hosts nothing is ever connected to

config.example.yaml shows every key. \`rescue init\` writes a first one; \`rescue doctor --show-config\` shows what is in
force, without secrets.
`;

const CRON_TOPIC = `One line does the whole night; run it as often as you like, because nothing is sent twice:

  MAILTO=billing-ops@example.com
  PATH=/usr/local/bin:/usr/bin:/bin
  15 1,9,17 * * *  cd /srv/rescue && rescue run -q

-q says nothing on success, so that a mail from cron means something. No flock is needed: each merchant has a lock, and a
second run ends with 12. A run without --deadline stops after 1h. Several runs a day collect results sooner and finish
what was interrupted. For what each exit status asks of you: rescue help exit-statuses.
`;
