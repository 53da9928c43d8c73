/** Where the rows of a stretch belong in the ledger, looked up while the rest of the stretch is read. */
import type { AttemptIds, Ledger } from "../ledger/ledger.ts";
import type { HeldResults } from "../profiles/held-results.ts";
import { Asked } from "./asked.ts";
import { MOST_ROWS, nearKeysTogether } from "./near-keys.ts";

const LOOKED_UP_TOGETHER = 1_000;
const LOOKUPS_AHEAD = 4;

export class RowPlaces {
  readonly #ledger: Pick<Ledger, "findAttemptIds">;
  readonly #stretch: HeldResults;
  /** Attempts whose batch can change its state by a row that speaks of one of them. */
  readonly #unsettled: ReadonlySet<number>;
  /** Of each row the first attempt of its order; 0: it stays in the order of the file, in front of all others. */
  places = new Float64Array(0);
  /** Of each row the attempt of its order, if it has one and no other; else 0. */
  attempts = new Float64Array(0);
  readonly #asked = new Asked<Float64Array, AttemptIds>();
  /** Rows that stay where they are, whatever their orders are. */
  readonly #stay = new Set<number>();
  #length = 0;
  #hasSessions = false;

  constructor(ledger: Pick<Ledger, "findAttemptIds">, stretch: HeldResults, unsettled: ReadonlySet<number>) {
    this.#ledger = ledger;
    this.#stretch = stretch;
    this.#unsettled = unsettled;
  }

  /** The rows that were added to the stretch. */
  async add(): Promise<void> {
    const stretch = this.#stretch;
    const near = nearKeysTogether(stretch.orderIds, this.#length);
    this.#length = stretch.length;
    this.places = atLeast(this.places, stretch.length);
    this.attempts = atLeast(this.attempts, stretch.length);
    for (let start = 0; start < near.length; start += LOOKED_UP_TOGETHER) {
      const rows = near.subarray(start, start + LOOKED_UP_TOGETHER);
      if (this.#asked.count > LOOKUPS_AHEAD) await this.#takeFirst();
      const orderIds: string[] = [];
      for (const row of rows) orderIds.push(stretch.orderIdOf(row));
      this.#asked.put(rows, this.#ledger.findAttemptIds(orderIds));
    }
  }

  /** Numbers of rows, all of the stretch; those of one place in the order of the file. */
  async order(): Promise<Float64Array> {
    while (this.#asked.count > 0) await this.#takeFirst();
    for (const row of this.#stay) this.places[row] = 0;
    if (this.#hasSessions) this.places.fill(0);
    const order = this.places.slice(0, this.#length);
    for (let row = 0; row < order.length; row++) order[row] = (order[row] as number) * MOST_ROWS + row;
    order.sort();
    for (let at = 0; at < order.length; at++) order[at] = (order[at] as number) % MOST_ROWS;
    return order;
  }

  async #takeFirst(): Promise<void> {
    const { question: rows, answer } = await this.#asked.take();
    const { orders, attemptIds } = answer;
    const { places, attempts } = this;
    for (let n = 0; n < orders.length; n++) {
      const row = rows[orders[n] as number] as number;
      const attemptId = attemptIds[n] as number;
      const before = places[row] as number;
      places[row] = before === 0 ? attemptId : Math.min(before, attemptId);
      attempts[row] = before === 0 ? attemptId : 0;
      if (this.#unsettled.has(attemptId)) this.#stay.add(row);
    }
    if (this.#hasSessions) return;
    this.#hasSessions = rows.some((row) => places[row] === 0 && this.#stretch.isNamedBySession(row));
  }
}

function atLeast(numbers: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= numbers.length) return numbers;
  const larger = new Float64Array(Math.max(length, 2 * numbers.length));
  larger.set(numbers);
  return larger;
}
