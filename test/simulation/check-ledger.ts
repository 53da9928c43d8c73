/** After each step: what the ledger and the report say, against the model's own count of the same weeks. */
import { findSilence } from "../../src/domain/silence.ts";
import type { AttemptRecord } from "../../src/ledger/ledger.ts";
import { buildReport, type CurrencyReport } from "../../src/report/model.ts";
import type { ExportFile } from "./biller.ts";
import { calendarAge } from "./freshness.ts";
import type { ModelBucket, Sending } from "./model.ts";
import type { World } from "./world.ts";

/** These the model counts; the others are about silence. */
const COUNTED = [
  "unknown_order",
  "conflicting_outcome",
  "amount_mismatch",
  "currency_mismatch",
  "late_outcome",
  "unrecognised_status",
] as const;

export class LedgerCheck {
  readonly #world: World;
  readonly #complain: (what: string) => void;
  readonly #applied = new Set<number>();
  readonly #collected = new Set<number>();

  constructor(world: World, complain: (what: string) => void) {
    this.#world = world;
    this.#complain = complain;
  }

  /** The money of each sending before a step, to judge what the step accepted. */
  buckets(): Map<Sending, ModelBucket> {
    const { model, now } = this.#world;
    return new Map([...model.sendings.values()].map((sending) => [sending, model.bucketOf(sending, now)]));
  }

  async check(before: ReadonlyMap<Sending, ModelBucket>): Promise<void> {
    const attempts: AttemptRecord[] = [];
    for await (const page of this.#world.ledger.attempts()) attempts.push(...page);
    this.#takeAttempts(attempts);
    const isCutOff = await this.#takeResults();
    this.#checkNew(before);
    if (!isCutOff) {
      for (const attempt of attempts) this.#compare(attempt);
      await this.#compareFindings();
      await this.#compareReport(attempts);
    }
    for (const violation of this.#world.model.violations.splice(0)) this.#complain(violation);
  }

  /** Where an export went, and whether each of its rows is somewhere. `maxAgeDays` in the step that took it. */
  checkExport(
    taken: ExportFile,
    became: "taken" | "failed",
    maxAgeDays: number,
    before: ReadonlyMap<Sending, ModelBucket>,
  ): void {
    const { model, now, timezone } = this.#world;
    const seen = new Set<string>();
    const good: { orderId: string; transactionId: string }[] = [];
    let rejected = 0;
    for (const row of taken.rows) {
      const isTwin = seen.has(row.orderId) || seen.has(row.transactionId);
      const isStale = calendarAge(row.declinedAt, now, timezone) > maxAgeDays;
      if (row.kind === "bad" || isStale || isTwin) rejected += 1;
      else if (row.kind === "good") good.push(row);
      // A row that is wrong by itself does not stand in the way of a later one.
      if (row.kind !== "bad" && !isStale) seen.add(row.orderId).add(row.transactionId);
    }
    const failsAsWhole = taken.rows.length > 0 && rejected / taken.rows.length > 0.2;
    if ((became === "failed") !== failsAsWhole) {
      this.#complain(`${taken.name} (${rejected} of ${taken.rows.length} rejected) was ${became}`);
    }
    if (became === "failed" || failsAsWhole) return;
    for (const { orderId, transactionId } of good) {
      const isSomewhere =
        model.ofTransaction(transactionId).length > 0 ||
        model.ofOrder(orderId).some((other) => blocks(before.get(other)) || blocks(model.bucketOf(other, now)));
      if (!isSomewhere) this.#complain(`${orderId} ${transactionId} of ${taken.name} is nowhere`);
    }
  }

  /** When all is over: nothing waits any more. */
  checkEnd(): void {
    const { model, now, server } = this.#world;
    for (const sending of model.sendings.values()) {
      if (model.bucketOf(sending, now) === "unsent") this.#complain(`${sending.transactionId} was never sent`);
    }
    if (server.arrivals.length === 0 && model.sendings.size > 20) this.#complain("nothing ever arrived");
  }

  #takeAttempts(attempts: readonly AttemptRecord[]): void {
    const { model } = this.#world;
    if (attempts.length < model.sendings.size) this.#complain("the ledger has forgotten an attempt");
    for (const attempt of attempts) {
      const known = model.sendings.get(attempt.attemptId);
      if (known) {
        const isReleased = attempt.batchState === "failed" && known.batchState !== "failed";
        if (isReleased) this.#checkRelease(known);
        known.batchId = attempt.batchId;
        known.batchState = attempt.batchState;
        continue;
      }
      const { attemptId, orderId, transactionId, amountMinor, currency, declinedAt, expiresAt } = attempt;
      model.add({
        ...{ attemptId, orderId, transactionId, amountMinor, currency, declinedAt, expiresAt },
        batchId: attempt.batchId,
        batchState: attempt.batchState,
        state: "pending",
        knowsSession: false,
        outcomes: [],
        mismatches: new Map(),
        held: [],
      });
    }
  }

  /** Only what is too late to send is given back; the rest of its batch goes again. */
  #checkRelease({ transactionId, declinedAt, expiresAt }: Sending): void {
    const { now, timezone } = this.#world;
    const isFresh = calendarAge(declinedAt, now, timezone) <= 1 && expiresAt > now;
    if (isFresh) this.#complain(`${transactionId} was released while fresh`);
  }

