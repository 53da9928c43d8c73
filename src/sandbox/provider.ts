/**
 * The provider behind the folders: takes batches, refuses what it must, and speaks at its result times. It moves only
 * when it is told what time it is, and everything in it is synchronous, so that a run repeats to the byte.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DAY_MS, type DurationMs, formatCompactUtc, type Instant, MINUTE_MS, SECOND_MS } from "../domain/instant.ts";
import { MoneyTotals } from "../domain/money.ts";
import type { Profile } from "../profiles/profile.ts";
import { isBatchName, isTemporaryName, isTriggerName } from "./batch-names.ts";
import { type BatchReading, readBatch } from "./batch-reader.ts";
import type { DropFolders } from "./drop-folders.ts";
import type { SandboxEvent } from "./events.ts";
import type { FateOptions } from "./fate.ts";
import { type Manner, Manners } from "./manners.ts";
import { OrderBook, type ProviderTotals } from "./order-book.ts";
import { encodeResults } from "./result-file.ts";

export interface ProviderOptions extends FateOptions {
  readonly profile: Profile;
  /** Undefined: that of the first accepted file. */
  readonly mid: string | undefined;
  readonly startAt: Instant;
  /** Minutes after midnight, UTC. */
  readonly resultMinutes: readonly number[];
  readonly manners: readonly Manner[];
  /** IANA zone in which the age of a decline is counted. */
  readonly timezone: string;
  readonly maxAgeDays: number;
  readonly onEvent: (event: SandboxEvent) => void;
  /** How far the provider's clock runs ahead of the merchant's, just now. */
  readonly shiftMs: () => DurationMs;
  readonly isBeingWritten: (path: string) => boolean;
}

/** A file of which the first half has been written. */
interface HalfWritten {
  readonly name: string;
  readonly rows: number;
  readonly bytes: Buffer;
}

export class Provider {
  readonly #folders: DropFolders;
  readonly #options: ProviderOptions;
  readonly #manners: Manners;
  readonly #book: OrderBook;
  readonly #taken: string;
  readonly #refused: string;
  readonly #seenNames: Set<string>;
  #mid: string | undefined;
  #now: Instant;
  #toldAt: Instant;
  #resultTimes = 0;
  #halfWritten: HalfWritten[] = [];

