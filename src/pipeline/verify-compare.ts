/** The ledger beside the one that was made from the archive: what each says of every batch, attempt, outcome and break. */
import { BUCKETS, type Bucket, bucketOf } from "../domain/bucket.ts";
import { formatMoney, MoneyTotals } from "../domain/money.ts";
import { type Damages, describeDifferences, isFromResultRow, keyOfBreak } from "../domain/verification.ts";
import type {
  AttemptRecord,
  BatchRecord,
  BreakRecord,
  Ledger,
  OutcomeRecord,
  ResultFileRecord,
} from "../ledger/ledger.ts";
import type { PipelineContext } from "./context.ts";

export interface Compared {
  readonly batches: number;
  readonly attempts: number;
  readonly outcomes: number;
  readonly resultFiles: number;
  readonly breaks: number;
}

const LEDGER = "ledger.db";

const BATCH_FIELDS = ["exportId", "state", "name", "tries", "temporary"] as const;
const CONTENT_FIELDS = ["rows", "totals", "sizeBytes", "sha256"] as const;
const ATTEMPT_FIELDS = [
  "orderId",
  "transactionId",
  "attemptNumber",
  "exportId",
  "position",
  "subscriptionId",
  "customerId",
  "declineCode",
  "declineCodeSource",
  "amountMinor",
  "currency",
  "declinedAt",
  "expiresAt",
  "batchId",
  "batchState",
  "sessionKey",
  "mismatchOpen",
] as const;
const OUTCOME_FIELDS = [
  "status",
  "rawStatus",
  "amountMinor",
  "currency",
  "processedAt",
  "source",
  "file",
  "line",
  "responseCode",
  "message",
] as const;

export async function compareLedgers(
  context: PipelineContext,
  replica: Ledger,
  damages: Damages,
  notes: string[],
): Promise<Compared> {
  const kept = context.ledger;
  const breaks = await kept.breaks("all");
  const comparison = new Comparison(damages, breaks);
  comparison.batches(await kept.batches("all"), await replica.batches("all"));
  const { attempts, outcomes } = await comparison.attempts(context, replica);
  comparison.breaks(await replica.breaks("all"));
  comparison.resultFiles(await kept.resultFiles(), await replica.resultFiles());
  notes.push(...comparison.notes());
  return {
    batches: (await kept.batches("all")).length,
    attempts,
    outcomes,
    resultFiles: (await kept.resultFiles()).length,
    breaks: breaks.length,
  };
}

class Comparison {
  readonly #damages: Damages;
  readonly #breaks: readonly BreakRecord[];
  /** Attempts of which the provider once used a word that the profile did not know: today's profile may know it. */
  readonly #openToProfile: ReadonlySet<number | undefined>;
  #differByProfile = 0;

