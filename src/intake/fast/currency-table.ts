/** What the policy and ISO 4217 say of each currency, by its index. */
import { CURRENCY_EXPONENTS } from "../../domain/currency.ts";
import { CURRENCY_INDEXES, currencyIndex } from "../currency-index.ts";

export class CurrencyTable {
  /** Decimals; -1: no currency. */
  readonly exponents = new Int8Array(CURRENCY_INDEXES).fill(-1);
  /** The most minor units that the policy allows. */
  readonly limits = new Float64Array(CURRENCY_INDEXES);

  constructor(maxAmountMinor: Readonly<Record<string, number>>) {
    for (const [code, exponent] of CURRENCY_EXPONENTS) {
      const index = currencyIndex(Buffer.from(code), 0, code.length);
      this.exponents[index] = exponent;
      this.limits[index] = maxAmountMinor[code] ?? Number.POSITIVE_INFINITY;
    }
  }
}
