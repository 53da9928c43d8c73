/**
 * An export file → claimed rebills and planned batches. Nothing is claimed before the accepted rows lie in the archive,
 * and one ledger transaction records the export, claims the identities and plans the batches.
 */
import { basename } from "node:path";
import { CanonicalCells, type CanonicalRows, canonicalIndex } from "../domain/canonical-rows.ts";
import { formatCompactUtc, formatInstant, type Instant } from "../domain/instant.ts";
import type { Problem } from "../domain/problem.ts";
import type { RowPlace } from "../domain/rebill.ts";
import { canonicalHeader } from "../intake/canonical.ts";
import { RejectsFile } from "../intake/rejects.ts";
import type { BreakRecord, ClaimedRebill, NewAttempt, NewBreak } from "../ledger/ledger.ts";
import { type ArchiveWriter, keptName } from "./archive.ts";
import { type ArchivedExport, readArchivedRows } from "./archived-rows.ts";
import { type PipelineContext, stamp } from "./context.ts";
import { type ExportScreening, screenExport } from "./screen-export.ts";
import { passStep } from "./steps.ts";
import { tooManyRejects } from "./validate.ts";

export interface TakeOptions {
  /** Look only: nothing is archived, claimed or recorded. */
  readonly dryRun: boolean;
  /** Why an export is sent although it is late; recorded. */
  readonly reason: string;
}

export interface TakenExport extends ExportScreening {
  readonly file: string;
  /** `too_many_rejects`: nothing of the file is sent. */
  readonly problem: Problem | undefined;
  /** Where the rejected rows lie, to be mended and sent again; empty if there are none, or on a dry run. */
  readonly rejectsPath: string;
  readonly newBreaks: readonly BreakRecord[];
}

