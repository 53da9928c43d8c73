/**
 * The merchant's biller: which rebills were declined, and the exports that it writes of them, well and badly. What it
 * knows of each decline is the truth that everything else is held against.
 */
import { DAY_MS, formatInstant, HOUR_MS, type Instant, MINUTE_MS } from "../../src/domain/instant.ts";
import type { Dice } from "./dice.ts";

export interface Decline {
  readonly orderId: string;
  readonly transactionId: string;
  readonly declinedAt: Instant;
  readonly amountMinor: number;
  readonly currency: string;
  readonly expiresAt: Instant;
  /** `never`: its code forbids another try; `bad`: a row that nobody can send. */
  readonly kind: "good" | "never" | "bad";
}

/** An export as it lies in the inbox, row by row. */
export interface ExportFile {
  readonly name: string;
  readonly rows: readonly Decline[];
  readonly csv: string;
}

const COLUMNS = [
  "order_id",
  "transaction_id",
  "subscription_id",
  "customer_id",
  "declined_at",
  "amount",
  "currency",
  "decline_code",
  "payment_token",
  "expires_at",
] as const;

const CURRENCIES = [
  { code: "USD", digits: 2 },
  { code: "EUR", digits: 2 },
  { code: "JPY", digits: 0 },
  { code: "KWD", digits: 3 },
] as const;

export class Biller {
  readonly declines: Decline[] = [];
  readonly #dice: Dice;
  #orders = 0;
  #transactions = 0;
  #exports = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** A new order, declined in the hours before now. */
  decline(after: Instant, now: Instant): Decline {
    const kind = this.#dice.chance(0.04) ? "bad" : this.#dice.chance(0.05) ? "never" : "good";
    this.#orders += 1;
    return this.#add({ orderId: `o-${this.#orders}`, kind }, after, now);
  }

  /** The same order, declined again under a new transaction. */
  declineAgain(orderId: string, after: Instant, now: Instant): Decline {
    return this.#add({ orderId, kind: "good" }, after, now);
  }

  /** The same transaction, told under another order id: the same money. */
  renumber(decline: Decline): Decline {
    this.#orders += 1;
    const twin = { ...decline, orderId: `o-${this.#orders}` };
    this.declines.push(twin);
    return twin;
  }

  write(rows: readonly Decline[]): ExportFile {
    this.#exports += 1;
    const columns = this.#dice.chance(0.3) ? this.#dice.shuffle(COLUMNS) : COLUMNS;
    const lines = rows.map((row) => columns.map((column) => cellOf(row, column)).join(","));
    return { name: `rebills-${this.#exports}.csv`, rows, csv: `${[columns.join(","), ...lines].join("\n")}\n` };
  }

  #add(known: Pick<Decline, "orderId" | "kind">, after: Instant, now: Instant): Decline {
    const earliest = Math.max(after + 1_000, now - 20 * HOUR_MS);
    const declinedAt = Math.min(earliest + Math.floor(this.#dice.next() * (now - earliest)), now - MINUTE_MS);
    this.#transactions += 1;
    const decline = {
      ...known,
      transactionId: `t-${this.#transactions}`,
      declinedAt,
      amountMinor: this.#dice.between(1, 500_000),
      currency: this.#dice.pick(CURRENCIES).code,
      expiresAt: declinedAt + this.#dice.between(14, 21) * DAY_MS,
    };
    this.declines.push(decline);
    return decline;
  }
}

function cellOf(row: Decline, column: (typeof COLUMNS)[number]): string {
  const number = row.orderId.slice(2);
  switch (column) {
    case "order_id":
      return row.orderId;
    case "transaction_id":
      return row.transactionId;
    case "subscription_id":
      return `s-${Number(number) % 40}`;
    case "customer_id":
      return `c-${number}`;
    case "declined_at":
      return formatInstant(row.declinedAt);
    case "amount":
      return major(row.amountMinor, row.currency);
    case "currency":
      return row.currency;
    case "decline_code":
      return row.kind === "never" ? "41" : "51";
    case "payment_token":
      return row.kind === "bad" ? "" : `tok_${row.transactionId}`;
    case "expires_at":
      return formatInstant(row.expiresAt);
  }
}

function major(amountMinor: number, currency: string): string {
  const digits = CURRENCIES.find(({ code }) => code === currency)?.digits ?? 2;
  if (digits === 0) return String(amountMinor);
  const text = String(amountMinor).padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
