/**
 * Which order and transaction ids a file has had, and on which line. A million rows must not become a million strings, so
 * ids are kept as 64-bit fingerprints: at most 32 bytes a row where the number of rows was guessed well, and in a file of
 * a million rows the chance that any two ids are confused is below one in a million. (Then a row would be rejected
 * as a duplicate; nothing would be sent twice.)
 */

/** Of one row: order id (2), transaction id (2). */
export const PRINT_WORDS = 4;

/** Fingerprint (2 words), line; line 0: free. */
const WORDS_PER_SLOT = 3;
const FULL_AT = 0.8;
/** A guess of the rows that was a little short must not make a table of 160 MB anew. */
const TOO_FULL_AT = 0.86;
const GROWTH = 1.3;
const FEWEST_SLOTS = 1024;

/** Lines by the fingerprint of one kind of id: open addressing, the slot itself holds all, so a look is one cache miss. */
class IdTable {
  #words: Uint32Array;
  #slots: number;
  #used = 0;
  /** Where `find` ended. */
  #lastFound = 0;

  constructor(slots: number) {
    this.#slots = slots;
    this.#words = new Uint32Array(slots * WORDS_PER_SLOT);
  }

  /** Line of the row that had this id; 0: none. */
  find(high: number, low: number): number {
    const words = this.#words;
    let at = this.#slotOf(high) * WORDS_PER_SLOT;
    for (;;) {
      const line = words[at + 2] as number;
      if (line === 0 || (words[at] === high && words[at + 1] === low)) {
        this.#lastFound = at;
        return line;
      }
      at += WORDS_PER_SLOT;
      if (at === words.length) at = 0;
    }
  }

  /** Has the memory fetched where an id would stand. What it returns only keeps it from being left out. */
  fetch(high: number): number {
    return this.#words[this.#slotOf(high) * WORDS_PER_SLOT] as number;
  }

  /** Straight after a `find` that found none. */
  put(high: number, low: number, line: number): void {
    const words = this.#words;
    const at = this.#lastFound;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = line;
    this.#used += 1;
    if (this.#used > this.#slots * TOO_FULL_AT) this.#resize(Math.ceil(this.#slots * GROWTH));
  }

  makeRoom(ids: number): void {
    const slots = Math.ceil(ids / FULL_AT);
    if (slots > this.#slots) this.#resize(slots);
  }

  #resize(slots: number): void {
    const old = this.#words;
    this.#slots = slots;
    this.#words = new Uint32Array(this.#slots * WORDS_PER_SLOT);
    for (let at = 0; at < old.length; at += WORDS_PER_SLOT) {
      const line = old[at + 2] as number;
      if (line === 0) continue;
      const high = old[at] as number;
      const low = old[at + 1] as number;
      this.find(high, low);
      this.#words[this.#lastFound] = high;
      this.#words[this.#lastFound + 1] = low;
      this.#words[this.#lastFound + 2] = line;
    }
  }

  /** The high word's share of 2^32, of all slots: no modulo of a number that grows. */
  #slotOf(high: number): number {
    return Math.floor((high / 0x1_0000_0000) * this.#slots);
  }
}

export class SeenIds {
  readonly #orders = new IdTable(FEWEST_SLOTS);
  readonly #transactions = new IdTable(FEWEST_SLOTS);
  /** After `add` said false. Line of the row that had this order id first; 0: none. */
  orderLine = 0;
  transactionLine = 0;

  /** Makes room at once for so many rows in all; a wrong guess costs time or memory, nothing else. */
  expect(rows: number): void {
    this.#orders.makeRoom(rows);
    this.#transactions.makeRoom(rows);
  }

  /**
   * For the rows whose fingerprints (order, transaction: two words each) are added next. The tables are larger than any cache, and asking
   * for many places at once takes a fraction of the time of asking for one after the other.
   */
  fetch(prints: Uint32Array, rows: number): number {
    let fetched = 0;
    for (let at = 0; at < rows * PRINT_WORDS; at += PRINT_WORDS) {
      fetched ^= this.#orders.fetch(prints[at] as number) ^ this.#transactions.fetch(prints[at + 2] as number);
    }
    return fetched;
  }

  /** Remembers the row and says true, unless one of its ids was there before. `line` is at least 1. */
  add(orderHigh: number, orderLow: number, transactionHigh: number, transactionLow: number, line: number): boolean {
    this.orderLine = this.#orders.find(orderHigh, orderLow);
    this.transactionLine = this.#transactions.find(transactionHigh, transactionLow);
    if (this.orderLine !== 0 || this.transactionLine !== 0) return false;
    this.#orders.put(orderHigh, orderLow, line);
    this.#transactions.put(transactionHigh, transactionLow, line);
    return true;
  }
}