  /**
   * Every result file that was applied since, row by row, in the order of the ledger. True: a run was cut off between the
   * proof of a delivery and the rows that waited for it; the next one applies them.
   */
  async #takeResults(): Promise<boolean> {
    const { ledger, model, provider } = this.#world;
    for (const file of await ledger.resultFiles()) {
      const published = provider.published.get(file.sha256);
      if (!this.#collected.has(file.resultFileId)) {
        this.#collected.add(file.resultFileId);
        if (!published || published.kind === "torn") this.#complain(`${file.name} was taken before it was whole`);
        const isRight = (published?.kind === "junk") === (file.state === "quarantined");
        if (!isRight) this.#complain(`${file.name} is ${file.state}, and it is ${published?.kind}`);
      }
      if (file.applied === undefined || this.#applied.has(file.resultFileId)) continue;
      this.#applied.add(file.resultFileId);
      for (const word of published?.words ?? []) model.hear(word);
    }
    const doubted = new Set((await ledger.breaks("open", "delivery_uncertain")).map(({ batchId }) => batchId));
    const waiting = [...model.sendings.values()].filter(
      ({ held, batchState }) => held.length > 0 && batchState === "delivered",
    );
    for (const sending of waiting) if (!doubted.has(sending.batchId)) model.hearHeld(sending);
    return waiting.some(({ batchId }) => doubted.has(batchId));
  }

