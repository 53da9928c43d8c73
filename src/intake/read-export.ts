/**
 * An export's bytes → accepted, skipped and rejected rows, in one pass with flat memory (but for what tells duplicates).
 * Rows that fail are data; what is wrong with the file as a whole is a Problem.
 */
import type { Instant } from "../domain/instant.ts";
import type { IntakePath } from "../domain/intake-path.ts";
import type { ExportShape, Policy } from "../domain/policy.ts";
import { Problem } from "../domain/problem.ts";
import { SeenIds } from "./duplicates.ts";
import { ExportFile } from "./export-file.ts";
import { type ScanJob, scanExport } from "./fast/export-scanner.ts";
import { type ExportHeader, readHeader } from "./header.ts";
import { parseRecords } from "./parse-records.ts";
import { type OpenedRecords, openRecords, readRecords } from "./read-records.ts";
import { type RejectedRow, RowReader } from "./row-reader.ts";
import { type ExportSink, type RowCounts, RowTally } from "./row-tally.ts";

export type { ExportSink, RejectedRow };

export interface ReadExportOptions {
  readonly shape: ExportShape;
  readonly policy: Policy;
  /** For freshness and windows. */
  readonly now: Instant;
  /** Instead of the policy's. */
  readonly maxAgeDays?: number;
  readonly intakePath?: IntakePath | undefined;
}

export interface ExportSummary extends RowCounts {
  /** Of the file's own bytes. */
  readonly sha256: string;
  readonly sizeBytes: number;
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
  const file = await ExportFile.open(path);
  const tally = new RowTally(sink);
  try {
    const notes = await readRows(file, path, options, tally);
    return { ...(await file.finish()), ...tally.summary(), ...notes };
  } finally {
    await file.close();
  }
}

async function readRows(
  file: ExportFile,
  path: string,
  { shape, policy, now, maxAgeDays = policy.maxAgeDays, intakePath = "auto" }: ReadExportOptions,
  tally: RowTally,
): Promise<Pick<ExportSummary, "notes" | "heldCardNumber">> {
  const records = await openRecords(file.chunks(), path);
  if (!records) {
    throw new Problem("export_empty", `${path}: the file is empty; not even a header line is in it`, {
      hint: "Nothing was sent. An export without declines has its header and no rows: find out why this one has not.",
    });
  }
  const rules = { shape, policy, now, maxAgeDays };
  const header = readHeaderRecord(records, shape, path);
  const seen = new SeenIds();
  const reader = new RowReader(header, rules, records.dialect, seen);
  const isUnended = await readAll({ records, reader, rules, seen, tally, intakePath, totalBytes: file.totalBytes });
  const notes = [...noteForm(records, isUnended), ...header.notes, ...reader.notes()];
  return { notes, heldCardNumber: reader.heldCardNumber };
}

/** Every row behind the header, the way that was asked for. True: the file ends without a line end. */
export async function readAll(job: ScanJob): Promise<boolean> {
  const { records, reader, tally, intakePath } = job;
  // Old Macs' line ends and mended rejects files are rare, and only the truth knows them.
  const isPlainForm = records.dialect.newline === "\n" && !reader.header.isRejectsFile;
  const isTruth = intakePath === "truth" || !isPlainForm;
  const isUnended = isTruth ? await readEvery(records, reader, tally) : await scanExport(job);
  await tally.flush();
  return isUnended;
}

/** The truth reads every record. True: the file ends without a line end. */
async function readEvery(records: OpenedRecords, reader: RowReader, tally: RowTally): Promise<boolean> {
  let isUnended = records.header.isUnended;
  for await (const page of readRecords(records)) {
    for (const result of reader.read(page)) await tally.add(result);
    isUnended = page.at(-1)?.isUnended ?? isUnended;
  }
  return isUnended;
}

function readHeaderRecord(
  { header, dialect, encoding }: OpenedRecords,
  shape: ExportShape,
  path: string,
): ExportHeader {
  const [cells] = header.damage ? [] : parseRecords([header.bytes.toString("utf8")], dialect);
  if (!cells) {
    throw new Problem("export_unreadable", `${path}: a quotation mark in the header line has no partner`, {
      hint: "Nothing of it was sent. Mend the header line of the export.",
    });
  }
  const { delimiter } = dialect;
  return readHeader(cells, shape, { path, delimiter, hasByteOrderMark: encoding.markBytes > 0 });
}

/** What a spreadsheet does to a CSV file; all of it was understood. */
function noteForm({ encoding, dialect }: OpenedRecords, isUnended: boolean): string[] {
  const notes: string[] = [];
  if (encoding.name !== "UTF-8") notes.push(`the file is ${encoding.name}; it was read as such`);
  else if (encoding.markBytes > 0) notes.push("the file begins with a byte order mark, which was passed over");
  if (dialect.delimiter !== ",")
    notes.push(`columns are separated by ${dialect.delimiter === ";" ? "semicolons" : "tabs"}`);
  if (dialect.newline === "\r") notes.push("lines end with a lone carriage return, as old Macs wrote them");
  if (isUnended) notes.push("the last line has no line end; make sure that the export was written to its end");
  return notes;
}
