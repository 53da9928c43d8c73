/** Batches: their events, names and bytes. A batch's state is its last event; nothing is overwritten. */
import {
  BATCH_STATES,
  type BatchContent,
  type BatchState,
  isLegalBatchMove,
  isUnfinished,
  mayBeWithProvider,
} from "../../domain/batch.ts";
import type { MoneyTotal } from "../../domain/money.ts";
import type {
  AttemptHold,
  AttemptRecord,
  AttemptStanding,
  BatchBook,
  BatchClaim,
  BatchEvent,
  BatchFact,
  BatchRecord,
  Stamp,
} from "../ledger.ts";
import type { AttemptReader } from "./attempt-reader.ts";
import { lazily } from "./lazily.ts";
import type { Session } from "./session.ts";
import { StandingReader } from "./standings.ts";

interface ContentRow extends Omit<BatchContent, "totals"> {
  readonly totals: string;
  readonly archivePath: string;
}

interface BatchRow {
  readonly batchId: number;
  readonly exportId: number;
}

const isState = (kind: BatchEvent["state"]): kind is BatchState => (BATCH_STATES as readonly string[]).includes(kind);

export class SqliteBatchBook implements BatchBook {
  readonly #session: Session;
  readonly #attempts: AttemptReader;
  readonly #standings: StandingReader;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session, attempts: AttemptReader) {
    this.#session = session;
    this.#attempts = attempts;
    this.#standings = new StandingReader(session, (batchId) => attempts.stateOfBatch(batchId));
    this.#statements = prepare(session);
  }

  batches(which: "all" | "unfinished"): Promise<BatchRecord[]> {
    return this.#session.read(() => {
      if (which === "all") return this.#foldAll();
      return this.#statements.unfinished
        .all()
        .map((row) => this.#fold(row))
        .filter((batch) => isUnfinished(batch.state));
    });
  }

  findBatch(idOrName: string): Promise<BatchRecord | undefined> {
    return this.#session.read(() => {
      const id = this.#statements.batchOfName.get(idOrName) ?? (/^\d{1,15}$/.test(idOrName) ? Number(idOrName) : 0);
      const row = this.#statements.one.get(id);
      return row && this.#fold(row);
    });
  }

  mintName(batchId: number, makeName: (number: number) => string, { at, recordedAt }: Stamp): Promise<string> {
    return this.#session.write(() => {
      const state = this.#attempts.stateOfBatch(batchId);
      if (mayBeWithProvider(state) || !isUnfinished(state)) {
        throw new Error(`batch ${batchId} is ${state}: its name is known to the provider and stays`);
      }
      const name = this.#nextFreeName(makeName);
      this.#append(batchId, "name_minted", name, { try: 0, detail: "", at, recordedAt });
      return name;
    });
  }

  recordContent(batchId: number, content: BatchContent & { readonly archivePath: string }): Promise<void> {
    return this.#session.write(() => {
      const state = this.#attempts.stateOfBatch(batchId);
      if (state !== "planned" && state !== "archived") {
        throw new Error(`batch ${batchId} is ${state}: its bytes were settled before`);
      }
      const totals = content.totals.map((total) => ({ ...total, amountMinor: total.amountMinor.toString() }));
      this.#statements.insertContent.run({ ...content, batchId, totals: JSON.stringify(totals) });
    });
  }

  recordBatchState(batchId: number, state: BatchState, fact: BatchFact): Promise<void> {
    return this.#session.write(() => {
      const from = this.#attempts.stateOfBatch(batchId);
      if (!isLegalBatchMove(from, state)) throw new Error(`batch ${batchId} cannot go from ${from} to ${state}`);
      if (state === "uploading" && !this.#statements.content.get(batchId)) {
        throw new Error(`batch ${batchId} has no archived bytes to upload`);
      }
      this.#append(batchId, state, this.#statements.currentName.get(batchId) ?? "", fact);
    });
  }

  recordTemporary(batchId: number, temporary: Stamp & { readonly try: number; readonly path: string }): Promise<void> {
    return this.#session.write(() => {
      const state = this.#attempts.stateOfBatch(batchId);
      if (state !== "uploading") throw new Error(`batch ${batchId} is ${state}: it makes no temporary file`);
      this.#append(batchId, "temporary_created", temporary.path, { ...temporary, detail: "" });
    });
  }

  batchEvents(batchId: number): Promise<BatchEvent[]> {
    return this.#session.read(() => this.#statements.events.all(batchId));
  }

  batchAttempts(batchId: number): AsyncIterable<AttemptRecord[]> {
    return this.#attempts.ofBatch(batchId);
  }

  earliestTimes(batchId: number) {
    return this.#attempts.earliestTimes(batchId);
  }

  async claims(batchId: number): Promise<BatchClaim[]> {
    const rows = await this.#session.read(() => this.#statements.claims.all(batchId, batchId));
    return rows.map((row) => ({ ...row, again: row.again === 1 }));
  }

  claimedPositions(batchId: number): Promise<number[]> {
    return this.#session.read(() => this.#statements.claimedPositions.all(batchId, batchId));
  }

  attempts(): AsyncIterable<AttemptRecord[]> {
    return this.#attempts.all();
  }

  holds(): AsyncIterable<AttemptHold[]> {
    return this.#standings.holds();
  }

  ordersSentAgain(): Promise<Map<string, number>> {
    return this.#standings.ordersSentAgain();
  }

  standings(): AsyncIterable<AttemptStanding[]> {
    return this.#standings.all();
  }

  #append(batchId: number, kind: BatchEvent["state"], name: string, fact: BatchFact): void {
    this.#statements.insertEvent.run(batchId, kind, name, fact.try, fact.detail, fact.at, fact.recordedAt);
  }

  #nextFreeName(makeName: (number: number) => string): string {
    let last: string | undefined;
    for (;;) {
      const number = this.#statements.nextNumber.get();
      if (number === undefined) throw new Error("the counter of batch names is missing");
      const name = makeName(number);
      if (this.#statements.batchOfName.get(name) === undefined) return name;
      if (name === last) throw new Error(`the name "${name}" was used before, and the next number does not change it`);
      last = name;
    }
  }

  /** Two queries for all of them: a year has thousands. */
  #foldAll(): BatchRecord[] {
    const events = Map.groupBy(this.#statements.allEvents.all(), (event) => event.batchId);
    const contents = new Map(this.#statements.allContents.all().map((content) => [content.batchId, content]));
    const all = this.#statements.all.all();
    return all.map((row) => foldBatch(row, events.get(row.batchId) ?? [], contents.get(row.batchId)));
  }

  #fold(row: BatchRow): BatchRecord {
    const { batchId } = row;
    return foldBatch(row, this.#statements.events.all(batchId), this.#statements.content.get(batchId));
  }
}

