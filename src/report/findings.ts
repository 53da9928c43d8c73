/** The findings that are open now: what the ledger recorded and nobody settled, and the silence found just now. */
import type { BreakCode } from "../domain/break.ts";
import type { FoundBreak } from "../domain/reconcile.ts";
import { breakKey } from "../domain/silence.ts";

/** A break of the ledger, open or settled. */
export interface RecordedBreak extends FoundBreak {
  readonly breakId: number;
  readonly settled?: object | undefined;
}

/** Without a number it was found just now and is not recorded yet. */
export interface OpenFinding extends FoundBreak {
  readonly breakId?: number;
}

/** Anything that comes in pages, from a ledger or from a test. */
export type Pages<T> = AsyncIterable<readonly T[]> | Iterable<readonly T[]>;

/**
 * Derived silence that was recorded before counts once, or, if a person settled it, not at all: so `recorded` must hold
 * settled breaks too.
 */
export async function openFindings(
  recorded: readonly RecordedBreak[],
  derived: Pages<FoundBreak>,
): Promise<OpenFinding[]> {
  const known = new Set(recorded.map(breakKey));
  const open: OpenFinding[] = recorded.filter((found) => found.settled === undefined);
  for await (const page of derived) {
    for (const found of page) {
      if (known.has(breakKey(found))) continue;
      known.add(breakKey(found));
      open.push(found);
    }
  }
  return open;
}

/** How many of each, in the order of `codes`; a code without any is left out. */
export function countByCode(
  findings: readonly { readonly code: BreakCode }[],
  codes: readonly BreakCode[],
): Partial<Record<BreakCode, number>> {
  const counts = codes.map((code) => [code, findings.filter((found) => found.code === code).length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
