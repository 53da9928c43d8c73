/**
 * Every command by name. A literal map: what is not here does not exist, and nothing registers itself. A command's file
 * is imported when the command is called, so that `--version` pays for no SSH, schema or database library.
 */
import type { CommandDefinition } from "./command.ts";

/** Headings of `--help`, in this order. */
const COMMAND_GROUPS = ["Everyday", "Money", "Look", "Set up"] as const;

export interface CommandEntry {
  readonly name: string;
  readonly group: (typeof COMMAND_GROUPS)[number];
  /** One line, imperative, lower case. */
  readonly summary: string;
  load(): Promise<{ readonly command: CommandDefinition }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    group: "Everyday",
    summary: "do the whole night: recover, collect, reconcile, submit the inbox, report (what cron calls)",
    load: () => import("./commands/run.ts"),
  },
  {
    name: "watch",
    group: "Everyday",
    summary: "do the same whenever an export arrives, until a signal",
    load: () => import("./commands/watch.ts"),
  },
  {
    name: "validate",
    group: "Everyday",
    summary: "check exports without sending or recording anything",
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "submit",
    group: "Money",
    summary: "send exports to the provider, each rebill exactly once",
    load: () => import("./commands/submit.ts"),
  },
  {
    name: "collect",
    group: "Money",
    summary: "fetch the provider's result files",
    load: () => import("./commands/collect.ts"),
  },
  {
    name: "reconcile",
    group: "Money",
    summary: "apply result files to the ledger and list the breaks",
    load: () => import("./commands/reconcile.ts"),
  },
  {
    name: "settle",
    group: "Money",
    summary: "decide by hand what cannot be known, with a reason",
    load: () => import("./commands/settle.ts"),
  },
  {
    name: "report",
    group: "Look",
    summary: "show what was rescued and whether every cent is accounted for",
    load: () => import("./commands/report.ts"),
  },
  {
    name: "status",
    group: "Look",
    summary: "show what is unfinished, pending, uncertain or silent",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "explain",
    group: "Look",
    summary: "tell the whole story of one order",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "holds",
    group: "Look",
    summary: "list what your own biller must hold, may retry, or has been paid for",
    load: () => import("./commands/holds.ts"),
  },
  {
    name: "breaks",
    group: "Look",
    summary: "list what does not add up, with the next action for each",
    load: () => import("./commands/breaks.ts"),
  },
  {
    name: "verify",
    group: "Look",
    summary: "check that archive and ledger are whole, and that the one follows from the other",
    load: () => import("./commands/verify.ts"),
  },
  {
    name: "init",
    group: "Set up",
    summary: "make a key pair, a config and the list of what to send to the provider",
    load: () => import("./commands/init.ts"),
  },
  {
    name: "doctor",
    group: "Set up",
    summary: "check config, key, data folder, connection and remote folders; sends nothing",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "sandbox",
    group: "Set up",
    summary: "start a simulated provider to try things against",
    load: () => import("./commands/sandbox.ts"),
  },
  {
    name: "demo",
    group: "Set up",
    summary: "see several nights happen against the sandbox, from export to report",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "help",
    group: "Set up",
    summary: "explain a command, or one of: exit-statuses, json, config, cron, states",
    load: () => import("./commands/help.ts"),
  },
];
