/** Which runs there were, and how each ended. */
import type { RunBook, RunRecord, Stamp } from "../ledger.ts";
import { lazily } from "./lazily.ts";
import type { Session } from "./session.ts";

export class SqliteRunBook implements RunBook {
  readonly #session: Session;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(session: Session) {
    this.#session = session;
    this.#statements = prepare(session);
  }

  startRun({ command, at, recordedAt }: Stamp & { readonly command: string }): Promise<number> {
    return this.#session.write(() => Number(this.#statements.start.run(command, at, recordedAt).lastInsertRowid));
  }

  endRun(runId: number, { exitStatus, at, recordedAt }: Stamp & { readonly exitStatus: number }): Promise<void> {
    return this.#session.write(() => {
      this.#statements.end.run(runId, exitStatus, at, recordedAt);
    });
  }

  async runs(): Promise<RunRecord[]> {
    const rows = await this.#session.read(() => this.#statements.all.all());
    return rows.map((row) => ({ ...row, exitStatus: row.exitStatus ?? undefined }));
  }
}

function prepare({ db }: Session) {
  return lazily({
    start: () => db.prepare<[string, number, number]>("INSERT INTO run (command, at, recorded_at) VALUES (?, ?, ?)"),
    end: () =>
      db.prepare<[number, number, number, number]>(
        "INSERT INTO run_end (run_id, exit_status, at, recorded_at) VALUES (?, ?, ?, ?)",
      ),
    all: () =>
      db.prepare<[], Omit<RunRecord, "exitStatus"> & { exitStatus: number | null }>(
        `SELECT run_id AS runId, command, run.at, run.recorded_at AS recordedAt, exit_status AS exitStatus
       FROM run LEFT JOIN run_end USING (run_id) ORDER BY run_id`,
      ),
  });
}
