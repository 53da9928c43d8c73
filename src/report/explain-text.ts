/** An order's story for a terminal: where it stands and what to do first, then how it came to that. */
import type { Placement } from "../domain/bucket.ts";
import type { ExplainedAttempt, Explanation, TimelineEvent } from "./explain.ts";
import { PLAIN, type Style, wrap } from "./layout.ts";
import { printable } from "./printable.ts";
import { formatMoment, formatMoney, formatWhen } from "./words.ts";

export function renderExplanationText(
  explanation: Explanation,
  { style = PLAIN }: { readonly style?: Style } = {},
): string {
  const { merchant, orderId, attempts, otherEvents, whatToDo } = explanation;
  const latest = attempts.at(-1);
  const answer = latest ? `is ${describePlacement(latest.placement)}` : "was never taken from any export";
  const lines = [
    ...wrap(printable(`${merchant}: order ${orderId} ${answer}`)).map((line) => style("heading", line)),
    ...whatToDo.flatMap(({ action, commands }) => [
      ...wrap(action, "  "),
      ...commands.map((command) => `    ${printable(command)}`),
    ]),
    ...attempts.flatMap((each) => attemptLines(each, style)),
    ...(otherEvents.length === 0 ? [] : ["", style("heading", "Also found"), ...otherEvents.flatMap(eventLines)]),
  ];
  return `${lines.join("\n")}\n`;
}

function describePlacement({ bucket, state, presumed, reason }: Placement): string {
  if (reason !== undefined) return `unaccounted (${reason.replace("_", " ")})`;
  if (bucket === "rescued" && state !== "rescued") return `rescued, then ${state.replace("_", " ")}`;
  return presumed ? `${bucket}, presumed from silence` : bucket;
}

function attemptLines({ attempt, batchName, placement, events }: ExplainedAttempt, style: Style): string[] {
  const code = `${attempt.declineCodeSource} ${attempt.declineCode}`.trim();
  const facts = [
    `${formatMoney(attempt.amountMinor, attempt.currency)}, declined ${formatWhen(attempt.declinedAt)} with ${code}, transaction ${attempt.transactionId}`,
    `subscription ${attempt.subscriptionId}, customer ${attempt.customerId}`,
    `in ${batchName || `batch ${attempt.batchId}`}, window until ${formatWhen(attempt.expiresAt)}`,
    ...(attempt.sessionKey === undefined ? [] : [`the provider's key for it: ${attempt.sessionKey}`]),
  ];
  return [
    "",
    style("heading", `Attempt ${attempt.attemptNumber}: ${describePlacement(placement)}`),
    ...facts.flatMap((fact) => wrap(printable(fact), "  ")),
    ...events.flatMap(eventLines),
  ];
}

/** The time in front, the words in a column beside it. */
function eventLines({ at, what }: TimelineEvent): string[] {
  const indent = " ".repeat(24);
  const [first = "", ...rest] = wrap(printable(what), indent);
  return [`  ${formatMoment(at)}${first.slice(22)}`, ...rest];
}
