/**
 * Lines of a result file → its records, each with the physical line it starts on. csv-parse says what a quoted record is;
 * around it stands what money needs and csv-parse does not do: a damaged line costs that line only. (Its own recovery
 * skips good rows after a bad closing quote, and a verdict that is skipped here would look like silence.)
 *
 * A call of csv-parse costs more than all else that is done for a row. So a line whose quotes plainly stand right is split
 * here; whatever is not plain goes to csv-parse, and a property test holds that both then have the same cells.
 */
import { type CsvError, parse } from "csv-parse/sync";

export type ResultRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly damage: string };

/** A quoted cell may span this many lines; a quote that stays open longer was never meant to open one. */
export const MAX_RECORD_LINES = 100;
/** Characters that it may span, for the same reason; no line of a result file is longer (check-results.ts). */
const MAX_RECORD_LENGTH = 1024 * 1024;

export class RecordReader {
  readonly #delimiter: string;
  /** Lines of a record whose quote is still open, the first of them `openLine`. */
  #open: string[] = [];
  #openLine = 0;
  #openLength = 0;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** A quoted cell has begun and not ended. */
  get isQuoteOpen(): boolean {
    return this.#open.length > 0;
  }

  /** The records that this line completes. Lines that are plain need not be shown to it, as long as no quote is open. */
  writeLine(line: string, number: number): ResultRecord[] {
    const records: ResultRecord[] = [];
    this.#push(line, number, records);
    return records;
  }

  /** The rest: lines behind a quote that nothing closed. */
  end(): ResultRecord[] {
    const records: ResultRecord[] = [];
    while (this.#open.length > 0) this.#giveUpFirst("a quote is opened and never closed", records);
    return records;
  }

  #push(line: string, number: number, records: ResultRecord[]): void {
    if (this.#open.length === 0) {
      const text = withoutReturn(line);
      if (text === "") return;
      if (!text.includes('"')) {
        records.push({ line: number, cells: text.split(this.#delimiter) });
        return;
      }
      const cells = splitQuotedLine(text, this.#delimiter);
      if (cells) {
        records.push({ line: number, cells });
        return;
      }
      this.#openLine = number;
      this.#openLength = 0;
    }
    // Behind an open quote the line goes on within that cell: what it does to it shows without the lines before.
    const within = this.#open.length === 0 ? line : `"${line}`;
    this.#open.push(line);
    this.#openLength += line.length + 1;
    this.#tryToClose(this.#parse(withoutReturn(within)), records);
  }

  #tryToClose(outcome: readonly string[] | string, records: ResultRecord[]): void {
    if (outcome === "open") {
      const isEndless = this.#open.length >= MAX_RECORD_LINES || this.#openLength > MAX_RECORD_LENGTH;
      if (isEndless) this.#giveUpFirst("a quote is opened and never closed", records);
      return;
    }
    const whole = this.#open.length === 1 ? outcome : this.#parse(withoutReturn(this.#open.join("\n")));
    if (typeof whole === "string") {
      this.#giveUpFirst(whole, records);
    } else {
      records.push({ line: this.#openLine, cells: whole });
      this.#open = [];
    }
  }

  /** Only the line with the quote is damaged; those behind it are read again, each for itself. */
  #giveUpFirst(damage: string, records: ResultRecord[]): void {
    const [, ...rest] = this.#open;
    const first = this.#openLine;
    this.#open = [];
    records.push({ line: first, damage });
    for (const [index, line] of rest.entries()) this.#push(line, first + 1 + index, records);
  }

  #parse(text: string): readonly string[] | string {
    try {
      const [cells = []] = parse(text, {
        delimiter: this.#delimiter,
        record_delimiter: ["\r\n", "\n"],
        relax_column_count: true,
      });
      return cells;
    } catch (error) {
      const { code } = error as CsvError;
      return code === "CSV_QUOTE_NOT_CLOSED" ? "open" : `a quote stands where none may (${code})`;
    }
  }
}

/**
 * The cells of a line in which every quote either encloses a whole cell or is doubled within one; undefined: it is not that
 * plain, let csv-parse say what it is.
 */
export function splitQuotedLine(line: string, delimiter: string): string[] | undefined {
  const cells: string[] = [];
  for (let start = 0; ; ) {
    let end: number;
    if (line[start] === '"') {
      const close = closingQuote(line, start + 1);
      end = close + 1;
      if (close === -1 || (end < line.length && line[end] !== delimiter)) return undefined;
      cells.push(line.slice(start + 1, close).replaceAll('""', '"'));
    } else {
      const next = line.indexOf(delimiter, start);
      end = next === -1 ? line.length : next;
      const cell = line.slice(start, end);
      if (cell.includes('"')) return undefined;
      cells.push(cell);
    }
    if (end >= line.length) return cells;
    start = end + 1;
  }
}

/** The next quote that is not one of a pair; -1: there is none. */
function closingQuote(line: string, from: number): number {
  let at = line.indexOf('"', from);
  while (at !== -1 && line[at + 1] === '"') at = line.indexOf('"', at + 2);
  return at;
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
