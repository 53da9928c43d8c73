/** Cells of a line, found in its bytes: most lines need no other reader, and few of their cells are a new string. */

export const NEWLINE = 10;
const RETURN = 13;
export const QUOTE = 34;
/** A line of more cells is no result row; whoever asks reads it the long way. */
const MOST_CELLS = 256;

export class CellFinder {
  readonly #delimiter: number;
  readonly from = new Uint32Array(MOST_CELLS);
  readonly to = new Uint32Array(MOST_CELLS);
  count = 0;

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0);
  }

  /** False: there is a quote that does not plainly enclose a whole cell, or one within. `most`: it looks no further than at so many. */
  find(bytes: Buffer, start: number, end: number, most = MOST_CELLS + 1): boolean {
    this.count = 0;
    for (let at = start; ; at++) {
      const isQuoted = at < end && bytes[at] === QUOTE;
      const from = isQuoted ? at + 1 : at;
      at = this.#endOf(bytes, from, end, isQuoted ? QUOTE : this.#delimiter);
      if (this.count === MOST_CELLS || at === -1) return false;
      this.from[this.count] = from;
      this.to[this.count] = at;
      this.count += 1;
      if (isQuoted) {
        if (at === end) return false;
        at += 1;
        if (at < end && bytes[at] !== this.#delimiter) return false;
      }
      if (at === end || this.count === most) return true;
    }
  }

  /** -1: a quote stands before it. */
  #endOf(bytes: Buffer, from: number, end: number, mark: number): number {
    let at = from;
    for (; at < end && bytes[at] !== mark; at++) if (bytes[at] === QUOTE) return -1;
    return at;
  }
}

/** Of the line that begins at `from` and whose newline stands at `newline`, or would. */
export function endOfLine(bytes: Buffer, from: number, newline: number): number {
  return newline > from && bytes[newline - 1] === RETURN ? newline - 1 : newline;
}

const SLOTS = 1_024;
const LONGEST = 15;

/** The same few short words, a million times: each becomes a string once. */
export class ByteWords {
  readonly #words: (string | undefined)[] = Array.from({ length: SLOTS });
  readonly #bytes = new Uint8Array(SLOTS * LONGEST);
  readonly #lengths = new Uint8Array(SLOTS);

  of(bytes: Buffer, from: number, to: number): string {
    const length = to - from;
    if (length > LONGEST) return bytes.toString("utf8", from, to);
    let hash = length;
    for (let at = from; at < to; at++) hash = Math.imul(hash, 31) + (bytes[at] as number);
    const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
    const word = this.#words[slot];
    if (word !== undefined && this.#isIn(slot, bytes, from, length)) return word;
    const fresh = bytes.toString("utf8", from, to);
    this.#words[slot] = fresh;
    this.#lengths[slot] = length;
    for (let at = 0; at < length; at++) this.#bytes[slot * LONGEST + at] = bytes[from + at] as number;
    return fresh;
  }

  #isIn(slot: number, bytes: Buffer, from: number, length: number): boolean {
    if (this.#lengths[slot] !== length) return false;
    for (let at = 0; at < length; at++) if (this.#bytes[slot * LONGEST + at] !== bytes[from + at]) return false;
    return true;
  }
}
