/** `help`: a topic, or a command's own help. */
import { findNearest } from "../../domain/nearest.ts";
import { Problem } from "../../domain/problem.ts";
import { defineCommand, optional } from "../command.ts";
import { ExitStatus } from "../exit-status.ts";
import { HELP_TOPICS, helpOn } from "../help-topics.ts";
import { COMMANDS } from "../registry.ts";

export const command = defineCommand({
  arguments: { topic: optional("topic|command", `one of ${HELP_TOPICS.join(", ")}; or a command`) },
  options: {},
  about: "Topics are the contracts in short: what scripts and crontabs may rely on.",
  examples: ["help exit-statuses", "help submit"],
  exitStatuses: [0, 2],
  async run(context, { topic: wanted }) {
    if (wanted === undefined) return context.rescue(["--help"]);
    const topic = HELP_TOPICS.find((name) => name === wanted);
    if (topic !== undefined) {
      await context.speech.result(helpOn(topic));
      return ExitStatus.ok;
    }
    const commands = COMMANDS.map(({ name }) => name);
    if (commands.includes(wanted)) return context.rescue([wanted, "--help"]);
    const nearest = findNearest(wanted, [...HELP_TOPICS, ...commands]);
    throw new Problem("not_found", `there is no help on ${JSON.stringify(wanted)}`, {
      hint: nearest === undefined ? `Topics are: ${HELP_TOPICS.join(", ")}.` : `Did you mean ${nearest}?`,
    });
  },
});
