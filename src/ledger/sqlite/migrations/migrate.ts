/**
 * Brings a ledger to the schema this program knows, step by step. The steps are TypeScript, so that the package needs no
 * file at run time; a step that was released is never edited.
 */
import type { Database } from "better-sqlite3";
import { Problem } from "../../../domain/problem.ts";
import { facts } from "./0001-facts.ts";
import { exportArchived } from "./0002-export-archived.ts";
import { learnedKeys } from "./0003-learned-keys.ts";
import { claimedKeys } from "./0004-claimed-keys.ts";
import { begunExport } from "./0005-begun-export.ts";
import { deferredReferences } from "./0006-deferred-references.ts";

export interface Migration {
  /** 1, 2, 3, … */
  readonly version: number;
  readonly sql: string;
  /** What its SQL calls. */
  readonly functions?: Readonly<Record<string, (value: unknown) => number>>;
  /** It changes what SQLite otherwise lets nobody write. */
  readonly editsDefinitions?: boolean;
}

export const MIGRATIONS: readonly Migration[] = [
  facts,
  exportArchived,
  learnedKeys,
  claimedKeys,
  begunExport,
  deferredReferences,
];

/**
 * Each missing step and its row are committed together, so a step is never half applied nor applied twice.
 * Problem `ledger_newer` if a newer program has been here, `ledger_damaged` if the file is another program's database;
 * nothing is changed then. Resolves with the schema's version.
 */
export function migrate(db: Database, recordedAt: number, migrations: readonly Migration[] = MIGRATIONS): number {
  const newest = migrations.at(-1)?.version ?? 0;
  if (schemaVersion(db) === newest) return newest;
  // Asked again inside: two starters may both have seen the old version.
  db.transaction(() => {
    const version = schemaVersion(db);
    if (version > newest) throw newerThanProgram(db.name, version, newest);
    if (version === 0) createMigrationTable(db);
    for (const migration of migrations.filter((step) => step.version > version)) {
      for (const [name, work] of Object.entries(migration.functions ?? {}))
        db.function(name, { deterministic: true }, work);
      carryOut(db, migration);
      db.prepare("INSERT INTO migration (version, recorded_at) VALUES (?, ?)").run(migration.version, recordedAt);
    }
  }).immediate();
  return newest;
}

function carryOut(db: Database, { sql, editsDefinitions = false }: Migration): void {
  db.unsafeMode(editsDefinitions);
  try {
    db.exec(sql);
  } finally {
    db.unsafeMode(false);
  }
}

/** An older program has filled it, and this one would bring it to its own schema. */
export function isOlder(db: Database): boolean {
  const version = schemaVersion(db);
  return version > 0 && version < (MIGRATIONS.at(-1)?.version ?? 0);
}

/** 0: an empty database. */
export function schemaVersion(db: Database): number {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  if (tables.length === 0) return 0;
  if (!tables.includes("migration")) {
    throw new Problem("ledger_damaged", `${db.name} is a database, but not a ledger of rescue`, {
      hint: "Nothing was changed. Move that file away, or correct data_dir.",
    });
  }
  return db.prepare("SELECT coalesce(max(version), 0) FROM migration").pluck().get() as number;
}

function createMigrationTable(db: Database): void {
  db.exec("CREATE TABLE migration (version INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL) STRICT");
}

function newerThanProgram(path: string, version: number, newest: number): Problem {
  return new Problem(
    "ledger_newer",
    `${path} was written by a newer rescue (schema ${version}); this one knows schemas up to ${newest}`,
    { hint: "Nothing was changed. Install the newer version again, or restore a backup made before the upgrade." },
  );
}
