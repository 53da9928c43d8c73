/**
 * Rebills → the bytes of one batch file, as the profile says. Values are written as they were accepted: nothing is trimmed,
 * cut or made safe for spreadsheets, because a machine reads them and an altered id is another order's.
 */
import { stringify } from "csv-stringify/sync";
import { findColumn } from "../domain/columns.ts";
import { formatInstant } from "../domain/instant.ts";
import { formatMajor } from "../domain/money.ts";
import type { Rebill } from "../domain/rebill.ts";
import type { BatchColumn, Profile } from "./profile.ts";

/** Text of one file, to be written as UTF-8 in this order: the header, then the rows. */
export interface BatchEncoder {
  /** Empty where the profile has no header row. */
  header(): string;
  /** Throws an Error past the profile's row limit: batches are planned to it. */
  row(rebill: Rebill): string;
}

type CellWriter = (rebill: Rebill, sequence: number) => string;

/** One encoder per file: it counts the rows. */
export function createBatchEncoder(profile: Profile, { mid }: { readonly mid: string }): BatchEncoder {
  const { batch } = profile;
  const writers = batch.columns.map((column) => cellWriter(column, mid));
  const options = {
    delimiter: batch.delimiter,
    record_delimiter: batch.newline,
    // A lone carriage return in a value would end the row for many readers.
    quote_record_delimiter: true,
  };
  let rows = 0;
  return {
    header: () => (batch.header ? stringify([batch.columns.map((column) => column.name)], options) : ""),
    row(rebill) {
      rows += 1;
      if (rows > batch.maxRows) throw new Error(`a batch of ${profile.id} holds at most ${batch.maxRows} rows`);
      return stringify([writers.map((write) => write(rebill, rows))], options);
    },
  };
}

function cellWriter(column: BatchColumn, mid: string): CellWriter {
  const { from, as, constant } = column;
  if (column.sequence) return (_rebill, sequence) => String(sequence);
  if (column.mid) return () => mid;
  if (from === undefined) return () => constant ?? "";
  if (as === "minor_units") return (rebill) => String(rebill.amountMinor);
  if (as === "major_units") return (rebill) => formatMajor(rebill.amountMinor, rebill.currency);
  const property = findColumn(from)?.property as keyof Rebill;
  const cell = (rebill: Rebill): string | number | undefined => rebill[property];
  if (as === "instant") {
    return (rebill) => {
      const instant = cell(rebill);
      return instant === undefined ? "" : formatInstant(Number(instant));
    };
  }
  return (rebill) => String(cell(rebill) ?? "");
}
