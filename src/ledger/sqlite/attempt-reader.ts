/**
 * Attempts with all that is known of them. A page is a handful of queries, whatever its size: the attempts, then their
 * outcomes, later claims and breaks side by side. No statement stays open between pages.
 */
import type { BatchState } from "../../domain/batch.ts";
import { type BreakCode, isMismatch } from "../../domain/break.ts";
import type { AttemptRecord, OutcomeRecord } from "../ledger.ts";
import type { Database } from "./connection.ts";
import { lazily } from "./lazily.ts";
import { pagesById } from "./pages-by-id.ts";
import type { Session } from "./session.ts";

const PAGE_ROWS = 2_000;

/** As the table has it; the rest of an AttemptRecord is added in `complete`. */
type AttemptRow = Omit<AttemptRecord, "batchState" | "sessionKey" | "outcomes" | "mismatchOpen">;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface OutcomeRow extends Omit<OutcomeRecord, "file" | "processedAt"> {
  readonly attemptId: number;
  readonly processedAt: number | null;
  readonly resultFileId: number | null;
  readonly sessionKey: string;
}

const ATTEMPT = `SELECT attempt_id AS attemptId, order_id AS orderId, transaction_id AS transactionId,
  attempt_number AS attemptNumber, export_id AS exportId, position, row, line, subscription_id AS subscriptionId,
  customer_id AS customerId, decline_code AS declineCode, decline_code_source AS declineCodeSource,
  amount_minor AS amountMinor, currency, declined_at AS declinedAt, expires_at AS expiresAt, batch_id AS batchId
  FROM attempt`;

const OUTCOME = `SELECT attempt_id AS attemptId, status, raw_status AS rawStatus, amount_minor AS amountMinor, currency,
  processed_at AS processedAt, source, result_file_id AS resultFileId, line, response_code AS responseCode, message,
  session_key AS sessionKey, at, recorded_at AS recordedAt FROM outcome`;

/** What stands in other tables about the attempts of a page. */
interface Companions {
  readonly reclaims: readonly { readonly attemptId: number; readonly batchId: number }[];
  readonly openBreaks: readonly { readonly attemptId: number; readonly code: BreakCode }[];
  readonly outcomes: readonly OutcomeRow[];
}

interface EarliestTimes {
  readonly declinedAt: number;
  readonly expiresAt: number;
}

/** The attempts whose latest claim is one batch, given twice. */
const OF_BATCH = `SELECT attempt_id, position, declined_at, expires_at FROM attempt WHERE batch_id = ?
    AND NOT EXISTS (SELECT 1 FROM reclaim later WHERE later.attempt_id = attempt.attempt_id)
  UNION ALL
  SELECT attempt_id, position, declined_at, expires_at FROM reclaim JOIN attempt USING (attempt_id)
    WHERE reclaim.batch_id = ?
    AND nth = (SELECT max(nth) FROM reclaim later WHERE later.attempt_id = reclaim.attempt_id)`;

/** Attempts in the making: one page, by id. */
type Page = ReadonlyMap<number, Mutable<AttemptRecord> & { readonly outcomes: OutcomeRecord[] }>;

export class AttemptReader {
  readonly #session: Session;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session) {
    this.#session = session;
    this.#statements = prepare(session.db);
  }

  /** In the order of their ids. Inside the caller's read or write. */
  byIds(attemptIds: readonly number[]): AttemptRecord[] {
    const ids = JSON.stringify(attemptIds);
    const { listed } = this.#statements;
    return this.#complete(this.#statements.byIds.all(ids), {
      reclaims: listed.reclaims.all(ids),
      openBreaks: listed.openBreaks.all(ids),
      outcomes: listed.outcomes.all(ids),
    });
  }

  /** Every attempt in the order of its id. */
  all(): AsyncGenerator<AttemptRecord[]> {
    return pagesById((last) => this.#session.read(() => this.#after(last)));
  }

  /** By position. Which attempts they are is decided once, at the first page. */
  async *ofBatch(batchId: number): AsyncGenerator<AttemptRecord[]> {
    const ids = await this.#session.read(() => this.#statements.idsOfBatch.all(batchId, batchId));
    for (let start = 0; start < ids.length; start += PAGE_ROWS) {
      const wanted = ids.slice(start, start + PAGE_ROWS);
      const found = await this.#session.read(
        () => new Map(this.byIds(wanted).map((record) => [record.attemptId, record])),
      );
      yield wanted.flatMap((id) => found.get(id) ?? []);
    }
  }

  /** Without the attempts themselves: it is asked for each batch that is sent. */
  earliestTimes(batchId: number): Promise<EarliestTimes | undefined> {
    return this.#session.read(() => {
      const times = this.#statements.earliestTimes.get(batchId, batchId);
      return times?.declinedAt === null ? undefined : (times as EarliestTimes);
    });
  }

  stateOfBatch(batchId: number): BatchState {
    const state = this.#statements.stateOfBatch.get(batchId);
    if (state === undefined) throw new Error(`batch ${batchId} is not in the ledger`);
    return state;
  }

  /** The batch an attempt was claimed for last; undefined: there is no such attempt. */
  batchOf(attemptId: number): number | undefined {
    return this.#statements.lastReclaim.get(attemptId) ?? this.#statements.firstBatch.get(attemptId);
  }

  #after(attemptId: number): AttemptRecord[] {
    const rows = this.#statements.after.all(attemptId, PAGE_ROWS);
    const last = rows.at(-1)?.attemptId ?? attemptId;
    const { ranged } = this.#statements;
    return this.#complete(rows, {
      reclaims: ranged.reclaims.all(attemptId, last),
      openBreaks: ranged.openBreaks.all(attemptId, last),
      outcomes: ranged.outcomes.all(attemptId, last),
    });
  }

  #complete(rows: readonly AttemptRow[], { reclaims, openBreaks, outcomes }: Companions): AttemptRecord[] {
    const page: Page = new Map(rows.map((row) => [row.attemptId, blankRecord(row)]));
    for (const { attemptId, batchId } of reclaims) {
      const record = page.get(attemptId);
      if (record) record.batchId = batchId;
    }
    for (const { attemptId, code } of openBreaks) {
      const record = page.get(attemptId);
      if (record && isMismatch(code)) record.mismatchOpen = true;
    }
    const states = new Map<number, BatchState>();
    for (const record of page.values()) {
      const state = states.get(record.batchId) ?? this.stateOfBatch(record.batchId);
      states.set(record.batchId, state);
      record.batchState = state;
    }
    this.#addOutcomes(page, outcomes);
    return [...page.values()];
  }

  #addOutcomes(page: Page, outcomes: readonly OutcomeRow[]): void {
    const names = new Map<number | null, string>([[null, ""]]);
    for (const row of outcomes) {
      const record = page.get(row.attemptId);
      if (!record) continue;
      const file = names.get(row.resultFileId) ?? this.#nameOfFile(row.resultFileId);
      names.set(row.resultFileId, file);
      record.outcomes.push(toOutcome(row, file));
      // The first key that was learned is kept.
      if (record.sessionKey === undefined && row.sessionKey !== "") record.sessionKey = row.sessionKey;
    }
  }

  #nameOfFile(resultFileId: number | null): string {
    return this.#statements.nameOfFile.get(resultFileId) ?? "";
  }
}