/** Where the accepted rows stood in the export: two numbers a row, so that a million rows stay small. */
class Places {
  #numbers = new Uint32Array(2_048);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ row, line }: RowPlace): void {
    if (2 * this.#count === this.#numbers.length) {
      const larger = new Uint32Array(2 * this.#numbers.length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[2 * this.#count] = row;
    this.#numbers[2 * this.#count + 1] = line;
    this.#count += 1;
  }

  at(position: number): RowPlace {
    return { row: this.#numbers[2 * position] ?? 0, line: this.#numbers[2 * position + 1] ?? 0 };
  }
}

/** Rejects with the Problem that stops the file as a whole; then nothing of it was archived or claimed. */
export async function takeExport(context: PipelineContext, file: string, options: TakeOptions): Promise<TakenExport> {
  const { archive, merchant } = context;
  const when = formatCompactUtc(context.clock.wall());
  const unique = context.uniqueId();
  const archivePath = `archive/exports/${when}-${unique}.csv`;
  const rejectsPath = options.dryRun
    ? ""
    : archive.resolve(`rejects/${when}-${unique}-${keptName(basename(file))}.rejects.csv`);
  const canonical = await archive.create(archivePath);
  const rejects = rejectsPath === "" ? undefined : new RejectsFile(rejectsPath);
  const places = new Places();
  const retried: NewBreak[] = [];
  try {
    passStep("export.begun");
    await canonical.write(canonicalHeader());
    const { exportShape: shape, policy } = merchant;
    const screening = await screenExport(
      file,
      { shape, policy, maxAgeDays: context.maxAgeDays, now: context.clock.now(), intakePath: context.intakePath },
      {
        accepted: async (page) => {
          for (let at = 0; at < page.length; at++) places.add(page.placeOf(at));
          await canonical.write(page.rows.bytes);
        },
        rejected: async (row) => rejects?.write(row),
        retried: (found) => retried.push({ ...found, file: basename(file) }),
      },
      { ledger: context.ledger, window: context.profile.window, stamp: stamp(context) },
    );
    passStep("export.screened");
    const problem = tooManyRejects(screening, policy.maxRejectRatio, file);
    const notes = [...screening.notes, ...(await sameBytesNote(context, screening.sha256))];
    const taken = { ...screening, notes, file, problem, rejectsPath: screening.rejected > 0 ? rejectsPath : "" };
    if (options.dryRun) return { ...taken, newBreaks: [] };
    const newBreaks = await claim(context, taken, canonical, { archivePath, reason: options.reason, places, retried });
    passStep("export.claimed");
    return { ...taken, newBreaks };
  } finally {
    await rejects?.close();
    await canonical.discard();
  }
}

async function sameBytesNote(context: PipelineContext, sha256: string): Promise<string[]> {
  const before = await context.ledger.findExport(sha256);
  return before ? [`the same bytes were taken ${formatInstant(before.at)} as ${before.name}`] : [];
}

interface Claim {
  readonly archivePath: string;
  readonly reason: string;
  readonly places: Places;
  readonly retried: readonly NewBreak[];
}

async function claim(
  context: PipelineContext,
  taken: Omit<TakenExport, "newBreaks">,
  canonical: ArchiveWriter,
  { archivePath, reason, places, retried }: Claim,
): Promise<BreakRecord[]> {
  const { ledger } = context;
  if (taken.problem) return [];
  if (taken.accepted === 0) return ledger.recordBreaks(retried);
  const archived = await canonical.keep();
  passStep("export.archived");
  return ledger.transaction(async () => {
    const exportId = await ledger.recordExport({
      ...stamp(context),
      sha256: taken.sha256,
      name: basename(taken.file),
      rows: taken.rows,
      accepted: taken.accepted,
      skipped: taken.skipped,
      rejected: taken.rejected,
      maxAgeDays: context.maxAgeDays,
      archivePath,
      archived,
      reason,
    });
    passStep("export.recorded");
    await planBatches(context, exportId, { archivePath, archived }, places);
    return ledger.recordBreaks(retried);
  });
}

/** Rows that the ledger is given at once. */
const CLAIMED_TOGETHER = 2000;

/** In export order, split at the profile's row limit. */
async function planBatches(
  context: PipelineContext,
  exportId: number,
  archived: ArchivedExport,
  places: Places,
): Promise<void> {
  const { ledger } = context;
  const { maxRows } = context.profile.batch;
  const reader = new ClaimReader();
  let batchId = 0;
  let attempts: NewAttempt[] = [];
  let position = 0;
  const claim = async () => {
    if (attempts.length === 0) return;
    await ledger.claim(batchId, attempts);
    passStep("export.batch_claimed");
    attempts = [];
  };
  for await (const rows of readArchivedRows(context, archived)) {
    for (let at = 0; at < rows.length; at++) {
      if (position % maxRows === 0) {
        await claim();
        batchId = await ledger.planBatch({ ...stamp(context), exportId });
        passStep("export.batch_planned");
      }
      attempts.push({ rebill: reader.read(rows, at), position, ...places.at(position) });
      position += 1;
      if (attempts.length === CLAIMED_TOGETHER) await claim();
    }
  }
  await claim();
  if (position !== places.count) {
    throw new Error(`archived ${position} rows of ${places.count}: the canonical copy is not whole`);
  }
}

/** Of a canonical row only what the ledger keeps; the rest stays in the archive. */
class ClaimReader {
  readonly #cells = new CanonicalCells();

  read(rows: CanonicalRows, row: number): ClaimedRebill {
    const cells = this.#cells;
    cells.moveTo(rows, row);
    const source = cells.ascii(AT.decline_code_source);
    return {
      orderId: cells.ascii(AT.order_id),
      transactionId: cells.ascii(AT.transaction_id),
      subscriptionId: cells.ascii(AT.subscription_id),
      customerId: cells.ascii(AT.customer_id),
      declinedAt: readInstant(cells.ascii(AT.declined_at)),
      amountMinor: cells.amountMinor(),
      currency: cells.currency(),
      declineCode: cells.ascii(AT.decline_code),
      ...(source === "" ? {} : { declineCodeSource: source }),
      expiresAt: readInstant(cells.ascii(AT.expires_at)),
    };
  }
}

const AT = {
  order_id: canonicalIndex("order_id"),
  transaction_id: canonicalIndex("transaction_id"),
  subscription_id: canonicalIndex("subscription_id"),
  customer_id: canonicalIndex("customer_id"),
  declined_at: canonicalIndex("declined_at"),
  decline_code: canonicalIndex("decline_code"),
  decline_code_source: canonicalIndex("decline_code_source"),
  expires_at: canonicalIndex("expires_at"),
};

/** As formatInstant wrote it, in the one form that Date.parse is sure to know. */
function readInstant(text: string): Instant {
  return Date.parse(text);
}
