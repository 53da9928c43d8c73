/** Breaks: found once each, settled at most once. */
import type { BreakCode } from "../../domain/break.ts";
import type { OutcomeStatus } from "../../domain/outcome.ts";
import type { BreakBook, BreakRecord, NewBreak, Settlement } from "../ledger.ts";
import { lazily } from "./lazily.ts";
import type { Session } from "./session.ts";

interface BreakRow extends Omit<BreakRecord, "attemptId" | "batchId" | "settled"> {
  readonly attemptId: number | null;
  readonly batchId: number | null;
  readonly settledReason: string | null;
  readonly settledAs: OutcomeStatus | null;
  readonly settledAt: number | null;
  readonly settledRecordedAt: number | null;
}

export class SqliteBreakBook implements BreakBook {
  readonly #session: Session;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session) {
    this.#session = session;
    this.#statements = prepare(session);
  }

  recordBreaks(breaks: readonly NewBreak[]): Promise<BreakRecord[]> {
    return this.#session.write(() =>
      breaks.flatMap((found) => {
        const { attemptId = null, batchId = null } = found;
        const { changes, lastInsertRowid } = this.#statements.insert.run({ ...found, attemptId, batchId });
        if (changes === 0) return [];
        const row = this.#statements.one.get(Number(lastInsertRowid));
        return row ? [toBreak(row)] : [];
      }),
    );
  }

  async breaks(which: "all" | "open", code?: BreakCode): Promise<BreakRecord[]> {
    const { all, open, allOfCode, openOfCode } = this.#statements;
    const rows = await this.#session.read(() => {
      if (code === undefined) return (which === "all" ? all : open).all();
      return (which === "all" ? allOfCode : openOfCode).all(code);
    });
    return rows.map(toBreak);
  }

  countOpenBreaks(): Promise<number> {
    return this.#session.read(() => this.#statements.countOpen.get() ?? 0);
  }

  async findBreaks(code: BreakCode, fingerprints: readonly string[]): Promise<BreakRecord[]> {
    const rows = await this.#session.read(() =>
      fingerprints.flatMap((fingerprint) => this.#statements.known.all(code, fingerprint)),
    );
    return rows.map(toBreak);
  }

  settleBreak(breakId: number, { reason, as, at, recordedAt }: Settlement): Promise<void> {
    return this.#session.write(() => {
      const found = this.#statements.one.get(breakId);
      if (!found) throw new Error(`break ${breakId} is not in the ledger`);
      if (found.settledReason !== null) throw new Error(`break ${breakId} was settled before`);
      this.#statements.settle.run(breakId, reason, as ?? null, at, recordedAt);
    });
  }
}

function toBreak(row: BreakRow): BreakRecord {
  const { settledReason, settledAs, settledAt, settledRecordedAt, attemptId, batchId, ...found } = row;
  const isSettled = settledReason !== null && settledAt !== null && settledRecordedAt !== null;
  return {
    ...found,
    attemptId: attemptId ?? undefined,
    batchId: batchId ?? undefined,
    settled: isSettled
      ? { reason: settledReason, as: settledAs ?? undefined, at: settledAt, recordedAt: settledRecordedAt }
      : undefined,
  };
}

function prepare({ db }: Session) {
  const breaks = `SELECT break_id AS breakId, code, fingerprint, order_id AS orderId, file, line, message,
    attempt_id AS attemptId, batch_id AS batchId, found.at, found.recorded_at AS recordedAt,
    settled.reason AS settledReason, settled_as AS settledAs, settled.at AS settledAt,
    settled.recorded_at AS settledRecordedAt
    FROM break AS found LEFT JOIN break_settled AS settled USING (break_id)`;
  return lazily({
    all: () => db.prepare<[], BreakRow>(`${breaks} ORDER BY break_id`),
    open: () => db.prepare<[], BreakRow>(`${breaks} WHERE settled.break_id IS NULL ORDER BY break_id`),
    allOfCode: () => db.prepare<[string], BreakRow>(`${breaks} WHERE code = ? ORDER BY break_id`),
    openOfCode: () =>
      db.prepare<[string], BreakRow>(`${breaks} WHERE code = ? AND settled.break_id IS NULL ORDER BY break_id`),
    countOpen: () =>
      db.prepare<[], number>("SELECT (SELECT count(*) FROM break) - (SELECT count(*) FROM break_settled)").pluck(),
    known: () => db.prepare<[string, string], BreakRow>(`${breaks} WHERE code = ? AND fingerprint = ?`),
    one: () => db.prepare<[number], BreakRow>(`${breaks} WHERE break_id = ?`),
    insert: () =>
      db.prepare<[Record<string, unknown>]>(
        `INSERT INTO break (code, fingerprint, order_id, file, line, message, attempt_id, batch_id, at, recorded_at)
       VALUES (@code, @fingerprint, @orderId, @file, @line, @message, @attemptId, @batchId, @at, @recordedAt)
       ON CONFLICT (code, fingerprint) DO NOTHING`,
      ),
    settle: () =>
      db.prepare<[number, string, string | null, number, number]>(
        "INSERT INTO break_settled (break_id, reason, settled_as, at, recorded_at) VALUES (?, ?, ?, ?, ?)",
      ),
  });
}
