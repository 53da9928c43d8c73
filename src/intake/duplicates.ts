/**
 * Which order and transaction ids a file has had, and on which line. A million rows must not become a million strings, so
 * ids are kept as 64-bit fingerprints: about 30 bytes a row, and in a file of a million rows the chance that any two
 * ids are confused is below one in a million. (Then a row would be rejected as a duplicate; nothing would be sent twice.)
 */

/** Order id (2 words), transaction id (2 words), line. */
const WORDS_PER_ROW = 5;
const CHUNK_BITS = 12;
const ROWS_PER_CHUNK = 1 << CHUNK_BITS;
const FULL_AT = 0.75;
const GROWTH = 1.2;

export interface SeenBefore {
  /** Line of the row that had this order id first; undefined: none. */
  readonly orderLine: number | undefined;
  readonly transactionLine: number | undefined;
}

/** Rows by the fingerprint of one of their ids: open addressing, entries are row numbers from 1. */
interface Index {
  /** Where in the row the fingerprint stands. */
  readonly word: 0 | 2;
  slots: Uint32Array;
}

export class SeenIds {
  readonly #chunks: Uint32Array[] = [];
  readonly #orders: Index = { word: 0, slots: new Uint32Array(1024) };
  readonly #transactions: Index = { word: 2, slots: new Uint32Array(1024) };
  #rows = 0;

  /** Remembers the row, unless one of its ids was there before. */
  add(orderId: string, transactionId: string, line: number): SeenBefore {
    const [orderHigh, orderLow] = fingerprint(orderId);
    const [transactionHigh, transactionLow] = fingerprint(transactionId);
    const seen = {
      orderLine: this.#findLine(this.#orders, orderHigh, orderLow),
      transactionLine: this.#findLine(this.#transactions, transactionHigh, transactionLow),
    };
    if (seen.orderLine === undefined && seen.transactionLine === undefined) {
      this.#append([orderHigh, orderLow, transactionHigh, transactionLow, line]);
    }
    return seen;
  }

  #append(words: readonly number[]): void {
    if (this.#rows % ROWS_PER_CHUNK === 0) this.#chunks.push(new Uint32Array(ROWS_PER_CHUNK * WORDS_PER_ROW));
    this.#rows += 1;
    this.#chunks.at(-1)?.set(words, ((this.#rows - 1) % ROWS_PER_CHUNK) * WORDS_PER_ROW);
    for (const index of [this.#orders, this.#transactions]) {
      if (this.#rows > index.slots.length * FULL_AT) this.#grow(index);
      else this.#place(index, this.#rows);
    }
  }

  #grow(index: Index): void {
    index.slots = new Uint32Array(Math.ceil(index.slots.length * GROWTH));
    for (let row = 1; row <= this.#rows; row++) this.#place(index, row);
  }

  #place(index: Index, row: number): void {
    let slot = this.#word(row, index.word) % index.slots.length;
    while (index.slots[slot] !== 0) slot = (slot + 1) % index.slots.length;
    index.slots[slot] = row;
  }

  #findLine(index: Index, high: number, low: number): number | undefined {
    let slot = high % index.slots.length;
    for (;;) {
      const row = index.slots[slot];
      if (row === undefined || row === 0) return undefined;
      if (this.#word(row, index.word) === high && this.#word(row, index.word + 1) === low) return this.#word(row, 4);
      slot = (slot + 1) % index.slots.length;
    }
  }

  #word(row: number, word: number): number {
    const chunk = this.#chunks[(row - 1) >>> CHUNK_BITS];
    return chunk?.[((row - 1) & (ROWS_PER_CHUNK - 1)) * WORDS_PER_ROW + word] ?? 0;
  }
}

/** Two 32-bit words, each from its own multiplier, mixed with each other at the end. Fast, not secret. */
function fingerprint(id: string): [high: number, low: number] {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return [high >>> 0, low >>> 0];
}
