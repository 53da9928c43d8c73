/**
 * An export's row is there while the export is read, so that its rebills are claimed along; what only its end tells is filled in then,
 * once, before the same transaction commits. From then on it is a fact as any other.
 */
export const begunExport = {
  version: 5,
  sql: `
DROP TRIGGER export_is_never_updated;
CREATE TRIGGER export_is_never_updated BEFORE UPDATE ON export WHEN old.sha256 <> '' OR new.sha256 = ''
BEGIN SELECT RAISE(ABORT, 'a fact in "export" is never changed'); END;
`,
};
