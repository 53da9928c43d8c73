/** Exports as they were taken. */
import type { ExportRecord } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";

interface ExportRow extends Omit<ExportRecord, "archived"> {
  readonly archivedBytes: number | null;
  readonly archivedSha256: string | null;
}

const EXPORT = `SELECT export_id AS exportId, export.sha256, name, rows, accepted, skipped, rejected,
  archive_path AS archivePath, max_age_days AS maxAgeDays, reason, at, recorded_at AS recordedAt,
  archived.size_bytes AS archivedBytes, archived.sha256 AS archivedSha256
  FROM export LEFT JOIN export_archived AS archived USING (export_id)`;

/** Inside the caller's read or write. */
export class ExportReader {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  bySha256(sha256: string): ExportRecord | undefined {
    const row = this.#statements.bySha256.get(sha256);
    return row && toExport(row);
  }

  byId(exportId: number): ExportRecord | undefined {
    const row = this.#statements.byId.get(exportId);
    return row && toExport(row);
  }

  all(): ExportRecord[] {
    return this.#statements.all.all().map(toExport);
  }
}

function toExport({ archivedBytes, archivedSha256, ...taken }: ExportRow): ExportRecord {
  if (archivedBytes === null || archivedSha256 === null) return taken;
  return { ...taken, archived: { sizeBytes: archivedBytes, sha256: archivedSha256 } };
}

function prepare(db: Database) {
  return lazily({
    // The same bytes may be taken again (with --max-age, after rows were stale): the last time counts.
    bySha256: () =>
      db.prepare<[string], ExportRow>(`${EXPORT} WHERE export.sha256 = ? ORDER BY export_id DESC LIMIT 1`),
    byId: () => db.prepare<[number], ExportRow>(`${EXPORT} WHERE export_id = ?`),
    all: () => db.prepare<[], ExportRow>(`${EXPORT} ORDER BY export_id`),
  });
}