  /** Makes `taken` and `refused` beside the two folders that a client sees. */
  constructor(folders: DropFolders, options: ProviderOptions) {
    this.#folders = folders;
    this.#options = options;
    this.#manners = new Manners(options.manners, (manner, orderId) => this.#emit({ type: "manner", manner, orderId }));
    this.#book = new OrderBook(options, this.#manners);
    this.#taken = join(folders.root, "taken");
    this.#refused = join(folders.root, "refused");
    for (const folder of [this.#taken, this.#refused]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#seenNames = new Set([...readdirSync(this.#taken), ...readdirSync(this.#refused)]);
    this.#mid = options.mid;
    this.#now = options.startAt;
    this.#toldAt = options.startAt;
  }

  get now(): Instant {
    return this.#now;
  }

  /** What is in the inbound folder is taken at the old time; then every result time up to the new one goes by. */
  advanceTo(instant: Instant): void {
    if (!(instant >= this.#now)) throw new RangeError("the provider's clock only goes forward");
    for (const half of this.#halfWritten.splice(0)) this.#finishWriting(half);
    this.takeFiles();
    for (let next = this.#nextResultTime(); next <= instant; next = this.#nextResultTime()) {
      this.#now = next;
      this.#speak();
    }
    this.#now = instant;
  }

  /** Takes or refuses every whole file, in the order of names. */
  takeFiles(): void {
    const { delivery } = this.#options.profile;
    const names = this.#folders
      .list({ kind: "folder", folder: "inbound", path: this.#folders.inbound })
      .map((entry) => entry.name)
      .sort();
    for (const name of names) {
      const trigger = delivery.trigger?.replace("{name}", name);
      const isWhole =
        !isTemporaryName(name, delivery) &&
        !isTriggerName(name, delivery) &&
        !this.#options.isBeingWritten(join(this.#folders.inbound, name)) &&
        (trigger === undefined || names.includes(trigger));
      if (!isWhole) continue;
      this.#takeFile(name);
      if (trigger !== undefined) rmSync(join(this.#folders.inbound, trigger));
    }
  }

  /** As of the last result time: what a merchant can know who has read every result file. */
  totals(): ProviderTotals {
    return this.#book.totals(this.#toldAt);
  }

  #takeFile(name: string): void {
    const path = join(this.#folders.inbound, name);
    const reading = this.#read(name, path);
    if ("refusal" in reading) {
      this.#refuse(name, path, reading);
      return;
    }
    this.#seenNames.add(name);
    renameSync(path, join(this.#taken, name));
    this.#mid ??= reading.mid;
    const accepted = [];
    const refused = [...reading.refusedRows];
    for (const order of reading.orders) {
      const duplicate = this.#book.findDuplicate(order, this.#now);
      if (duplicate === undefined) {
        this.#book.accept(order, this.#now, this.#options.shiftMs());
        accepted.push(order);
      } else {
        refused.push({ row: order.row, orderId: order.orderId, reasons: [duplicate] });
      }
    }
    const totals = MoneyTotals.of(accepted).toArray();
    this.#emit({ type: "file_taken", name, rows: accepted.length, refusedRows: refused.length, totals });
    for (const row of refused) this.#emit({ type: "row_refused", name, ...row });
  }

  #read(name: string, path: string): BatchReading {
    const { profile, timezone, maxAgeDays } = this.#options;
    const refuse = (refusal: string): BatchReading => ({ refusal, holdsCardNumber: false });
    if (this.#seenNames.has(name)) return refuse("a file of this name came before");
    if (!isBatchName(name, profile.batch.nameTemplate, this.#mid)) return refuse("the name is not of the agreed form");
    const now = this.#now - this.#options.shiftMs();
    return readBatch(readFileSync(path), { profile, mid: this.#mid, now, timezone, maxAgeDays });
  }

  #refuse(name: string, path: string, { refusal, holdsCardNumber }: Extract<BatchReading, { refusal: string }>): void {
    this.#seenNames.add(name);
    const kept = findFreeName(this.#refused, (count) => (count === 0 ? name : `${name}.${count}`));
    if (holdsCardNumber) rmSync(path);
    else renameSync(path, join(this.#refused, kept));
    const fate = holdsCardNumber ? "The file was deleted." : "The file is kept here.";
    writeFileSync(join(this.#refused, `${kept}.reason.txt`), `${refusal}\nNothing of it was taken. ${fate}\n`);
    this.#emit({ type: "file_refused", name, reason: refusal });
  }

  /** The first result time after now. */
  #nextResultTime(): Instant {
    const midnight = Math.floor(this.#now / DAY_MS) * DAY_MS;
    const times = this.#options.resultMinutes.flatMap((minute) => [
      midnight + minute * MINUTE_MS,
      midnight + DAY_MS + minute * MINUTE_MS,
    ]);
    return Math.min(...times.filter((time) => time > this.#now));
  }

  #speak(): void {
    if (this.#book.isEmpty) return;
    this.#resultTimes += 1;
    if (this.#manners.has("silent") && this.#resultTimes % 2 === 0) {
      this.#emit({ type: "result_withheld" });
      return;
    }
    const rows = this.#manners.spoil(this.#book.tell(this.#now));
    this.#toldAt = this.#now;
    const bytes = encodeResults(rows, this.#options.profile.results);
    for (let copy = 0; copy < (this.#manners.has("repeat") ? 2 : 1); copy += 1) {
      // A free name is one second later: the second copy, or a sandbox started again on its old folder.
      const name = findFreeName(
        this.#folders.outbound,
        (count) => `results_${this.#mid}_${formatCompactUtc(this.#now + count * SECOND_MS)}.csv`,
      );
      this.#write(name, bytes, rows.length);
    }
  }

  #write(name: string, bytes: Buffer, rows: number): void {
    if (this.#manners.has("unterminated")) {
      // In the middle of a line: at the end of one, half a file would look like a whole one.
      const half = bytes.subarray(0, bytes.lastIndexOf("\n", bytes.length / 2) + 2);
      writeFileSync(join(this.#folders.outbound, name), half);
      this.#halfWritten.push({ name, rows, bytes });
      this.#emit({ type: "result_written", name, rows, complete: false });
      return;
    }
    const temporary = join(this.#folders.root, "result-being-written");
    writeFileSync(temporary, bytes);
    renameSync(temporary, join(this.#folders.outbound, name));
    this.#emit({ type: "result_written", name, rows, complete: true });
  }

  #finishWriting({ name, rows, bytes }: HalfWritten): void {
    writeFileSync(join(this.#folders.outbound, name), bytes);
    this.#emit({ type: "result_written", name, rows, complete: true });
  }

  #emit(event: DistributiveOmit<SandboxEvent, "at">): void {
    this.#options.onEvent({ at: this.#now, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function findFreeName(folder: string, nameFor: (count: number) => string): string {
  for (let count = 0; ; count += 1) {
    const name = nameFor(count);
    if (!existsSync(join(folder, name))) return name;
  }
}
