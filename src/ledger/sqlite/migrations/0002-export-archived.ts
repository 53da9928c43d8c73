/** What the archived rows of an export are, to the byte: `verify` can tell a flipped bit in them. Older exports have none. */
import { refuseChange } from "./0001-facts.ts";

const TABLE = `
CREATE TABLE export_archived (
  export_id INTEGER PRIMARY KEY REFERENCES export, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL
) STRICT;
`;

export const exportArchived = { version: 2, sql: TABLE + refuseChange("export_archived") };
