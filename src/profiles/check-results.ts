/**
 * Is a file that lies in the outbound folder whole? Judged by its structure alone, before anything of it is believed: a
 * file that is still being written must look unfinished, never empty and never short.
 */
import type { Profile } from "./profile.ts";
import { readChunks } from "./read-chunks.ts";
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

/** No row of a result file is longer than this many characters; what is, is another kind of file. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** Reads the file once; memory does not grow with it. Reasons hold no cell of it. */
export async function checkResultFile(profile: Profile, path: string): Promise<ResultFileVerdict> {
  const check = new StructureCheck(profile);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let isFirst = true;
  for await (const chunk of readChunks(path)) {
    if (isFirst && hasUtf16Mark(chunk)) return { notResults: "it is UTF-16, not UTF-8" };
    isFirst = false;
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      return { notResults: "it is not UTF-8" };
    }
    const verdict = check.write(text);
    if (verdict) return verdict;
  }
  try {
    decoder.decode();
  } catch {
    return { incomplete: "it ends within a character" };
  }
  return check.end();
}

class StructureCheck {
  readonly #profile: Profile;
  readonly #reader: RecordReader;
  #columns: number | undefined;
  /** A cut within an order id makes another order's id, and nothing would show it; of an amount it would be a mismatch. */
  #endsInKey = false;
  #last: ResultRecord | undefined;

  constructor(profile: Profile) {
    this.#profile = profile;
    this.#reader = new RecordReader(profile.results.delimiter);
  }

  write(text: string): ResultFileVerdict | undefined {
    // Servers that reserve the space first show zeros where nothing was written yet.
    if (text.includes("\0")) return { incomplete: "it holds NUL bytes, as a file does that is still being written" };
    const verdict = this.#take(this.#reader.write(text));
    if (verdict) return verdict;
    return this.#reader.carriedLength > MAX_LINE_LENGTH ? { notResults: "a line is longer than 1 MiB" } : undefined;
  }

  end(): ResultFileVerdict {
    if (this.#reader.isQuoteOpen) return { incomplete: "a quote is still open at its end" };
    const isTerminated = this.#reader.carriedLength === 0;
    if (this.#columns === undefined) {
      return { incomplete: isTerminated ? "it is empty" : "its header is not finished" };
    }
    if (isTerminated) return "complete";
    this.#take(this.#reader.end());
    const last = this.#last;
    const isWhole = last && "cells" in last && last.cells.length >= this.#columns;
    if (!isWhole) return { incomplete: "its last row is not finished" };
    if (this.#endsInKey) return { incomplete: "no final newline, and its last column is a key" };
    return { incomplete: "no final newline", unterminated: true };
  }

  #take(records: readonly ResultRecord[]): ResultFileVerdict | undefined {
    for (const record of records) {
      if (this.#columns === undefined) {
        if ("damage" in record) return { notResults: `its header cannot be read: ${record.damage}` };
        const located = locateColumns(this.#profile.results, record.cells);
        if ("problem" in located) return { notResults: located.problem };
        this.#columns = record.cells.length;
        const { order_id, session_key } = located.columns;
        this.#endsInKey = [order_id, session_key].includes(record.cells.length - 1);
      }
      this.#last = record;
    }
    return undefined;
  }
}

function hasUtf16Mark(chunk: Buffer): boolean {
  const mark = chunk.subarray(0, 2).toString("hex");
  return mark === "fffe" || mark === "feff";
}
