/** What came back: looks at the outbound folder, result files, outcomes. */
import type { Instant } from "../../domain/instant.ts";
import type { AttemptRecord, NewResultFile, RemoteLook, ResultFileRecord, Stamp } from "../ledger.ts";
import type { AttemptReader } from "./attempt-reader.ts";
import { KeyTable } from "./key-table.ts";
import { lazily } from "./lazily.ts";
import { OutcomeWriter } from "./outcome-writer.ts";
import type { PackedAttempts, PackedIds, PackedKeys, PackedOutcomes, PackedResultBook } from "./packed-results.ts";
import { SentAttemptReader } from "./sent-attempts.ts";
import type { Session } from "./session.ts";

type Collection = Stamp & { readonly found: number; readonly collected: number };
type Applied = Stamp & { readonly rows: number; readonly applied: number; readonly repeated: number };

interface ResultFileRow extends NewResultFile {
  readonly resultFileId: number;
  readonly appliedRows: number | null;
  readonly applied: number | null;
  readonly repeated: number | null;
  readonly appliedAt: Instant | null;
  readonly appliedRecordedAt: Instant | null;
}

export class SqliteResultBook implements PackedResultBook {
  readonly #session: Session;
  readonly #attempts: AttemptReader;
  readonly #sent: SentAttemptReader;
  readonly #outcomes: OutcomeWriter;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session, attempts: AttemptReader) {
    this.#session = session;
    this.#attempts = attempts;
    const learned = new KeyTable(session, "learned_key");
    this.#sent = new SentAttemptReader(session.db, learned, (batchId) => attempts.stateOfBatch(batchId));
    this.#outcomes = new OutcomeWriter(session, learned);
    this.#statements = prepare(session);
  }

  recordLook(look: RemoteLook): Promise<void> {
    return this.#session.write(() => {
      this.#statements.putLook.run(look);
    });
  }

  looks(): Promise<(RemoteLook & { readonly firstSeenAt: Instant })[]> {
    return this.#session.read(() => this.#statements.looks.all());
  }

  recordCollection({ found, collected, at, recordedAt }: Collection): Promise<void> {
    return this.#session.write(() => {
      this.#statements.insertCollection.run(found, collected, at, recordedAt);
    });
  }

  collections(): Promise<Collection[]> {
    return this.#session.read(() => this.#statements.collections.all());
  }

  recordResultFile(file: NewResultFile): Promise<number> {
    return this.#session.write(() => Number(this.#statements.insertFile.run(file).lastInsertRowid));
  }

  async resultFiles(which: "all" | "waiting" = "all"): Promise<ResultFileRecord[]> {
    const rows = await this.#session.read(() => this.#statements[which].all());
    return rows.map(toResultFile);
  }

  findResultFile(sha256: string): Promise<ResultFileRecord | undefined> {
    return this.#session.read(() => {
      const row = this.#statements.bySha256.get(sha256);
      return row && toResultFile(row);
    });
  }

  markApplied(resultFileId: number, { rows, applied, repeated, at, recordedAt }: Applied): Promise<void> {
    return this.#session.write(() => {
      this.#statements.insertApplied.run(resultFileId, rows, applied, repeated, at, recordedAt);
    });
  }

  findAttemptsForResults(keys: {
    readonly orderIds: readonly string[];
    readonly sessionKeys: readonly string[];
  }): Promise<AttemptRecord[]> {
    return this.#session.read(() => {
      const ids = new Set<number>();
      for (const orderId of keys.orderIds) for (const id of this.#statements.idsByOrder.all(orderId)) ids.add(id);
      for (const id of this.#sent.idsOfSessionKeys(keys.sessionKeys)) ids.add(id);
      return this.#attempts.byIds([...ids]);
    });
  }

  findPackedIds(orderIds: string): Promise<PackedIds> {
    return this.#session.read(() => this.#sent.idsOfOrders(orderIds));
  }

  findPackedAttempts(keys: PackedKeys): Promise<PackedAttempts> {
    return this.#session.read(() => this.#sent.find(keys));
  }

  appendPacked(outcomes: readonly PackedOutcomes[]): Promise<void> {
    return this.#session.write(() => {
      for (const shared of outcomes) this.#outcomes.append(shared);
    });
  }
}

function toResultFile(row: ResultFileRow): ResultFileRecord {
  const { appliedRows, applied, repeated, appliedAt, appliedRecordedAt, ...file } = row;
  const isApplied =
    appliedRows !== null && applied !== null && repeated !== null && appliedAt !== null && appliedRecordedAt !== null;
  return {
    ...file,
    applied: isApplied
      ? { rows: appliedRows, applied, repeated, at: appliedAt, recordedAt: appliedRecordedAt }
      : undefined,
  };
}

function prepare({ db }: Session) {
  const files = `SELECT result_file_id AS resultFileId, name, size_bytes AS sizeBytes, modified_at AS modifiedAt, sha256,
    archive_path AS archivePath, state, source, file.at, file.recorded_at AS recordedAt, done.rows AS appliedRows,
    done.applied, done.repeated, done.at AS appliedAt, done.recorded_at AS appliedRecordedAt
    FROM result_file AS file LEFT JOIN result_file_applied AS done USING (result_file_id)`;
  return lazily({
    putLook: () =>
      db.prepare<[RemoteLook]>(
        `INSERT INTO look (name, size_bytes, modified_at, first_seen_at, seen_at)
       VALUES (@name, @sizeBytes, @modifiedAt, @seenAt, @seenAt)
       ON CONFLICT (name) DO UPDATE SET
         first_seen_at = iif(size_bytes = excluded.size_bytes AND modified_at = excluded.modified_at,
           first_seen_at, excluded.first_seen_at),
         size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, seen_at = excluded.seen_at`,
      ),
    looks: () =>
      db.prepare<[], RemoteLook & { firstSeenAt: Instant }>(
        `SELECT name, size_bytes AS sizeBytes, modified_at AS modifiedAt, first_seen_at AS firstSeenAt, seen_at AS seenAt
       FROM look ORDER BY name`,
      ),
    insertCollection: () =>
      db.prepare<[number, number, number, number]>(
        "INSERT INTO collection (found, collected, at, recorded_at) VALUES (?, ?, ?, ?)",
      ),
    collections: () =>
      db.prepare<[], Collection>(
        "SELECT found, collected, at, recorded_at AS recordedAt FROM collection ORDER BY collection_id",
      ),
    insertFile: () =>
      db.prepare<[NewResultFile]>(
        `INSERT INTO result_file (name, size_bytes, modified_at, sha256, archive_path, state, source, at, recorded_at)
       VALUES (@name, @sizeBytes, @modifiedAt, @sha256, @archivePath, @state, @source, @at, @recordedAt)`,
      ),
    all: () => db.prepare<[], ResultFileRow>(`${files} ORDER BY result_file_id`),
    waiting: () =>
      db.prepare<[], ResultFileRow>(
        `${files} WHERE done.result_file_id IS NULL AND state = 'collected' ORDER BY result_file_id`,
      ),
    bySha256: () => db.prepare<[string], ResultFileRow>(`${files} WHERE sha256 = ? ORDER BY result_file_id LIMIT 1`),
    insertApplied: () =>
      db.prepare<[number, number, number, number, number, number]>(
        `INSERT INTO result_file_applied (result_file_id, rows, applied, repeated, at, recorded_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
      ),
    idsByOrder: () => db.prepare<[string], number>("SELECT attempt_id FROM attempt WHERE order_id = ?").pluck(),
  });
}
