/**
 * Attempts and outcomes name other rows, which must be there when their transaction commits; until now, when their statement ended. A statement of
 * many rows that may fail for that keeps a copy of every page it touches, to undo it alone: four kilobytes for each row that goes to a
 * place of its own, and half of the time of an export whose order ids come in no order. None of ours is undone alone.
 *
 * Nothing of a row changes, so the tables are not made anew: SQLite allows this edit of their definitions
 * (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes").
 */
const deferred = (table: string, parent: string): string => `
UPDATE sqlite_schema SET sql = replace(sql, 'REFERENCES ${parent}', 'REFERENCES ${parent} DEFERRABLE INITIALLY DEFERRED')
  WHERE type = 'table' AND name = '${table}';`;

export const deferredReferences = {
  version: 6,
  editsDefinitions: true,
  sql: `
PRAGMA writable_schema = ON;
${deferred("attempt", "export")}
${deferred("attempt", "batch")}
${deferred("outcome", "attempt")}
${deferred("outcome", "result_file")}
PRAGMA writable_schema = RESET;
`,
};
