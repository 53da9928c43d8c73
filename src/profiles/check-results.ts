/**
 * Is a file that lies in the outbound folder whole? Judged by its structure alone, before anything of it is believed: a
 * file that is still being written must look unfinished, never empty and never short.
 *
 * It is judged by its bytes, and only lines with a quote are looked at: reading it comes later, and takes a hundred times as long.
 */
import { isUtf8 } from "node:buffer";
import { CellFinder, endOfLine, NEWLINE, QUOTE } from "./byte-cells.ts";
import type { Profile } from "./profile.ts";
import { byteOrderMarkOf, readChunks } from "./read-chunks.ts";
import { locateColumns } from "./result-header.ts";
import { RecordReader, type ResultRecord } from "./result-records.ts";

export type ResultFileVerdict =
  | "complete"
  /**
   * Look again later. `unterminated`: nothing is missing but the last newline, so once nobody writes to it any more it
   * may be taken.
   */
  | { readonly incomplete: string; readonly unterminated?: true }
  /** It will not become one by waiting. */
  | { readonly notResults: string };

/** No row of a result file is longer; what is, is another kind of file. */
const MAX_LINE_BYTES = 1024 * 1024;

const NUL = 0;
/** Nobody asks for it. */
const SOME_LINE = 1;

/** Reads the file once; memory does not grow with it. Reasons hold no cell of it. */
export async function checkResultFile(profile: Profile, path: string): Promise<ResultFileVerdict> {
  const check = new StructureCheck(profile);
  let isFirst = true;
  for await (const chunk of readChunks(path)) {
    if (isFirst && hasUtf16Mark(chunk)) return { notResults: "it is UTF-16, not UTF-8" };
    const verdict = check.write(isFirst ? chunk.subarray(byteOrderMarkOf(chunk)) : chunk);
    isFirst = false;
    if (verdict) return verdict;
  }
  return check.end();
}

class StructureCheck {
  readonly #profile: Profile;
  /** For the header, and for lines whose quotes are not plain. */
  readonly #reader: RecordReader;
  readonly #cells: CellFinder;
  #columns: number | undefined;
  /** A cut within an order id makes another order's id, and nothing would show it; of an amount it would be a mismatch. */
  #endsInKey = false;
  /** The last line so far, which nothing has ended. */
  #carry: Buffer = Buffer.alloc(0);

  constructor(profile: Profile) {
    this.#profile = profile;
    this.#reader = new RecordReader(profile.results.delimiter);
    this.#cells = new CellFinder(profile.results.delimiter);
  }

  /** `chunk` may be used again afterwards. */
  write(chunk: Buffer): ResultFileVerdict | undefined {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    const linesEnd = bytes.lastIndexOf(NEWLINE) + 1;
    const lines = bytes.subarray(0, linesEnd);
    // No character crosses the end of a line.
    if (!isUtf8(lines)) return NOT_UTF8;
    // Servers that reserve the space first show zeros where nothing was written yet.
    if (chunk.includes(NUL)) return { incomplete: "it holds NUL bytes, as a file does that is still being written" };
    const verdict = this.#takeLines(lines);
    if (verdict) return verdict;
    this.#carry = Buffer.from(bytes.subarray(linesEnd));
    if (this.#carry.length <= MAX_LINE_BYTES) return undefined;
    return endsInCharacter(this.#carry) === undefined ? NOT_UTF8 : { notResults: "a line is longer than 1 MiB" };
  }

  end(): ResultFileVerdict {
    const isCut = endsInCharacter(this.#carry);
    if (isCut === undefined) return NOT_UTF8;
    if (isCut) return { incomplete: "it ends within a character" };
    if (this.#reader.isQuoteOpen) return { incomplete: "a quote is still open at its end" };
    const isTerminated = this.#carry.length === 0;
    if (this.#columns === undefined) {
      return { incomplete: isTerminated ? "it is empty" : "its header is not finished" };
    }
    if (isTerminated) return "complete";
    const last = [...this.#reader.writeLine(this.#carry.toString("utf8"), SOME_LINE), ...this.#reader.end()].at(-1);
    // A carriage return alone ends nothing, and cuts nothing off.
    const isWhole = !last || ("cells" in last && last.cells.length >= this.#columns);
    if (!isWhole) return { incomplete: "its last row is not finished" };
    if (this.#endsInKey) return { incomplete: "no final newline, and its last column is a key" };
    return { incomplete: "no final newline", unterminated: true };
  }

  /** Whole lines. */
  #takeLines(bytes: Buffer): ResultFileVerdict | undefined {
    for (let at = 0; at < bytes.length; ) {
      let from = at;
      if (this.#columns !== undefined && !this.#reader.isQuoteOpen) {
        const quote = bytes.indexOf(QUOTE, at);
        if (quote === -1) return undefined;
        // 0, if it stands in the first line.
        from = Math.max(at, bytes.lastIndexOf(NEWLINE, quote) + 1);
      }
      const end = bytes.indexOf(NEWLINE, from);
      at = end + 1;
      if (!this.#isPlain(bytes, from, end)) {
        const verdict = this.#take(this.#reader.writeLine(bytes.toString("utf8", from, end), SOME_LINE));
        if (verdict) return verdict;
      }
    }
    return undefined;
  }

  #isPlain(bytes: Buffer, from: number, end: number): boolean {
    if (this.#columns === undefined || this.#reader.isQuoteOpen) return false;
    return this.#cells.find(bytes, from, endOfLine(bytes, from, end));
  }

  /** Of the records only the header says something. */
  #take([header]: readonly ResultRecord[]): ResultFileVerdict | undefined {
    if (!header || this.#columns !== undefined) return undefined;
    if ("damage" in header) return { notResults: `its header cannot be read: ${header.damage}` };
    const located = locateColumns(this.#profile.results, header.cells);
    if ("problem" in located) return { notResults: located.problem };
    this.#columns = header.cells.length;
    const { order_id, session_key } = located.columns;
    this.#endsInKey = [order_id, session_key].includes(header.cells.length - 1);
    return undefined;
  }
}

const NOT_UTF8 = { notResults: "it is not UTF-8" };

/** Undefined: it is no UTF-8 at all. */
function endsInCharacter(bytes: Buffer): boolean | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    decoder.decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
  try {
    decoder.decode();
    return false;
  } catch {
    return true;
  }
}

function hasUtf16Mark(chunk: Buffer): boolean {
  const mark = chunk.subarray(0, 2).toString("hex");
  return mark === "fffe" || mark === "feff";
}
