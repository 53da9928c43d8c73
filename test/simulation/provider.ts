/**
 * The rescue provider, with its own eyes: it reads our batch files by splitting them, works on the rebills for weeks, and
 * writes result files well and badly. It keeps for each file which rebill each of its rows is truly about.
 */
import { createHash } from "node:crypto";
import { formatInstant, type Instant, parseInstant } from "../../src/domain/instant.ts";
import type { Dice } from "./dice.ts";
import type { Arrival, SimServer } from "./server.ts";

/** One rebill as the provider read it. */
export interface Case {
  readonly orderId: string;
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declinedAt: Instant;
  readonly expiresAt: Instant;
  readonly batchName: string;
  readonly session: string;
  /** The last word given; "" before any. */
  word: string;
  /** When its last word was given. */
  saidAt: Instant;
  refundedMinor: number;
  /** No more is said: the merchant has sent the order again, and could not tell whose word it is. */
  isMute: boolean;
}

/** One row of a result file. */
export interface Word {
  /** Whose: the transaction; "" for an order that nobody sent. */
  readonly transactionId: string;
  readonly orderId: string;
  readonly session: string;
  readonly raw: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly at: Instant;
}

export interface Published {
  readonly name: string;
  readonly words: readonly Word[];
  readonly malformed: number;
  /** How it is to be understood: rows, not yet whole, or no result file at all. */
  readonly kind: "rows" | "torn" | "junk";
}

export interface ProviderManners {
  readonly cumulative: boolean;
  /** Chance, per round, of each kind of bad behaviour. */
  readonly naughty: number;
}

const HEADER = [
  "orderId",
  "orderSessionKey",
  "status",
  "amount",
  "currency",
  "processedAtUtc",
  "responseCode",
] as const;

export class SimProvider {
  readonly cases: Case[] = [];
  /** By SHA-256 of the bytes. */
  readonly published = new Map<string, Published>();
  readonly #dice: Dice;
  readonly #server: SimServer;
  readonly #manners: ProviderManners;
  readonly #said: Word[] = [];
  #unsaid: Word[] = [];
  #read = 0;
  #files = 0;
  #torn: { name: string; text: string }[] = [];

  constructor(dice: Dice, server: SimServer, manners: ProviderManners) {
    this.#dice = dice;
    this.#server = server;
    this.#manners = manners;
  }

