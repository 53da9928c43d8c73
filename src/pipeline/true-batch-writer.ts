/** What BatchWriter does, by way of rebills and csv-stringify: the slow path that RESCUE_INTAKE=truth takes, for comparison. */
import type { CanonicalRows } from "../domain/canonical-rows.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import { decodeCanonical } from "../intake/canonical.ts";
import { type BatchEncoder, createBatchEncoder } from "../profiles/encode.ts";
import type { Profile } from "../profiles/profile.ts";
import type { BatchBytes } from "../profiles/write-batch.ts";

export class TrueBatchWriter implements BatchBytes {
  readonly isFull = true;
  readonly #makeEncoder: () => BatchEncoder;
  #encoder: BatchEncoder;
  #totals = new MoneyTotals();
  #text = "";

  constructor(profile: Profile, options: { readonly mid: string }) {
    this.#makeEncoder = () => createBatchEncoder(profile, options);
    this.#encoder = this.#makeEncoder();
  }

  begin(): void {
    this.#encoder = this.#makeEncoder();
    this.#totals = new MoneyTotals();
    this.#text = this.#encoder.header();
  }

  add(rows: CanonicalRows, row: number): void {
    for (const rebill of decodeCanonical(rows.pick([row]), "the archived export")) {
      this.#totals.add(rebill.currency, rebill.amountMinor);
      this.#text += this.#encoder.row(rebill);
    }
  }

  take(): Buffer {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    return bytes;
  }

  totals(): MoneyTotal[] {
    return this.#totals.toArray();
  }
}
