/**
 * Which attempts learned which session key, by the key's number, in a table of its own: an index on the outcomes can only be
 * filled in their order, which is random for the keys, and a million random places cost more than the outcomes themselves.
 * Result files are found by their bytes.
 */
import { keyHash } from "../key-hash.ts";
import { refuseChange } from "./0001-facts.ts";

const TABLE = `
CREATE TABLE learned_key (
  key_hash INTEGER NOT NULL, attempt_id INTEGER NOT NULL, PRIMARY KEY (key_hash, attempt_id)
) STRICT, WITHOUT ROWID;
INSERT INTO learned_key (key_hash, attempt_id)
  SELECT DISTINCT key_hash(session_key) AS hash, attempt_id FROM outcome WHERE session_key <> '' ORDER BY hash, attempt_id;
DROP INDEX outcome_by_session_key;
CREATE INDEX result_file_by_sha256 ON result_file (sha256);
`;

export const learnedKeys = {
  version: 3,
  functions: { key_hash: (key: unknown) => keyHash(String(key)) },
  sql: TABLE + refuseChange("learned_key"),
};
