/** The first schema: append-only facts, and the few rows that may change (lock, counter, looks). */

/** Tables whose rows are facts: the database itself refuses to change or delete them. */
const FACTS = [
  "owner",
  "run",
  "run_end",
  "export",
  "batch",
  "batch_event",
  "batch_content",
  "attempt",
  "reclaim",
  "collection",
  "result_file",
  "result_file_applied",
  "outcome",
  "break",
  "break_settled",
];

const TABLES = `
-- Whose folder this is. The last row counts: a folder that was moved on purpose gets another one.
CREATE TABLE owner (
  owner_id INTEGER PRIMARY KEY, merchant TEXT NOT NULL, host TEXT NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;

-- Names the holder of lock.db; the lock itself is the kernel's.
CREATE TABLE lock (
  only INTEGER PRIMARY KEY CHECK (only = 1), token TEXT NOT NULL, pid INTEGER NOT NULL,
  process_started_at INTEGER NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL,
  since INTEGER NOT NULL, heartbeat_at INTEGER NOT NULL
) STRICT;

CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('batch_name', 0);

CREATE TABLE run (
  run_id INTEGER PRIMARY KEY, command TEXT NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE run_end (
  run_id INTEGER PRIMARY KEY REFERENCES run, exit_status INTEGER NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;

CREATE TABLE export (
  export_id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, name TEXT NOT NULL, rows INTEGER NOT NULL,
  accepted INTEGER NOT NULL, skipped INTEGER NOT NULL, rejected INTEGER NOT NULL, archive_path TEXT NOT NULL,
  max_age_days INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX export_by_sha256 ON export (sha256);

CREATE TABLE batch (batch_id INTEGER PRIMARY KEY, export_id INTEGER NOT NULL REFERENCES export) STRICT;
-- kind: a batch state, 'name_minted' or 'temporary_created'. The last state is the batch's state.
CREATE TABLE batch_event (
  event_id INTEGER PRIMARY KEY, batch_id INTEGER NOT NULL REFERENCES batch, kind TEXT NOT NULL, name TEXT NOT NULL,
  try INTEGER NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX batch_event_by_batch ON batch_event (batch_id, event_id);
CREATE UNIQUE INDEX batch_name ON batch_event (name) WHERE kind = 'name_minted';
CREATE UNIQUE INDEX batch_finished ON batch_event (batch_id) WHERE kind IN ('delivered', 'failed');
CREATE TABLE batch_content (
  batch_id INTEGER PRIMARY KEY REFERENCES batch, rows INTEGER NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
  totals TEXT NOT NULL, archive_path TEXT NOT NULL
) STRICT;

-- batch_id: the batch it was first claimed for. A later one stands in reclaim, and the highest nth counts.
CREATE TABLE attempt (
  attempt_id INTEGER PRIMARY KEY, order_id TEXT NOT NULL, transaction_id TEXT NOT NULL, attempt_number INTEGER NOT NULL,
  export_id INTEGER NOT NULL REFERENCES export, position INTEGER NOT NULL, row INTEGER NOT NULL, line INTEGER NOT NULL,
  subscription_id TEXT NOT NULL, customer_id TEXT NOT NULL, decline_code TEXT NOT NULL, decline_code_source TEXT NOT NULL,
  amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, declined_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  batch_id INTEGER NOT NULL REFERENCES batch
) STRICT;
CREATE UNIQUE INDEX attempt_by_order ON attempt (order_id, attempt_number);
CREATE INDEX attempt_by_transaction ON attempt (transaction_id);
CREATE INDEX attempt_by_subscription ON attempt (subscription_id);
CREATE INDEX attempt_by_batch ON attempt (batch_id, position);
CREATE TABLE reclaim (
  attempt_id INTEGER NOT NULL REFERENCES attempt, nth INTEGER NOT NULL, batch_id INTEGER NOT NULL REFERENCES batch,
  PRIMARY KEY (attempt_id, nth)
) STRICT, WITHOUT ROWID;
CREATE INDEX reclaim_by_batch ON reclaim (batch_id);

CREATE TABLE look (
  name TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, modified_at INTEGER NOT NULL, first_seen_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE collection (
  collection_id INTEGER PRIMARY KEY, found INTEGER NOT NULL, collected INTEGER NOT NULL, at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE result_file (
  result_file_id INTEGER PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, modified_at INTEGER NOT NULL,
  sha256 TEXT NOT NULL, archive_path TEXT NOT NULL, state TEXT NOT NULL, source TEXT NOT NULL, at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE result_file_applied (
  result_file_id INTEGER PRIMARY KEY REFERENCES result_file, rows INTEGER NOT NULL, applied INTEGER NOT NULL,
  repeated INTEGER NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;

-- Clustered by attempt, so that a page of attempts finds its outcomes side by side, in the order they were appended.
CREATE TABLE outcome (
  attempt_id INTEGER NOT NULL REFERENCES attempt, nth INTEGER NOT NULL, status TEXT NOT NULL, raw_status TEXT NOT NULL,
  amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, processed_at INTEGER, source TEXT NOT NULL,
  result_file_id INTEGER REFERENCES result_file, line INTEGER NOT NULL, response_code TEXT NOT NULL, message TEXT NOT NULL,
  session_key TEXT NOT NULL, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
  PRIMARY KEY (attempt_id, nth)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcome_by_session_key ON outcome (session_key) WHERE session_key <> '';

CREATE TABLE break (
  break_id INTEGER PRIMARY KEY, code TEXT NOT NULL, fingerprint TEXT NOT NULL, order_id TEXT NOT NULL, file TEXT NOT NULL,
  line INTEGER NOT NULL, message TEXT NOT NULL, attempt_id INTEGER REFERENCES attempt, batch_id INTEGER REFERENCES batch,
  at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX break_once ON break (code, fingerprint);
CREATE INDEX break_by_attempt ON break (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE TABLE break_settled (
  break_id INTEGER PRIMARY KEY REFERENCES break, reason TEXT NOT NULL, settled_as TEXT, at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;
`;

/** The database itself refuses to change or delete a row of this table. */
export const refuseChange = (table: string): string => `
CREATE TRIGGER ${table}_is_never_updated BEFORE UPDATE ON ${table}
BEGIN SELECT RAISE(ABORT, 'a fact in "${table}" is never changed'); END;
CREATE TRIGGER ${table}_is_never_deleted BEFORE DELETE ON ${table}
BEGIN SELECT RAISE(ABORT, 'a fact in "${table}" is never deleted'); END;
`;

/** A batch name's number is never given twice, so its counter only grows. */
const COUNTER_ONLY_GROWS = `
CREATE TRIGGER counter_only_grows BEFORE UPDATE ON counter WHEN new.name <> old.name OR new.value <= old.value
BEGIN SELECT RAISE(ABORT, 'a counter only grows'); END;
CREATE TRIGGER counter_is_never_deleted BEFORE DELETE ON counter
BEGIN SELECT RAISE(ABORT, 'a counter is never deleted'); END;
`;

export const facts = {
  version: 1,
  sql: TABLES + FACTS.map(refuseChange).join("") + COUNTER_ONLY_GROWS,
};