function foldBatch(
  { batchId, exportId }: BatchRow,
  events: readonly BatchEvent[],
  content: ContentRow | undefined,
): BatchRecord {
  const last = events.findLast((event) => isState(event.state));
  if (!last || !isState(last.state)) throw new Error(`batch ${batchId} has no state`);
  const tries = Math.max(0, ...events.filter((event) => event.state === "uploading").map((event) => event.try));
  const temporary = events.findLast((event) => event.state === "temporary_created" && event.try === tries);
  return {
    batchId,
    exportId,
    state: last.state,
    since: { at: last.at, recordedAt: last.recordedAt },
    detail: last.detail,
    name: events.findLast((event) => event.state === "name_minted")?.name ?? "",
    tries,
    temporary: temporary && { try: temporary.try, path: temporary.name },
    content: content && toContent(content),
  };
}

function toContent({ rows, sizeBytes, sha256, totals, archivePath }: ContentRow): NonNullable<BatchRecord["content"]> {
  return { rows, sizeBytes, sha256, totals: parseTotals(totals), archivePath };
}

/** Sums are bigint, which neither JSON nor an INTEGER column holds without loss. */
function parseTotals(json: string): MoneyTotal[] {
  const totals = JSON.parse(json) as (Omit<MoneyTotal, "amountMinor"> & { readonly amountMinor: string })[];
  return totals.map((total) => ({ ...total, amountMinor: BigInt(total.amountMinor) }));
}