  #checkNew(before: ReadonlyMap<Sending, ModelBucket>): void {
    const { model, biller, now } = this.#world;
    for (const sending of model.sendings.values()) {
      if (before.has(sending)) continue;
      const { orderId, transactionId } = sending;
      const told = biller.declines.find((one) => one.transactionId === transactionId && one.orderId === orderId);
      const isTrue =
        told?.kind === "good" &&
        told.amountMinor === sending.amountMinor &&
        told.currency === sending.currency &&
        told.declinedAt === sending.declinedAt &&
        told.expiresAt === sending.expiresAt;
      if (!isTrue) this.#complain(`${orderId} ${transactionId} was accepted, and the biller never said so`);
      const earlier = new Set([...model.ofOrder(orderId), ...model.ofTransaction(transactionId)]);
      for (const other of earlier) {
        if (other.attemptId >= sending.attemptId) continue;
        const [was, is] = [before.get(other), model.bucketOf(other, now)];
        const isSameMoney = other.transactionId === transactionId;
        const isFree = isSameMoney ? was === "released" || is === "released" : !blocks(was ?? "unsent") || !blocks(is);
        if (!isFree) this.#complain(`${orderId} ${transactionId} was accepted while its earlier sending was ${is}`);
      }
    }
  }

  #compare(attempt: AttemptRecord): void {
    const sending = this.#world.model.sendings.get(attempt.attemptId);
    if (!sending) return;
    // Which of several pending words came first tells nothing, where one had to wait for its batch to be proven.
    const words = (status: string, amountMinor: number, at: number | undefined) =>
      `${status} ${amountMinor} ${status === "pending" ? "" : at}`;
    const ours = sending.outcomes.map(({ status, amountMinor, at }) => words(status, amountMinor, at));
    const theirs = attempt.outcomes.map((outcome) => words(outcome.status, outcome.amountMinor, outcome.processedAt));
    if (ours.join() !== theirs.join()) {
      this.#complain(`${attempt.transactionId} has outcomes [${theirs.join()}], not [${ours.join()}]`);
    }
    const isOpen = [...sending.mismatches.values()].includes("open");
    if (isOpen !== attempt.mismatchOpen) {
      this.#complain(`${attempt.transactionId}: a mismatch is ${attempt.mismatchOpen ? "" : "not "}open`);
    }
  }

  async #compareFindings(): Promise<void> {
    const { ledger, model } = this.#world;
    const found = await ledger.breaks("all");
    const expected = [...model.findings.values()];
    for (const code of COUNTED) {
      const theirs = found.filter((one) => one.code === code).length;
      const ours = expected.filter((one) => one === code).length;
      if (ours !== theirs) this.#complain(`${theirs} breaks ${code}, not ${ours}`);
    }
  }

  async #compareReport(attempts: readonly AttemptRecord[]): Promise<void> {
    const { ledger, now, profile, timezone, model } = this.#world;
    const batches = await ledger.batches("all");
    const facts = { attempts: [attempts], batches, runs: [], collections: [], window: profile.window };
    const derived = findSilence({ ...facts, resultsDue: [], expectRunBy: undefined }, now);
    const breaks = await ledger.breaks("all");
    const report = await buildReport({ ...facts, merchant: "acme", timezone, breaks, derived, now });
    const sums = new Map<string, Map<string, { count: number; amountMinor: bigint }>>();
    for (const sending of model.sendings.values()) {
      const sum = sums.get(sending.currency) ?? new Map<string, { count: number; amountMinor: bigint }>();
      sums.set(sending.currency, sum);
      const bucket = model.bucketOf(sending, now);
      addTo(sum, bucket, sending.amountMinor);
      if (bucket !== "unsent" && bucket !== "released") addTo(sum, "submitted", sending.amountMinor);
      const refunds = sending.outcomes.filter((outcome) => outcome.status === "refunded");
      if (bucket !== "rescued" || refunds.length === 0) continue;
      addTo(
        sum,
        "refunded",
        refunds.reduce((total, refund) => total + refund.amountMinor, 0),
      );
    }
    for (const entry of report.currencies) this.#compareCurrency(entry, sums.get(entry.currency) ?? new Map());
    const isWhole = [...sums.keys()].every((currency) =>
      report.currencies.some((entry) => entry.currency === currency),
    );
    if (!isWhole) this.#complain("the report lacks a currency");
  }

  #compareCurrency(entry: CurrencyReport, ours: ReadonlyMap<string, { count: number; amountMinor: bigint }>): void {
    if (!entry.balanced) this.#complain(`the report of ${entry.currency} is not balanced`);
    for (const part of PARTS) {
      const { count, amountMinor } = ours.get(part) ?? { count: 0, amountMinor: 0n };
      const theirs = entry[part];
      if (theirs.count === count && BigInt(theirs.amountMinor) === amountMinor) continue;
      const words = `${theirs.count} (${theirs.amountMinor}), not ${count} (${amountMinor})`;
      this.#complain(`the report says ${entry.currency} ${part} ${words}`);
    }
  }
}

const PARTS = [
  "submitted",
  "rescued",
  "pending",
  "unrescued",
  "cancelled",
  "unaccounted",
  "refunded",
  "unsent",
  "released",
] as const;

function blocks(bucket: ModelBucket | undefined): boolean {
  return bucket === "pending" || bucket === "rescued" || bucket === "unaccounted" || bucket === "unsent";
}

function addTo(sum: Map<string, { count: number; amountMinor: bigint }>, part: string, amountMinor: number): void {
  const total = sum.get(part) ?? { count: 0, amountMinor: 0n };
  total.count += 1;
  total.amountMinor += BigInt(amountMinor);
  sum.set(part, total);
}