  constructor(damages: Damages, breaks: readonly BreakRecord[]) {
    this.#damages = damages;
    this.#breaks = breaks;
    this.#openToProfile = new Set(
      breaks.filter(({ code }) => code === "unrecognised_status").map(({ attemptId }) => attemptId),
    );
  }

  batches(kept: readonly BatchRecord[], replayed: readonly BatchRecord[]): void {
    for (const [index, batch] of kept.entries()) {
      const other = replayed[index];
      if (!other) continue;
      const differences = [
        ...describeDifferences(batch, other, BATCH_FIELDS),
        ...describeDifferences({ ...batch.content }, { ...other.content }, CONTENT_FIELDS),
      ];
      this.#contradict(`batch ${batch.batchId}`, differences);
    }
  }

  async attempts(context: PipelineContext, replica: Ledger): Promise<{ attempts: number; outcomes: number }> {
    const figures = { kept: new Figures(context), replayed: new Figures(context) };
    const others = replica.attempts()[Symbol.asyncIterator]();
    let [attempts, outcomes] = [0, 0];
    // Both give pages of the same size, in the order of the ids.
    for await (const page of context.ledger.attempts()) {
      const { value, done } = await others.next();
      const replayed: readonly AttemptRecord[] = done ? [] : value;
      for (const [index, attempt] of page.entries()) {
        const other = replayed[index];
        if (other) this.#attempt(attempt, other);
        figures.kept.add(attempt);
        if (other) figures.replayed.add(other);
        outcomes += attempt.outcomes.length;
      }
      attempts += page.length;
    }
    this.#figures(figures.kept, figures.replayed);
    return { attempts, outcomes };
  }

  breaks(replayed: readonly BreakRecord[]): void {
    const counts = (found: BreakRecord) =>
      isFromResultRow(found) && found.code !== "unrecognised_status" && !this.#openToProfile.has(found.attemptId);
    const [kept, made] = [this.#breaks.filter(counts), replayed.filter(counts)].map(
      (list) => new Map(list.map((found) => [keyOfBreak(found), found])),
    );
    for (const [key, found] of kept ?? []) {
      if (!made?.has(key)) this.#contradict(`break ${found.breakId}`, [`no archived result gives cause for ${key}`]);
    }
    for (const [key, found] of made ?? []) {
      if (kept?.has(key)) continue;
      this.#contradict(`${found.file} line ${found.line}`, [`its break (${key}) is not in the ledger`]);
    }
  }

  resultFiles(kept: readonly ResultFileRecord[], replayed: readonly ResultFileRecord[]): void {
    // What a word means now may have changed what was counted then.
    if (this.#openToProfile.size > 0) return;
    const byPath = new Map(replayed.map((file) => [file.archivePath, file]));
    for (const file of kept) {
      const other = byPath.get(file.archivePath);
      const nothing = { rows: 0, applied: 0, repeated: 0 };
      const differences = describeDifferences(file.applied ?? nothing, other?.applied ?? nothing, [
        "rows",
        "applied",
        "repeated",
      ]);
      this.#contradict(`result file ${file.name}`, differences);
    }
  }

  notes(): string[] {
    if (this.#differByProfile === 0) return [];
    return [
      `${this.#differByProfile} attempts differ because their result has a word that the profile did not know when it came: ` +
        "give that file to rescue reconcile to apply it",
    ];
  }

  #attempt(kept: AttemptRecord, replayed: AttemptRecord): void {
    const differences = describeDifferences(kept, replayed, ATTEMPT_FIELDS);
    const most = Math.max(kept.outcomes.length, replayed.outcomes.length);
    for (let nth = 0; nth < most; nth++) {
      differences.push(...this.#outcome(nth, kept.outcomes[nth], replayed.outcomes[nth]));
    }
    if (differences.length > 0 && this.#openToProfile.has(kept.attemptId)) this.#differByProfile += 1;
    else this.#contradict(`order ${kept.orderId}, attempt ${kept.attemptNumber}`, differences);
  }

  #outcome(nth: number, kept: OutcomeRecord | undefined, replayed: OutcomeRecord | undefined): string[] {
    if (kept && replayed) {
      return describeDifferences(kept, replayed, OUTCOME_FIELDS).map((text) => `outcome ${nth + 1}: ${text}`);
    }
    const only = kept ?? replayed;
    if (!only) return [];
    const words = `outcome ${nth + 1} (${only.status}, ${only.file || "by a person"}${only.line > 0 ? ` line ${only.line}` : ""})`;
    return [kept ? `${words} is in no archived file` : `${words} is missing in the ledger`];
  }

  #figures(kept: Figures, replayed: Figures): void {
    if (this.#differByProfile > 0) return;
    for (const bucket of BUCKETS) {
      const [one, other] = [kept.of(bucket), replayed.of(bucket)];
      if (one !== other)
        this.#contradict(`bucket ${bucket}`, [`it holds ${one} by the ledger, and ${other} by the archive`]);
    }
  }

  #contradict(subject: string, differences: readonly string[]): void {
    for (const difference of differences) this.#damages.add("contradiction", LEDGER, `${subject}: ${difference}`);
  }
}

/** The report's money, by bucket. */
class Figures {
  readonly #context: PipelineContext;
  readonly #totals = new Map<Bucket, MoneyTotals>(BUCKETS.map((bucket) => [bucket, new MoneyTotals()]));

  constructor(context: PipelineContext) {
    this.#context = context;
  }

  add(attempt: AttemptRecord): void {
    const { bucket } = bucketOf(attempt, this.#context.clock.now(), this.#context.profile.window);
    this.#totals.get(bucket)?.add(attempt.currency, attempt.amountMinor);
  }

  of(bucket: Bucket): string {
    const totals = this.#totals.get(bucket)?.toArray() ?? [];
    const words = totals.map((total) => `${total.count} of ${formatMoney(total.amountMinor, total.currency)}`);
    return words.join(", ") || "nothing";
  }
}
