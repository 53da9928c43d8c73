/**
 * What a result file asks of the ledger by the million, as a few strings a page: SQLite makes them faster than rows, and from thread to
 * thread they cost next to nothing, where as many objects would take longer than to find them.
 */
import type { Outcome, OutcomeStatus } from "../../domain/outcome.ts";
import type { NewOutcome, ResultBook, SentAttempt } from "../ledger.ts";

type Unpacked = "findAttemptIds" | "findSentAttempts" | "appendOutcomes";

export interface PackedResultBook extends Omit<ResultBook, Unpacked> {
  /** `orderIds`: a JSON array. */
  findPackedIds(orderIds: string): Promise<PackedIds>;
  findPackedAttempts(keys: PackedKeys): Promise<PackedAttempts>;
  appendPacked(outcomes: readonly PackedOutcomes[]): Promise<void>;
}

/** AttemptIds, each a JSON array. */
export type PackedIds = readonly [orders: string, attemptIds: string];

export interface PackedKeys {
  /** JSON arrays; empty: none. */
  readonly attemptIds: string;
  readonly orderIds: string;
  readonly sessionKeys: readonly string[];
}

export interface PackedAttempts {
  /** By ids, by orders, by session keys. An attempt may be in several. */
  readonly parts: readonly PackedPart[];
  readonly batches: ReadonlyMap<number, BatchFacts>;
}

/** Columns, each a JSON array. */
export interface PackedPart {
  readonly attempts: readonly string[];
  readonly outcomes: readonly string[];
}

export type BatchFacts = Pick<SentAttempt, "batchState" | "batchWasUploaded">;

/** Outcomes that share a file and a time. */
export interface PackedOutcomes {
  readonly shared: readonly Value[];
  /** What many of them have in common. */
  readonly words: readonly OutcomeWord[];
  /** Of each outcome VALUES_OF_ONE: the id of its attempt first, and the place of its word last. */
  readonly values: readonly Value[];
}

export type OutcomeWord = Pick<NewOutcome, "status" | "rawStatus" | "currency" | "responseCode">;

export type Value = string | number | null;
export const VALUES_OF_ONE = 7;

export function unpackResults(book: PackedResultBook): Pick<ResultBook, Unpacked> {
  const packer = new OutcomePacker();
  return {
    findAttemptIds: async (asked) => {
      const [orders, attemptIds] = await book.findPackedIds(JSON.stringify(asked));
      return { orders: JSON.parse(orders), attemptIds: JSON.parse(attemptIds) };
    },
    findSentAttempts: async (keys) => unpackAttempts(await book.findPackedAttempts(packKeys(keys))),
    appendOutcomes: (outcomes) =>
      book.appendPacked(packer.pack(outcomes)).catch((error) => {
        packer.forget();
        throw error;
      }),
  };
}

function packKeys({ attemptIds, orderIds, sessionKeys }: Parameters<ResultBook["findSentAttempts"]>[0]): PackedKeys {
  return {
    attemptIds: attemptIds.length === 0 ? "" : JSON.stringify([...new Set(attemptIds)]),
    orderIds: orderIds.length === 0 ? "" : JSON.stringify([...new Set(orderIds)]),
    sessionKeys,
  };
}

type Found = { -readonly [Key in keyof Omit<SentAttempt, "outcomes">]: SentAttempt[Key] } & { outcomes: Outcome[] };

function unpackAttempts({ parts, batches }: PackedAttempts): SentAttempt[] {
  const [only] = parts;
  if (parts.length === 1 && only) return unpackPart(only, batches);
  const byId = new Map<number, Found>();
  for (const part of parts) {
    for (const found of unpackPart(part, batches)) if (!byId.has(found.attemptId)) byId.set(found.attemptId, found);
  }
  return [...byId.values()];
}

