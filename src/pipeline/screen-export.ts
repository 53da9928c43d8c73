/**
 * Reads one export and says of each row: accepted, skipped, or rejected. Without a ledger it is what `validate` shows;
 * with one it also knows what was sent before.
 */
import type { AcceptedPage } from "../domain/accepted-page.ts";
import { bucketOf } from "../domain/bucket.ts";
import { CanonicalCells, canonicalIndex } from "../domain/canonical-rows.ts";
import { judgeIdentity } from "../domain/identity.ts";
import { formatInstant, type Instant } from "../domain/instant.ts";
import type { IntakePath } from "../domain/intake-path.ts";
import { type MoneyTotal, MoneyTotals } from "../domain/money.ts";
import type { ExportShape, Policy } from "../domain/policy.ts";
import type { RebillIdentity, RowPlace } from "../domain/rebill.ts";
import type { RejectCode, SkipCode, SkippedRow } from "../domain/row-verdict.ts";
import { type ExportSummary, type RejectedRow, readExport } from "../intake/read-export.ts";
import type { AttemptRecord, Ledger, NewBreak, Stamp } from "../ledger/ledger.ts";
import type { WindowProfile } from "../profiles/profile.ts";

export interface ScreenOptions {
  readonly shape: ExportShape;
  readonly policy: Policy;
  readonly maxAgeDays: number;
  readonly now: Instant;
  readonly intakePath?: IntakePath | undefined;
}

/** What was sent before; looked up for each page of accepted rows. */
export interface SentBefore {
  readonly ledger: Pick<Ledger, "hasAttempts" | "findAttempts" | "pendingOrdersOfSubscriptions" | "findBatch">;
  readonly window: WindowProfile;
  readonly stamp: Stamp;
}

export interface ScreenSink {
  /** Its bytes are used again when this resolves. Absent: accepted rows are only counted. */
  accepted?(page: AcceptedPage): Promise<void>;
  rejected(row: RejectedRow): Promise<void>;
  /** The same order was declined again while the provider holds it. */
  retried(found: NewBreak): void;
}

export interface ExportScreening {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly rows: number;
  readonly accepted: number;
  readonly skipped: number;
  readonly skippedByCode: Readonly<Partial<Record<SkipCode, number>>>;
  /** The first of them, to be named for a person. */
  readonly skippedRows: readonly SkippedRow[];
  readonly rejected: number;
  readonly rejectedByCode: Readonly<Partial<Record<RejectCode, number>>>;
  readonly totals: readonly MoneyTotal[];
  readonly notes: readonly string[];
  readonly heldCardNumber: boolean;
}

const NAMED_SKIPS = 20;

export async function screenExport(
  path: string,
  options: ScreenOptions,
  sink: ScreenSink,
  sentBefore?: SentBefore,
): Promise<ExportScreening> {
  const screening = new Screening(sink, sentBefore, options.now);
  const isCounted = sink.accepted === undefined && sentBefore === undefined;
  const summary = await readExport(path, options, {
    ...(isCounted ? {} : { accepted: (page: AcceptedPage) => screening.accept(page) }),
    skipped: async (rows) => {
      for (const row of rows) screening.skip(row);
    },
    rejected: (row) => sink.rejected(row),
  });
  return isCounted
    ? { ...screening.finish(summary), accepted: summary.accepted, totals: summary.totals }
    : screening.finish(summary);
}

class Screening {
  readonly #sink: ScreenSink;
  readonly #sentBefore: SentBefore | undefined;
  readonly #now: Instant;
  readonly #totals = new MoneyTotals();
  readonly #skippedByCode: Partial<Record<SkipCode, number>> = {};
  readonly #skippedRows: SkippedRow[] = [];
  readonly #batchNames = new Map<number, string>();
  #accepted = 0;
  #skipped = 0;
  #sharedSubscriptions = 0;
  /** Nothing was ever claimed before. */
  #isFirst: boolean | undefined;

  constructor(sink: ScreenSink, sentBefore: SentBefore | undefined, now: Instant) {
    this.#sink = sink;
    this.#sentBefore = sentBefore;
    this.#now = now;
  }

  async accept(page: AcceptedPage): Promise<void> {
    const fresh = this.#sentBefore ? await this.#withoutKnown(page, this.#sentBefore) : page;
    this.#totals.addAll(fresh.totals());
    this.#accepted += fresh.length;
    if (fresh.length > 0) await this.#sink.accepted?.(fresh);
  }

