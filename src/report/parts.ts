/** The lines of the money table, in the order and the words in which every format shows them. */
import type { MoneyTotal } from "../domain/money.ts";
import type { CurrencyReport } from "./model.ts";

export interface Part {
  /** As in CSV and JSON. */
  readonly name: string;
  /** As people read it. */
  readonly label: string;
  readonly total: MoneyTotal;
  /** 0: the sum; 1: one of its parts; 2: contained in the part above it; `apart`: outside the sum. */
  readonly level: 0 | 1 | 2 | "apart";
}

export function partsOf(entry: CurrencyReport): Part[] {
  const part = (level: Part["level"], name: string, label: string, total: MoneyTotal): Part => ({
    level,
    name,
    label,
    total,
  });
  return [
    part(0, "submitted", "submitted", entry.submitted),
    part(1, "rescued", "rescued", entry.rescued),
    part(2, "refunded", "of it refunded", entry.refunded),
    part(2, "charged_back", "of it charged back", entry.chargedBack),
    part(1, "pending", "pending", entry.pending),
    part(1, "unrescued", "unrescued", entry.unrescued),
    part(2, "presumed_unrescued", "of it presumed, by silence", entry.presumed),
    part(1, "cancelled", "cancelled", entry.cancelled),
    part(1, "unaccounted", "unaccounted", entry.unaccounted),
    part("apart", "unsent", "besides: not sent yet", entry.unsent),
    part("apart", "released", "besides: never sent, yours again", entry.released),
  ];
}

/** For people: what is contained or stands apart is shown only where there is any. */
export function partsToShow(entry: CurrencyReport): Part[] {
  return partsOf(entry).filter((part) => part.level === 0 || part.level === 1 || part.total.count > 0);
}