  /** Reads what came, works, and perhaps publishes. */
  work(now: Instant): void {
    this.finishTorn();
    for (const arrival of this.#server.received.slice(this.#read)) this.cases.push(...readBatch(arrival));
    this.#read = this.#server.received.length;
    for (const entry of this.cases) if (!entry.isMute) this.#workOn(entry, now);
    if (this.#unsaid.length > 0 && this.#dice.chance(0.85)) this.#publish(now);
    if (this.#dice.chance(this.#manners.naughty / 4))
      this.#put(`notes-${++this.#files}.csv`, "hello,world\n1,2\n", [], "junk");
  }

  /** The rest of a file that was put there in two pieces. */
  finishTorn(): void {
    for (const { name, text } of this.#torn) this.#server.drop.put(`/outbound/${name}`, text);
    this.#torn = [];
  }

  #workOn(entry: Case, now: Instant): void {
    const say = (raw: string, change: Partial<Word> = {}) => {
      const { transactionId, orderId, session, amountMinor, currency } = entry;
      entry.saidAt = now;
      this.#unsaid.push({ transactionId, orderId, session, raw, amountMinor, currency, at: now, ...change });
    };
    const naughty = this.#dice.chance(this.#manners.naughty / 3);
    if (entry.word === "SILENT") {
      // Money that comes after all, when nobody waits for it any more.
      if (now > entry.expiresAt && this.#dice.chance(0.15)) this.#end(entry, "APPROVED", say);
    } else if (entry.word === "" || entry.word === "SUBMITTED") {
      if (naughty) say("APPROVED", this.#wrongMoney(entry));
      else if (this.#dice.chance(0.05)) say("ON_HOLD");
      else if (this.#dice.chance(0.35)) this.#end(entry, this.#verdict(), say);
      else if (entry.word === "" || this.#dice.chance(0.3)) {
        entry.word = "SUBMITTED";
        say(this.#dice.pick(["SUBMITTED", "PROCESSING", "PENDING"]));
      }
    } else if (entry.word === "APPROVED") {
      if (naughty) say(this.#dice.pick(["DECLINED", "CANCELLED", "COMPLETED"]));
      else if (this.#dice.chance(0.08)) this.#refund(entry, say);
    } else if (naughty) {
      say(this.#dice.pick(["APPROVED", entry.word, "SUBMITTED"]));
    }
  }

  #verdict(): string {
    return this.#dice.pick([
      "APPROVED",
      "APPROVED",
      "APPROVED",
      "DECLINED",
      "EXPIRED",
      "CANCELLED",
      "SILENT",
      "RETURNED",
    ]);
  }

  #end(entry: Case, word: string, say: (raw: string, change?: Partial<Word>) => void): void {
    entry.word = word;
    if (word === "SILENT") return;
    if (word === "RETURNED") entry.refundedMinor = entry.amountMinor;
    say(word);
  }

  #refund(entry: Case, say: (raw: string, change?: Partial<Word>) => void): void {
    const left = entry.amountMinor - entry.refundedMinor;
    if (left <= 0) return;
    const amountMinor = this.#dice.chance(0.5) ? left : this.#dice.between(1, left);
    entry.refundedMinor += amountMinor;
    say("REFUNDED", { amountMinor });
  }

  #wrongMoney(entry: Case): Partial<Word> {
    if (this.#dice.chance(0.3)) return { currency: entry.currency === "GBP" ? "CHF" : "GBP" };
    return { amountMinor: entry.amountMinor + this.#dice.between(1, 900) };
  }

  #publish(now: Instant): void {
    const naughty = () => this.#dice.chance(this.#manners.naughty);
    const fresh = naughty() ? this.#dice.shuffle(this.#unsaid) : this.#unsaid;
    this.#said.push(...fresh);
    this.#unsaid = [];
    const words = this.#manners.cumulative ? [...this.#said] : [...fresh];
    if (naughty()) words.push(nobodys(this.#dice, now));
    const malformed = naughty() ? 1 : 0;
    this.#files += 1;
    const name = this.#manners.cumulative ? "all.csv" : `results-${String(this.#files).padStart(4, "0")}.csv`;
    const columns = this.#dice.chance(0.2) ? this.#dice.shuffle(HEADER) : HEADER;
    const lines = words.map(
      (word) => `${columns.map((column) => cellOf(word, column)).join(",")},"ok, ""${word.raw}"""`,
    );
    const broken = malformed === 0 ? [] : ["broken,row"];
    const text = `${[`${columns.join(",")},message`, ...lines, ...broken].join("\n")}\n`;
    if (naughty()) this.#putTorn(name, text, words, malformed);
    else this.#put(name, text, words, "rows", malformed);
    if (naughty()) this.#put(`again-${this.#files}.csv`, text, words, "rows", malformed);
    if (naughty() && !this.#manners.cumulative) this.#put(`sum-${this.#files}.csv`, ...this.#sum());
  }

  #sum(): [string, readonly Word[], "rows"] {
    const lines = this.#said.map((word) => `${HEADER.map((column) => cellOf(word, column)).join(",")},`);
    return [`${[`${HEADER.join(",")},message`, ...lines].join("\n")}\n`, [...this.#said], "rows"];
  }

  /** Cut within a row: cut between rows it would be a whole, shorter file, and nobody could tell. */
  #putTorn(name: string, text: string, words: readonly Word[], malformed: number): void {
    const rows = text.split("\n");
    const cutRow = this.#dice.between(0, rows.length - 2);
    const row = rows[cutRow] ?? "";
    const half = [...rows.slice(0, cutRow), row.slice(0, this.#dice.between(0, row.lastIndexOf(',"') - 1))].join("\n");
    if (half === "" || half.endsWith("\n") || row.lastIndexOf(',"') < 1) {
      this.#put(name, text, words, "rows", malformed);
      return;
    }
    this.#put(name, half, [], "torn");
    this.#remember(name, text, { words, malformed, kind: "rows" });
    this.#torn.push({ name, text });
  }

  #put(name: string, text: string, words: readonly Word[], kind: Published["kind"], malformed = 0): void {
    this.#remember(name, text, { words, malformed, kind });
    this.#server.drop.put(`/outbound/${name}`, text);
  }

  #remember(name: string, text: string, what: Omit<Published, "name">): void {
    this.published.set(createHash("sha256").update(text).digest("hex"), { name, ...what });
  }
}

function nobodys(dice: Dice, at: Instant): Word {
  const orderId = `x-${dice.between(1, 9)}`;
  return { transactionId: "", orderId, session: "", raw: "APPROVED", amountMinor: 100, currency: "USD", at };
}

/** Not our encoder's twin: it trusts the header's names and nothing else. */
export function readBatch(arrival: Arrival): Case[] {
  const [header = "", ...lines] = arrival.bytes.trimEnd().split("\n");
  const names = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    const cell = (name: string) => cells[names.indexOf(name)] ?? "";
    const instant = (name: string) => parseInstant(cell(name)) ?? Number.NaN;
    return {
      orderId: cell("orderId"),
      transactionId: cell("transaction.id"),
      amountMinor: Number(cell("transaction.amount")),
      currency: cell("transaction.currency"),
      declinedAt: instant("transaction.timestampUtc"),
      expiresAt: instant("expiryDateUtc"),
      batchName: arrival.name,
      session: `k-${arrival.name}-${cell("sequenceNumber")}`,
      word: "",
      saidAt: 0,
      refundedMinor: 0,
      isMute: false,
    };
  });
}

function cellOf(word: Word, column: (typeof HEADER)[number]): string {
  switch (column) {
    case "orderId":
      return word.orderId;
    case "orderSessionKey":
      return word.session;
    case "status":
      return word.raw;
    case "amount":
      return String(word.amountMinor);
    case "currency":
      return word.currency;
    case "processedAtUtc":
      return formatInstant(word.at);
    case "responseCode":
      return "";
  }
}
