/** Reads an export whole, for tests: the sink collects everything. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { AcceptedPage } from "../../src/domain/accepted-page.ts";
import { COLUMNS } from "../../src/domain/columns.ts";
import { DAY_MS } from "../../src/domain/instant.ts";
import type { IntakePath } from "../../src/domain/intake-path.ts";
import type { ExportShape, Policy } from "../../src/domain/policy.ts";
import type { AcceptedRow } from "../../src/domain/rebill.ts";
import type { SkippedRow } from "../../src/domain/row-verdict.ts";
import { decodeCanonical } from "../../src/intake/canonical.ts";
import { type ExportSummary, type RejectedRow, readExport } from "../../src/intake/read-export.ts";

/** 01:00 in New York. */
export const NOW = Date.parse("2026-11-21T06:00:00Z");

export const POLICY: Policy = {
  timezone: "America/New_York",
  maxAgeDays: 1,
  rescueWindowMs: 21 * DAY_MS,
  minimumWindowMs: 14 * DAY_MS,
  maxRejectRatio: 0.2,
  maxAmountMinor: { USD: 500_000 },
  neverRetry: "skip",
  notCardNumbers: [],
};

export const SHAPE: ExportShape = { columns: {}, amountUnit: "major", declineCodeSource: "iso8583" };

export interface Overrides {
  readonly shape?: Partial<ExportShape>;
  readonly policy?: Partial<Policy>;
  readonly now?: number;
  readonly maxAgeDays?: number;
  readonly intakePath?: IntakePath;
}

export interface ReadExport extends ExportSummary {
  readonly acceptedRows: readonly AcceptedRow[];
  readonly skippedRows: readonly SkippedRow[];
  readonly rejectedRows: readonly RejectedRow[];
  /** `row line column code`, for one look. */
  readonly rejects: readonly string[];
}

export async function readAll(path: string, overrides: Overrides = {}): Promise<ReadExport> {
  const acceptedRows: AcceptedRow[] = [];
  const skippedRows: SkippedRow[] = [];
  const rejectedRows: RejectedRow[] = [];
  const options = {
    shape: { ...SHAPE, ...overrides.shape },
    policy: { ...POLICY, ...overrides.policy },
    now: overrides.now ?? NOW,
    intakePath: overrides.intakePath,
    ...(overrides.maxAgeDays === undefined ? {} : { maxAgeDays: overrides.maxAgeDays }),
  };
  const summary = await readExport(path, options, {
    accepted: async (page) => void acceptedRows.push(...decodePage(page)),
    skipped: async (rows) => void skippedRows.push(...rows),
    rejected: async (row) => void rejectedRows.push(row),
  });
  const rejects = rejectedRows.flatMap((row) =>
    row.problems.map(({ row, line, column, code }) => `${row} ${line} ${column || "-"} ${code}`),
  );
  return { ...summary, acceptedRows, skippedRows, rejectedRows, rejects };
}

/** Through the strict reader of the archive, so that every accepted row is held to canonical form too. */
export function decodePage(page: AcceptedPage): AcceptedRow[] {
  return decodeCanonical(page.rows, "a page").map((rebill, at) => ({ ...page.placeOf(at), rebill }));
}

export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-intake-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function writeExport(bytes: string | Uint8Array): Promise<string> {
  const path = join(await makeFolder(), "export.csv");
  await writeFile(path, bytes);
  return path;
}

export async function readText(bytes: string | Uint8Array, overrides: Overrides = {}): Promise<ReadExport> {
  return readAll(await writeExport(bytes), overrides);
}

const REQUIRED = COLUMNS.filter(({ required }) => required).map(({ name }) => name);

/** A row that is right, as cells by column. */
export function goodRow(n: number | string, cells: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    order_id: `R-${n}`,
    transaction_id: `txn_${n}`,
    subscription_id: `sub_${n}`,
    customer_id: `cus_${n}`,
    declined_at: "2026-11-20T22:15:00Z",
    amount: "19.99",
    currency: "USD",
    decline_code: "51",
    payment_token: `tok_${n}`,
    ...cells,
  };
}

/** A CSV file of such rows; its columns are the required ones and every other that a row names. */
export function toCsv(rows: readonly Readonly<Record<string, string>>[], delimiter = ",", newline = "\n"): string {
  const columns = [...new Set([...REQUIRED, ...rows.flatMap((row) => Object.keys(row))])];
  const quote = (cell: string): string => (/[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
  return lines.map((cells) => cells.map(quote).join(delimiter) + newline).join("");
}
