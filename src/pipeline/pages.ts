/** Pages of rows: cut, and read. */

/** For one call of the ledger. Larger pages outlive the collector's first look and take more memory and time. */
const PAGE_ROWS = 1_000;

export function* pagesOf<Row>(all: readonly Row[]): Generator<Row[]> {
  for (let start = 0; start < all.length; start += PAGE_ROWS) yield all.slice(start, start + PAGE_ROWS);
}

/** One at a time from pages that are only fetched when they are needed. */
export class PageReader<Row> {
  readonly #pages: AsyncIterator<Row[]>;
  #page: Row[] = [];
  #index = 0;
  /** How many were given. */
  taken = 0;

  constructor(pages: AsyncIterable<Row[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  async next(): Promise<Row | undefined> {
    while (this.#index >= this.#page.length) {
      const next = await this.#pages.next();
      if (next.done) return undefined;
      this.#page = next.value;
      this.#index = 0;
    }
    this.taken += 1;
    this.#index += 1;
    return this.#page[this.#index - 1];
  }
}
