/**
 * The rejects file: rejected rows with the export's own columns, for a person to mend and send again, and in front of
 * them what is wrong with each.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { type Options, stringify } from "csv-stringify/sync";
import { Problem } from "../domain/problem.ts";
import { neutraliseFormula } from "./formula.ts";
import { type ExportHeader, REJECT_COLUMNS } from "./header.ts";
import type { RejectedRow } from "./row-reader.ts";

const BUFFERED_ROWS = 500;
/** A row may have a million. */
const BUFFERED_CHARACTERS = 1024 * 1024;

/**
 * Made (mode 0600) with the first row that is written; without one there is no file. Delimiter and byte order mark are the
 * export's. Card numbers come masked; cells that a spreadsheet would run are neutralised, and intake undoes that.
 * Problem `disk_failed` where it cannot be written.
 */
export class RejectsFile {
  readonly path: string;
  #handle: FileHandle | undefined;
  #buffered: RejectedRow[] = [];
  #bufferedCharacters = 0;

  constructor(path: string) {
    this.path = path;
  }

  async write(row: RejectedRow): Promise<void> {
    this.#buffered.push(row);
    for (const cell of row.cells) this.#bufferedCharacters += cell.length;
    const isFull = this.#buffered.length >= BUFFERED_ROWS || this.#bufferedCharacters >= BUFFERED_CHARACTERS;
    if (isFull) await this.#flush();
  }

  /** Whole on the disk when it resolves. May be called again. */
  async close(): Promise<void> {
    await this.#flush();
    const handle = this.#handle;
    this.#handle = undefined;
    if (!handle) return;
    await this.#guard(async () => {
      await handle.sync();
      await handle.close();
    });
  }

  async #flush(): Promise<void> {
    const rows = this.#buffered;
    const [first] = rows;
    if (!first) return;
    this.#buffered = [];
    this.#bufferedCharacters = 0;
    const { header } = first;
    const kept = [...header.cells.keys()].filter((at) => !isRejectColumn(header.cells[at] ?? ""));
    // Bare commas in a file of semicolons would be taken for its delimiter when it comes back.
    const options: Options = { delimiter: header.delimiter, quoted_match: /[,;\t]/ };
    await this.#guard(async () => {
      this.#handle ??= await this.#create(header, kept, options);
      await this.#handle.writeFile(rows.map((row) => toText(row, kept, options)).join(""));
    });
  }

  async #create(header: ExportHeader, kept: readonly number[], options: Options): Promise<FileHandle> {
    // One of an earlier run may be there, with another mode.
    await rm(this.path, { force: true });
    const handle = await open(this.path, "wx", 0o600);
    const names = [...REJECT_COLUMNS, ...kept.map((at) => neutraliseFormula(header.cells[at] ?? ""))];
    await handle.writeFile((header.hasByteOrderMark ? "\ufeff" : "") + stringify([names], options));
    return handle;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Problem("disk_failed", `cannot write the rejects file ${this.path}: ${reason}`, {
        cause: error,
        hint: "Nothing of this export was sent. Free space or mend the folder's permissions, then run again.",
      });
    }
  }
}

/** With its line end. */
function toText(row: RejectedRow, kept: readonly number[], options: Options): string {
  const codes = [...new Set(row.problems.map(({ code }) => code))].join(" ");
  const message = row.problems.map((problem) => problem.message).join("; ");
  // One that could not be split stands in the first of its columns.
  const isSplit = row.cells.length === row.header.cells.length;
  const cells = isSplit ? kept.map((at) => row.cells[at] ?? "") : row.cells;
  // The message begins with a column's name, and that is the export's.
  const text = stringify([[String(row.line), codes, ...[message, ...cells].map(neutraliseFormula)]], options);
  // Thousands of empty cells, one by one, would take longer than all the rest.
  return `${text.slice(0, -1)}${row.header.delimiter.repeat(Math.max(0, kept.length - cells.length))}\n`;
}

function isRejectColumn(name: string): boolean {
  return (REJECT_COLUMNS as readonly string[]).includes(name);
}
