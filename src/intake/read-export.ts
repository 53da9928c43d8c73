/**
 * An export's bytes → accepted, skipped and rejected rows, in one pass with flat memory (but for what tells duplicates).
 * Rows that fail are data; what is wrong with the file as a whole is a Problem.
 */
import type { Instant } from "../domain/instant.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { ExportShape, Policy } from "../domain/policy.ts";
import { Problem } from "../domain/problem.ts";
import type { AcceptedRow } from "../domain/rebill.ts";
import type { RejectCode, SkipCode, SkippedRow } from "../domain/row-verdict.ts";
import { ExportFile } from "./export-file.ts";
import { type ExportHeader, readHeader } from "./header.ts";
import type { RowRules } from "./judge-row.ts";
import { parseRecords } from "./parse-records.ts";
import { type RecordPage, readRecords } from "./read-records.ts";
import type { FramedRecord } from "./record-framer.ts";
import { type RejectedRow, RowReader, type RowResult } from "./row-reader.ts";

export type { RejectedRow };

export interface ReadExportOptions {
  readonly shape: ExportShape;
  readonly policy: Policy;
  /** For freshness and windows. */
  readonly now: Instant;
  /** Instead of the policy's. */
  readonly maxAgeDays?: number;
}

/** Each call is awaited; rows come in the order of the file within each of the three. */
export interface ExportSink {
  /** About a thousand at a time, never none. */
  accepted(rows: readonly AcceptedRow[]): Promise<void>;
  skipped(rows: readonly SkippedRow[]): Promise<void>;
  rejected(row: RejectedRow): Promise<void>;
}

export interface ExportSummary {
  /** Of the file's own bytes. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** `accepted + skipped + rejected`; blank lines are no rows. */
  readonly rows: number;
  readonly accepted: number;
  readonly skipped: number;
  /** Rows; one row may have several problems. */
  readonly rejected: number;
  readonly skippedByCode: Readonly<Partial<Record<SkipCode, number>>>;
  /** Problems. */
  readonly rejectedByCode: Readonly<Partial<Record<RejectCode, number>>>;
  /** Of the accepted rows. */
  readonly totals: readonly MoneyTotal[];
  /** What a person may want to know, in sentences; nothing was refused for it. */
  readonly notes: readonly string[];
  /** Some cell held a card number: the file must not be kept. */
  readonly heldCardNumber: boolean;
}

/**
 * Problems: `export_unreadable`, `export_empty`, `columns_missing`, `columns_duplicate`, `cvv_column`; and
 * `export_changed`, which is found last: what the sink was given counts only once this has resolved.
 */
export async function readExport(path: string, options: ReadExportOptions, sink: ExportSink): Promise<ExportSummary> {
  const { shape, policy, now, maxAgeDays = policy.maxAgeDays } = options;
  const file = await ExportFile.open(path);
  const tally = new RowTally(sink);
  try {
    const notes = await readRows(file, path, { shape, policy, now, maxAgeDays }, tally);
    return { ...(await file.finish()), ...tally.summary(), ...notes };
  } finally {
    await file.close();
  }
}

async function readRows(
  file: ExportFile,
  path: string,
  rules: RowRules,
  tally: RowTally,
): Promise<Pick<ExportSummary, "notes" | "heldCardNumber">> {
  let reader: RowReader | undefined;
  let first: RecordPage | undefined;
  let isUnended = false;
  for await (const page of readRecords(file.chunks(), path)) {
    let records = page.records;
    const [header] = records;
    if (!header) continue;
    isUnended = records.at(-1)?.isUnended ?? false;
    if (!reader) {
      first = page;
      reader = new RowReader(readHeaderRecord(header, page, rules, path), rules);
      records = records.slice(1);
    }
    await tally.add(reader.read(records, page));
  }
  await tally.flush();
  if (!reader || !first) {
    throw new Problem("export_empty", `${path}: the file is empty; not even a header line is in it`, {
      hint: "Nothing was sent. An export without declines has its header and no rows: find out why this one has not.",
    });
  }
  const notes = [...noteForm(first, isUnended), ...reader.header.notes, ...reader.notes()];
  return { notes, heldCardNumber: reader.heldCardNumber };
}