function unpackPart({ attempts, outcomes }: PackedPart, batches: PackedAttempts["batches"]): Found[] {
  const columns = attempts.map((column) => JSON.parse(column));
  const [ids, orderIds, numbers, amounts, currencies, declined, expire, batchIds] = columns;
  const found: Found[] = [];
  for (let n = 0; n < ids.length; n++) {
    const batchId: number = batchIds[n];
    const batch = batches.get(batchId);
    if (!batch) throw new Error(`batch ${batchId} is not among those of its attempts`);
    found.push({
      attemptId: ids[n],
      orderId: orderIds[n],
      attemptNumber: numbers[n],
      amountMinor: amounts[n],
      currency: currencies[n],
      declinedAt: declined[n],
      expiresAt: expire[n],
      batchId,
      batchState: batch.batchState,
      batchWasUploaded: batch.batchWasUploaded,
      sessionKey: undefined,
      outcomes: [],
    });
  }
  if (outcomes[0] !== "[]") addOutcomes(new Map(found.map((attempt) => [attempt.attemptId, attempt])), outcomes);
  return found;
}

type OutcomeColumns = [
  attemptIds: number[],
  nths: number[],
  statuses: OutcomeStatus[],
  rawStatuses: string[],
  amountsMinor: number[],
  currencies: string[],
  processedAts: (number | null)[],
  sessionKeys: string[],
];

/** Those of one attempt come in their order. */
function addOutcomes(attempts: ReadonlyMap<number, Found>, columns: readonly string[]): void {
  const [ids, , statuses, rawStatuses, amounts, currencies, processed, keys] = columns.map((column) =>
    JSON.parse(column),
  ) as OutcomeColumns;
  for (let n = 0; n < ids.length; n++) {
    const attempt = attempts.get(ids[n] as number);
    if (!attempt) continue;
    const word = {
      status: statuses[n] as OutcomeStatus,
      rawStatus: rawStatuses[n] as string,
      amountMinor: amounts[n] as number,
      currency: currencies[n] as string,
    };
    const processedAt = processed[n] ?? null;
    attempt.outcomes.push(processedAt === null ? word : { ...word, processedAt });
    const key = keys[n] as string;
    // The first key that was learned is kept.
    if (attempt.sessionKey === undefined && key !== "") attempt.sessionKey = key;
  }
}

/** A dozen words make a result file; where each row has its own, those of a page. */
const MOST_WORDS = 100;

class OutcomePacker {
  /** From call to call, so that a word keeps its place. */
  #words: OutcomeWord[] = [];

  /** One of them may be what was refused. */
  forget(): void {
    this.#words = [];
  }

  pack(outcomes: readonly NewOutcome[]): PackedOutcomes[] {
    const packed: PackedOutcomes[] = [];
    let values: Value[] = [];
    let before: NewOutcome | undefined;
    if (this.#words.length > MOST_WORDS) this.forget();
    for (const outcome of outcomes) {
      if (!before || !isOfOneFile(before, outcome)) {
        const { source, resultFileId, at, recordedAt } = outcome;
        values = [];
        packed.push({ shared: [source, resultFileId ?? null, at, recordedAt], words: this.#words, values });
      }
      before = outcome;
      const { attemptId, amountMinor, processedAt = null, line, message, sessionKey } = outcome;
      values.push(attemptId, amountMinor, processedAt, line, message, sessionKey, this.#placeOf(outcome));
    }
    return packed;
  }

  /** Where each row has its own word, looking through them costs what it saves, and no more. */
  #placeOf(outcome: OutcomeWord): number {
    for (let place = 0; place < this.#words.length; place++) {
      if (isSameWord(this.#words[place] as OutcomeWord, outcome)) return place;
    }
    const { status, rawStatus, currency, responseCode } = outcome;
    return this.#words.push({ status, rawStatus, currency, responseCode }) - 1;
  }
}

export function isSameWord(one: OutcomeWord, other: OutcomeWord): boolean {
  return (
    one.rawStatus === other.rawStatus &&
    one.currency === other.currency &&
    one.responseCode === other.responseCode &&
    one.status === other.status
  );
}

function isOfOneFile(one: NewOutcome, other: NewOutcome): boolean {
  return (
    one.resultFileId === other.resultFileId &&
    one.source === other.source &&
    one.at === other.at &&
    one.recordedAt === other.recordedAt
  );
}