/** Completes the row itself: a report reads millions, and copying each costs more than reading it. */
function blankRecord(row: AttemptRow): Mutable<AttemptRecord> & { readonly outcomes: OutcomeRecord[] } {
  return Object.assign(row, {
    batchState: "planned" as const,
    sessionKey: undefined,
    outcomes: [],
    mismatchOpen: false,
  });
}

function toOutcome(row: OutcomeRow, file: string): OutcomeRecord {
  const outcome: Mutable<OutcomeRecord> = {
    status: row.status,
    rawStatus: row.rawStatus,
    amountMinor: row.amountMinor,
    currency: row.currency,
    source: row.source,
    file,
    line: row.line,
    responseCode: row.responseCode,
    message: row.message,
    at: row.at,
    recordedAt: row.recordedAt,
  };
  if (row.processedAt !== null) outcome.processedAt = row.processedAt;
  return outcome;
}

function prepare(db: Database) {
  return lazily({
    byIds: () =>
      db.prepare<[string], AttemptRow>(
        `${ATTEMPT} WHERE attempt_id IN (SELECT value FROM json_each(?)) ORDER BY attempt_id`,
      ),
    after: () =>
      db.prepare<[number, number], AttemptRow>(`${ATTEMPT} WHERE attempt_id > ? ORDER BY attempt_id LIMIT ?`),
    listed: () => prepareCompanions<[string]>(db, "attempt_id IN (SELECT value FROM json_each(?))"),
    // A page of neighbours: a range is read in half the time of a list.
    ranged: () => prepareCompanions<[number, number]>(db, "attempt_id > ? AND attempt_id <= ?"),
    nameOfFile: () =>
      db.prepare<[number | null], string>("SELECT name FROM result_file WHERE result_file_id = ?").pluck(),
    stateOfBatch: () =>
      db
        .prepare<[number], BatchState>(
          `SELECT kind FROM batch_event WHERE batch_id = ? AND kind NOT IN ('name_minted', 'temporary_created')
         ORDER BY event_id DESC LIMIT 1`,
        )
        .pluck(),
    firstBatch: () => db.prepare<[number], number>("SELECT batch_id FROM attempt WHERE attempt_id = ?").pluck(),
    lastReclaim: () =>
      db
        .prepare<[number], number>("SELECT batch_id FROM reclaim WHERE attempt_id = ? ORDER BY nth DESC LIMIT 1")
        .pluck(),
    idsOfBatch: () =>
      db
        .prepare<[number, number], number>(`SELECT attempt_id FROM (${OF_BATCH}) ORDER BY position, attempt_id`)
        .pluck(),
    earliestTimes: () =>
      db.prepare<[number, number], { declinedAt: number | null; expiresAt: number | null }>(
        `SELECT min(declined_at) AS declinedAt, min(expires_at) AS expiresAt FROM (${OF_BATCH})`,
      ),
  });
}

function prepareCompanions<Which extends unknown[]>(db: Database, which: string) {
  return lazily({
    outcomes: () => db.prepare<Which, OutcomeRow>(`${OUTCOME} WHERE ${which} ORDER BY attempt_id, nth`),
    reclaims: () =>
      db.prepare<Which, { attemptId: number; batchId: number }>(
        `SELECT attempt_id AS attemptId, batch_id AS batchId FROM reclaim WHERE ${which} ORDER BY attempt_id, nth`,
      ),
    openBreaks: () =>
      db.prepare<Which, { attemptId: number; code: BreakCode }>(
        `SELECT attempt_id AS attemptId, code FROM break
       WHERE ${which} AND NOT EXISTS (SELECT 1 FROM break_settled settled WHERE settled.break_id = break.break_id)`,
      ),
  });
}
