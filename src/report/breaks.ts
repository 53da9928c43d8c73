/** What was found and is open, what is new among it, and what a person settled: each with what to do and what to type. */
import { BREAK_CODES, type BreakCode, NEXT_ACTION } from "../domain/break.ts";
import { formatInstant, type Instant } from "../domain/instant.ts";
import type { OutcomeStatus, RebillState } from "../domain/outcome.ts";
import type { FoundBreak } from "../domain/reconcile.ts";
import { countByCode, type OpenFinding, openFindings, type Pages } from "./findings.ts";
import { PLAIN, type Style, wrap } from "./layout.ts";
import { printable } from "./printable.ts";
import { settleCommands } from "./settle-commands.ts";
import { formatNumberOf, formatWhen } from "./words.ts";

export interface BreakSettlement {
  readonly recordedAt: Instant;
  readonly reason: string;
  readonly as: OutcomeStatus | undefined;
}

export interface ListedBreak extends FoundBreak {
  readonly breakId: number;
  /** Wall clock of its finding. */
  readonly recordedAt: Instant;
  readonly settled: BreakSettlement | undefined;
}

export interface BreaksInput {
  readonly merchant: string;
  /** All breaks of the ledger, oldest first. */
  readonly breaks: readonly ListedBreak[];
  /** From `findSilence`; what the ledger does not know yet is new and has no number. */
  readonly derived: Pages<FoundBreak>;
  /** Batches by number: a batch is settled by its name. */
  readonly batchNames: ReadonlyMap<number, string>;
  /** By attempt, of the rebills that breaks are about; missing: nothing came for it yet. */
  readonly states?: ReadonlyMap<number, RebillState>;
  /** Found at or after this wall-clock instant is new: the start of the last run. Undefined: all are. */
  readonly newSince: Instant | undefined;
}

export interface OpenBreak extends OpenFinding {
  readonly isNew: boolean;
  readonly recordedAt?: Instant;
  readonly nextAction: string;
  /** What to type, one for each answer. Empty until the finding is recorded, by the next `reconcile`. */
  readonly settleCommands: readonly string[];
}

export interface BreakList {
  readonly merchant: string;
  /** New ones first, each part oldest first. */
  readonly open: readonly OpenBreak[];
  /** Newest first. */
  readonly settled: readonly (ListedBreak & { readonly settled: BreakSettlement })[];
  readonly byCode: Readonly<Partial<Record<BreakCode, number>>>;
}

export async function listBreaks(input: BreaksInput): Promise<BreakList> {
  const recordedAt = new Map(input.breaks.map((found) => [found.breakId, found.recordedAt]));
  const findings = await openFindings(input.breaks, input.derived);
  const open = findings.map((found): OpenBreak => {
    const since = found.breakId === undefined ? undefined : recordedAt.get(found.breakId);
    return {
      ...found,
      isNew: since === undefined || since >= (input.newSince ?? Number.NEGATIVE_INFINITY),
      ...(since === undefined ? {} : { recordedAt: since }),
      nextAction: NEXT_ACTION[found.code],
      settleCommands: settleCommands(found, input.merchant, input.batchNames, input.states?.get(found.attemptId ?? 0)),
    };
  });
  const isSettled = (found: ListedBreak): found is BreakList["settled"][number] => found.settled !== undefined;
  return {
    merchant: input.merchant,
    open: [...open.filter((found) => found.isNew), ...open.filter((found) => !found.isNew)],
    settled: input.breaks.filter(isSettled).toReversed(),
    byCode: countByCode(open, BREAK_CODES),
  };
}

/** Everything but the envelope. */
export function breaksDocument(list: BreakList) {
  return {
    breaks_by_code: list.byCode,
    open: list.open.map((found) => ({
      ...findingDocument(found),
      new: found.isNew,
      found_at: found.recordedAt === undefined ? null : formatInstant(found.recordedAt),
      next_action: found.nextAction,
      settle_commands: found.settleCommands,
    })),
    settled: list.settled.map((found) => ({
      ...findingDocument(found),
      found_at: formatInstant(found.recordedAt),
      settled_at: formatInstant(found.settled.recordedAt),
      settled_as: found.settled.as ?? null,
      reason: found.settled.reason,
    })),
  };
}

function findingDocument({ breakId, code, orderId, file, line, message }: OpenFinding) {
  return { break_id: breakId ?? null, code, order_id: orderId, file, line, message };
}

export function renderBreaksText(list: BreakList, { style = PLAIN }: { readonly style?: Style } = {}): string {
  const fresh = list.open.filter((found) => found.isNew);
  const older = list.open.filter((found) => !found.isNew);
  const answer =
    list.open.length === 0
      ? style("good", "No break is open.")
      : style("bad", `${formatNumberOf(list.open.length, "break")} open, ${fresh.length} of them new.`);
  const lines = [
    style("heading", `${printable(list.merchant)}: breaks`),
    "",
    answer,
    ...section("New", fresh, style),
    ...section("Open", older, style),
    ...settledLines(list, style),
  ];
  return `${lines.join("\n")}\n`;
}

function section(title: string, findings: readonly OpenBreak[], style: Style): string[] {
  if (findings.length === 0) return [];
  return ["", style("heading", title), ...findings.flatMap(openLines)];
}

function openLines(found: OpenBreak): string[] {
  const since = found.recordedAt === undefined ? "found just now" : `found ${formatWhen(found.recordedAt)}`;
  const settle =
    found.settleCommands.length === 0 ? ["`rescue reconcile` gives it a number to settle"] : found.settleCommands;
  return [
    ...headLines(found, since),
    ...wrap(found.nextAction, "      "),
    ...settle.map((command) => `        ${printable(command)}`),
  ];
}

function headLines(found: OpenFinding, when: string): string[] {
  const number = found.breakId === undefined ? "-" : String(found.breakId);
  const order = found.orderId === "" ? "" : `, order ${found.orderId}`;
  const place = found.file === "" ? "" : `${found.file}:${found.line}, `;
  return [
    "",
    ...wrap(printable(`${number}  ${found.code}${order}`), "  "),
    ...wrap(printable(found.message), "      "),
    ...wrap(printable(`${place}${when}`), "      "),
  ];
}

function settledLines({ settled }: BreakList, style: Style): string[] {
  if (settled.length === 0) return [];
  const items = settled.flatMap((found) => {
    const as = found.settled.as === undefined ? "" : ` as ${found.settled.as}`;
    const how = `settled${as} ${formatWhen(found.settled.recordedAt)}: ${found.settled.reason}`;
    return [...headLines(found, `found ${formatWhen(found.recordedAt)}`), ...wrap(printable(how), "      ")];
  });
  return ["", style("heading", "Settled"), ...items];
}