function prepare({ db }: Session) {
  const event = "event_id AS eventId, kind AS state, name, try, detail, at, recorded_at AS recordedAt";
  const content = `SELECT batch_id AS batchId, rows, size_bytes AS sizeBytes, sha256, totals, archive_path AS archivePath
    FROM batch_content`;
  const batch = "SELECT batch_id AS batchId, export_id AS exportId FROM batch";
  return lazily({
    all: () => db.prepare<[], BatchRow>(`${batch} ORDER BY batch_id`),
    one: () => db.prepare<[number], BatchRow>(`${batch} WHERE batch_id = ?`),
    // Reads the small index of finished batches, not their events.
    unfinished: () =>
      db.prepare<[], BatchRow>(
        `${batch} WHERE NOT EXISTS (SELECT 1 FROM batch_event AS event
         WHERE event.batch_id = batch.batch_id AND event.kind IN ('delivered', 'failed')) ORDER BY batch_id`,
      ),
    events: () =>
      db.prepare<[number], BatchEvent>(`SELECT ${event} FROM batch_event WHERE batch_id = ? ORDER BY event_id`),
    allEvents: () =>
      db.prepare<[], BatchEvent & { batchId: number }>(
        `SELECT batch_id AS batchId, ${event} FROM batch_event ORDER BY event_id`,
      ),
    claims: () =>
      db.prepare<[number, number], Omit<BatchClaim, "again"> & { again: 0 | 1 }>(
        `SELECT attempt_id AS attemptId, position, 0 AS again FROM attempt WHERE batch_id = ?
       UNION ALL
       SELECT attempt_id, position, 1 FROM reclaim JOIN attempt USING (attempt_id) WHERE reclaim.batch_id = ?
       ORDER BY position, attemptId`,
      ),
    // Its first half is read from the index alone.
    claimedPositions: () =>
      db
        .prepare<[number, number], number>(
          `SELECT position FROM attempt WHERE batch_id = ?
         UNION ALL SELECT position FROM reclaim JOIN attempt USING (attempt_id) WHERE reclaim.batch_id = ? ORDER BY position`,
        )
        .pluck(),
    insertEvent: () =>
      db.prepare<[number, string, string, number, string, number, number]>(
        `INSERT INTO batch_event (batch_id, kind, name, try, detail, at, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
    content: () => db.prepare<[number], ContentRow>(`${content} WHERE batch_id = ?`),
    allContents: () => db.prepare<[], ContentRow & { batchId: number }>(content),
    insertContent: () =>
      db.prepare<[ContentRow & { batchId: number }]>(
        `INSERT INTO batch_content (batch_id, rows, size_bytes, sha256, totals, archive_path)
       VALUES (@batchId, @rows, @sizeBytes, @sha256, @totals, @archivePath)`,
      ),
    currentName: () =>
      db
        .prepare<[number], string>(
          `SELECT name FROM batch_event WHERE batch_id = ? AND kind = 'name_minted' ORDER BY event_id DESC LIMIT 1`,
        )
        .pluck(),
    batchOfName: () =>
      db.prepare<[string], number>("SELECT batch_id FROM batch_event WHERE name = ? AND kind = 'name_minted'").pluck(),
    nextNumber: () =>
      db.prepare<[], number>("UPDATE counter SET value = value + 1 WHERE name = 'batch_name' RETURNING value").pluck(),
  });
}