  skip(row: SkippedRow): void {
    this.#skipped += 1;
    this.#skippedByCode[row.code] = (this.#skippedByCode[row.code] ?? 0) + 1;
    if (this.#skippedRows.length < NAMED_SKIPS) this.#skippedRows.push(row);
  }

  finish(summary: ExportSummary): ExportScreening {
    const notes = [...summary.notes];
    if (this.#sharedSubscriptions > 0) {
      notes.push(
        `${this.#sharedSubscriptions} rows bill a subscription that has another order pending; weekly plans do that, but look`,
      );
    }
    return {
      sha256: summary.sha256,
      sizeBytes: summary.sizeBytes,
      rows: summary.rows,
      accepted: this.#accepted,
      skipped: this.#skipped,
      skippedByCode: this.#skippedByCode,
      skippedRows: this.#skippedRows,
      rejected: summary.rejected,
      rejectedByCode: summary.rejectedByCode,
      totals: this.#totals.toArray(),
      notes,
      heldCardNumber: summary.heldCardNumber,
    };
  }

  async #withoutKnown(page: AcceptedPage, sentBefore: SentBefore): Promise<AcceptedPage> {
    // Three looks for each row of a large first export are spared.
    this.#isFirst ??= !(await sentBefore.ledger.hasAttempts());
    if (this.#isFirst) return page;
    const identities = readIdentities(page);
    const earlier = await sentBefore.ledger.findAttempts(identities);
    if (earlier.length === 0) {
      await this.#countSharedSubscriptions(
        identities.map(({ subscriptionId }) => subscriptionId),
        sentBefore,
      );
      return page;
    }
    const byOrder = Map.groupBy(earlier, (attempt) => attempt.orderId);
    const byTransaction = Map.groupBy(earlier, (attempt) => attempt.transactionId);
    const fresh: number[] = [];
    for (const [at, identity] of identities.entries()) {
      const sameOrder = byOrder.get(identity.orderId) ?? [];
      const sameTransaction = byTransaction.get(identity.transactionId) ?? [];
      const sendings = [...new Set([...sameOrder, ...sameTransaction])].map((attempt) => ({
        ...attempt,
        bucket: bucketOf(attempt, this.#now, sentBefore.window).bucket,
      }));
      const verdict = judgeIdentity(identity, sendings, this.#now);
      if (verdict.verdict === "new") fresh.push(at);
      else await this.#skipKnown({ ...identity, ...page.placeOf(at) }, verdict, sentBefore);
    }
    await this.#countSharedSubscriptions(
      fresh.flatMap((at) => identities[at]?.subscriptionId ?? []),
      sentBefore,
    );
    return page.pick(fresh);
  }

  async #skipKnown(
    row: RowPlace & RebillIdentity,
    verdict: { readonly code: SkipCode; readonly earlier: AttemptRecord; readonly retriedWhileHeld: boolean },
    sentBefore: SentBefore,
  ): Promise<void> {
    const { earlier, code } = verdict;
    const { orderId, transactionId } = row;
    const file = await this.#batchName(earlier.batchId, sentBefore);
    const where = `${SKIP_WORDS[code]}: order ${earlier.orderId} went in ${file}`;
    const message = verdict.retriedWhileHeld ? `${where}, and was declined again under another transaction` : where;
    this.skip({ row: row.row, line: row.line, orderId, code, message });
    if (!verdict.retriedWhileHeld) return;
    this.#sink.retried({
      ...sentBefore.stamp,
      code: "retried_while_held",
      fingerprint: `order ${orderId}: ${transactionId}`,
      orderId,
      file: "",
      line: row.line,
      message: `declined again while the provider holds it until ${formatInstant(earlier.expiresAt)} (it went in ${file})`,
      attemptId: earlier.attemptId,
      batchId: earlier.batchId,
    });
  }

  async #batchName(batchId: number, sentBefore: SentBefore): Promise<string> {
    const known = this.#batchNames.get(batchId);
    if (known !== undefined) return known;
    const batch = await sentBefore.ledger.findBatch(String(batchId));
    const when = batch ? ` (${batch.state} ${formatInstant(batch.since.at)})` : "";
    const words = `${batch?.name || `batch ${batchId}`}${when}`;
    this.#batchNames.set(batchId, words);
    return words;
  }

  async #countSharedSubscriptions(subscriptionIds: readonly string[], sentBefore: SentBefore): Promise<void> {
    if (subscriptionIds.length === 0) return;
    const pending = await sentBefore.ledger.pendingOrdersOfSubscriptions(subscriptionIds);
    const taken = new Set(pending.map((entry) => entry.subscriptionId));
    this.#sharedSubscriptions += subscriptionIds.filter((id) => taken.has(id)).length;
  }
}

const ORDER_ID = canonicalIndex("order_id");
const TRANSACTION_ID = canonicalIndex("transaction_id");
const SUBSCRIPTION_ID = canonicalIndex("subscription_id");

function readIdentities(page: AcceptedPage): (RebillIdentity & { readonly subscriptionId: string })[] {
  const cells = new CanonicalCells();
  const identities = [];
  for (let at = 0; at < page.length; at++) {
    cells.moveTo(page.rows, at);
    identities.push({
      orderId: cells.ascii(ORDER_ID),
      transactionId: cells.ascii(TRANSACTION_ID),
      subscriptionId: cells.ascii(SUBSCRIPTION_ID),
    });
  }
  return identities;
}

const SKIP_WORDS: Record<SkipCode, string> = {
  already_pending: "the provider has it",
  already_rescued: "it was rescued",
  already_closed: "this decline was sent and came back without money; only a new decline may be sent",
  never_retry: "its decline code says never again",
};