function readHeaderRecord(record: FramedRecord, page: RecordPage, rules: RowRules, path: string): ExportHeader {
  const [cells] = record.damage ? [] : parseRecords([record.bytes.toString("utf8")], page.dialect);
  if (!cells) {
    throw new Problem("export_unreadable", `${path}: a quotation mark in the header line has no partner`, {
      hint: "Nothing of it was sent. Mend the header line of the export.",
    });
  }
  const { delimiter } = page.dialect;
  return readHeader(cells, rules.shape, { path, delimiter, hasByteOrderMark: page.encoding.markBytes > 0 });
}

/** What a spreadsheet does to a CSV file; all of it was understood. */
function noteForm({ encoding, dialect }: RecordPage, isUnended: boolean): string[] {
  const notes: string[] = [];
  if (encoding.name !== "UTF-8") notes.push(`the file is ${encoding.name}; it was read as such`);
  else if (encoding.markBytes > 0) notes.push("the file begins with a byte order mark, which was passed over");
  if (dialect.delimiter !== ",")
    notes.push(`columns are separated by ${dialect.delimiter === ";" ? "semicolons" : "tabs"}`);
  if (dialect.newline === "\r") notes.push("lines end with a lone carriage return, as old Macs wrote them");
  if (isUnended) notes.push("the last line has no line end; make sure that the export was written to its end");
  return notes;
}

const PAGE_ROWS = 1000;

/** Counts every row, and hands it on in pages. */
class RowTally {
  readonly #sink: ExportSink;
  readonly #totals = new MoneyTotals();
  readonly #skippedByCode: Partial<Record<SkipCode, number>> = {};
  readonly #rejectedByCode: Partial<Record<RejectCode, number>> = {};
  readonly #counts = { rows: 0, accepted: 0, skipped: 0, rejected: 0 };
  #accepted: AcceptedRow[] = [];
  #skipped: SkippedRow[] = [];

  constructor(sink: ExportSink) {
    this.#sink = sink;
  }

  async add(results: readonly RowResult[]): Promise<void> {
    for (const result of results) {
      this.#counts.rows += 1;
      if ("accepted" in result) this.#accept(result.accepted);
      else if ("skipped" in result) this.#skip(result.skipped);
      else await this.#reject(result.rejected);
      if (this.#accepted.length >= PAGE_ROWS || this.#skipped.length >= PAGE_ROWS) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const [accepted, skipped] = [this.#accepted, this.#skipped];
    this.#accepted = [];
    this.#skipped = [];
    if (accepted.length > 0) await this.#sink.accepted(accepted);
    if (skipped.length > 0) await this.#sink.skipped(skipped);
  }

  summary(): Omit<ExportSummary, "sha256" | "sizeBytes" | "notes" | "heldCardNumber"> {
    return {
      ...this.#counts,
      skippedByCode: this.#skippedByCode,
      rejectedByCode: this.#rejectedByCode,
      totals: this.#totals.toArray(),
    };
  }

  #accept(row: AcceptedRow): void {
    this.#counts.accepted += 1;
    this.#totals.add(row.rebill.currency, row.rebill.amountMinor);
    this.#accepted.push(row);
  }

  #skip(row: SkippedRow): void {
    this.#counts.skipped += 1;
    this.#skippedByCode[row.code] = (this.#skippedByCode[row.code] ?? 0) + 1;
    this.#skipped.push(row);
  }

  async #reject(row: RejectedRow): Promise<void> {
    this.#counts.rejected += 1;
    for (const { code } of row.problems) this.#rejectedByCode[code] = (this.#rejectedByCode[code] ?? 0) + 1;
    await this.#sink.rejected(row);
  }
}
