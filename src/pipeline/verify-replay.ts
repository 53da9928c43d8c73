/**
 * Plays the archive into a fresh ledger: the accepted rows, the bytes of the batches and the rows of the result files come
 * from the files, and every rule is applied to them anew. What no file holds is taken over from the ledger: when each
 * export was taken and how it was split, what was done on the server, and what persons said.
 *
 * Facts of different kinds are put in order by their wall clock; those of one kind keep the order they were recorded in.
 */
import type { Instant } from "../domain/instant.ts";
import { MoneyTotals } from "../domain/money.ts";
import type { Rebill } from "../domain/rebill.ts";
import { type DamageCode, isFromResultRow, keyOfBreak } from "../domain/verification.ts";
import { readCanonical } from "../intake/canonical.ts";
import type {
  AttemptRecord,
  BatchEvent,
  BatchRecord,
  ExportRecord,
  Ledger,
  NewAttempt,
  ResultFileRecord,
  Stamp,
} from "../ledger/ledger.ts";
import { isFoundByRow } from "./apply-results.ts";
import type { HashedFile } from "./archive.ts";
import type { PipelineContext } from "./context.ts";
import { PageReader } from "./pages.ts";
import { applyFiles, applyWaiting } from "./reconcile.ts";

/** The archive and the recorded facts cannot both be right; the message is for a person. */
export class ReplayFailure extends Error {
  readonly code: DamageCode;
  /** Relative to the merchant's data folder. */
  readonly path: string;

  constructor(message: string, path = "ledger.db", code: DamageCode = "contradiction") {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** One recorded fact, and how it comes about again. */
interface Step {
  readonly recordedAt: Instant;
  play(): Promise<void>;
}

/** @param whole what was read of the archived files that are whole */
export async function replayArchive(
  context: PipelineContext,
  replica: Ledger,
  whole: ReadonlyMap<string, HashedFile>,
): Promise<void> {
  const replay = new Replay(context, replica, whole);
  const tracks = [await replay.deliveries(), await replay.findings(), await replay.results(), await replay.words()];
  for (const step of inOrder(tracks)) await step.play();
  await replay.finish();
}

/**
 * A clock that was set back must not turn the order of one kind around. At the same instant what was sent comes before
 * what was said of it.
 */
function inOrder(tracks: readonly (readonly Step[])[]): Step[] {
  const steps = tracks.flatMap((track) => {
    let latest = Number.NEGATIVE_INFINITY;
    return track.map((step) => {
      latest = Math.max(latest, step.recordedAt);
      return { recordedAt: latest, play: step.play };
    });
  });
  return steps.toSorted((a, b) => a.recordedAt - b.recordedAt);
}

class Replay {
  readonly #context: PipelineContext;
  readonly #kept: Ledger;
  readonly #replica: Ledger;
  readonly #whole: ReadonlyMap<string, HashedFile>;
  readonly #rows = new Map<number, PageReader<Rebill>>();
  readonly #attempts: PageReader<AttemptRecord>;
  readonly #pendingFiles: ResultFileRecord[] = [];
  /** Batches whose waiting rows the ledger has not applied yet. */
  readonly #waitedFor = new Set<number | undefined>();

  constructor(context: PipelineContext, replica: Ledger, whole: ReadonlyMap<string, HashedFile>) {
    this.#context = context;
    this.#kept = context.ledger;
    this.#replica = replica;
    this.#whole = whole;
    this.#attempts = new PageReader(this.#kept.attempts());
  }

  /** Exports, batches and what was done with them, in the order of the events of all batches. */
  async deliveries(): Promise<Step[]> {
    for (const { batchId } of await this.#kept.breaks("open", "delivery_uncertain")) this.#waitedFor.add(batchId);
    const exports = new Map((await this.#kept.exports()).map((taken) => [taken.exportId, taken]));
    const events: { readonly batch: BatchRecord; readonly event: BatchEvent }[] = [];
    for (const batch of await this.#kept.batches("all")) {
      for (const event of await this.#kept.batchEvents(batch.batchId)) events.push({ batch, event });
    }
    events.sort((a, b) => a.event.eventId - b.event.eventId);
    return events.map(({ batch, event }) => ({
      recordedAt: event.recordedAt,
      play: async () => {
        if (event.state === "planned") await this.#plan(batch, event, exports.get(batch.exportId));
        else await this.#happen(batch, event);
      },
    }));
  }

  /** Breaks that no result row makes. */
  async findings(): Promise<Step[]> {
    const found = (await this.#kept.breaks("all")).filter((entry) => !isFromResultRow(entry));
    return found.map((entry) => ({
      recordedAt: entry.recordedAt,
      play: async () => {
        await this.#replica.recordBreaks([entry]);
      },
    }));
  }

  async results(): Promise<Step[]> {
    const files = await this.#kept.resultFiles();
    // Collected, but not applied yet: not to be applied with the others.
    this.#pendingFiles.push(...files.filter((file) => file.state === "collected" && file.applied === undefined));
    const done = files.filter((file) => file.state !== "collected" || file.applied !== undefined);
    const when = (file: ResultFileRecord) => file.applied ?? file;
    return done
      .toSorted((a, b) => when(a).recordedAt - when(b).recordedAt || a.resultFileId - b.resultFileId)
      .map((file) => ({
        recordedAt: when(file).recordedAt,
        play: () => this.#apply(file, files),
      }));
  }

  /** What persons said of rebills; and files that were given once more later, which only their outcomes tell. */
  async words(): Promise<Step[]> {
    const steps = new Map<string, Step>();
    const applied = new Map((await this.#kept.resultFiles()).map((file) => [file.name, file.applied?.recordedAt]));
    for await (const page of this.#kept.attempts()) {
      for (const { attemptId, outcomes } of page) {
        for (const outcome of outcomes) {
          const { source, file, at, recordedAt } = outcome;
          if (source === "person") {
            const word = { ...outcome, attemptId, resultFileId: undefined, sessionKey: "" };
            const play = () => this.#replica.appendOutcomes([word]);
            steps.set(`attempt ${attemptId} ${steps.size}`, { recordedAt, play });
          } else if (recordedAt > (applied.get(file) ?? recordedAt)) {
            steps.set(`file ${file} ${recordedAt}`, {
              recordedAt,
              play: () => this.#applyAgain(file, { at, recordedAt }),
            });
          }
        }
      }
    }
    return [...steps.values()].toSorted((a, b) => a.recordedAt - b.recordedAt);
  }

  /** The rest: rows that nobody claimed, files that wait, and the findings that were settled. */
  async finish(): Promise<void> {
    for (const [exportId, rows] of this.#rows) {
      if ((await rows.next()) !== undefined) {
        throw new ReplayFailure(`the archived export ${exportId} holds more rows than the ledger has attempts of it`);
      }
    }
    if ((await this.#attempts.next()) !== undefined) {
      throw new ReplayFailure("the ledger has attempts that no batch ever claimed");
    }
    for (const file of this.#pendingFiles) await this.#replica.recordResultFile(file);
    const settled = new Map((await this.#kept.breaks("all")).map((found) => [keyOfBreak(found), found.settled]));
    for (const found of await this.#replica.breaks("open")) {
      const settlement = settled.get(keyOfBreak(found));
      if (settlement) await this.#replica.settleBreak(found.breakId, settlement);
    }
  }

  async #plan(batch: BatchRecord, planned: Stamp, taken: ExportRecord | undefined): Promise<void> {
    const { batchId } = batch;
    if (!taken) throw new ReplayFailure(`batch ${batchId} has no export`);
    await this.#replica.transaction(async () => {
      if (!this.#rows.has(taken.exportId)) await this.#take(taken);
      const made = await this.#replica.planBatch({ ...stampOf(planned), exportId: taken.exportId });
      if (made !== batchId) throw new ReplayFailure(`batch ${made} is missing in the ledger`);
      const claims = await this.#kept.claims(batchId);
      const again = claims.filter((claim) => claim.again).map((claim) => claim.attemptId);
      const first = claims.filter((claim) => !claim.again);
      const attempts: NewAttempt[] = [];
      for (const { attemptId } of first) attempts.push(await this.#nextRow(taken.exportId, attemptId));
      if (attempts.length > 0) await this.#replica.claim(batchId, attempts);
      if (again.length > 0) await this.#replica.reclaim(batchId, again);
    });
  }

  async #take(taken: ExportRecord): Promise<void> {
    this.#rows.set(taken.exportId, new PageReader(readArchived(this.#context, taken.archivePath)));
    const made = await this.#replica.beginExport(taken);
    await this.#replica.endExport(made, taken);
    if (made !== taken.exportId) throw new ReplayFailure(`export ${made} is missing in the ledger, or has no batch`);
  }

  /** The row is the archive's; where it stood in the merchant's own file only the ledger knows. */
  async #nextRow(exportId: number, attemptId: number): Promise<NewAttempt> {
    const rows = this.#rows.get(exportId);
    const rebill = await rows?.next();
    const attempt = await this.#attempts.next();
    if (!rows || !rebill)
      throw new ReplayFailure(`the archived export ${exportId} has no row for attempt ${attemptId}`);
    if (attempt?.attemptId !== attemptId) {
      throw new ReplayFailure(
        `the ledger's attempts and claims disagree about row ${rows.taken} of export ${exportId}`,
      );
    }
    return { rebill, position: rows.taken - 1, row: attempt.row, line: attempt.line };
  }

  async #happen(batch: BatchRecord, event: BatchEvent): Promise<void> {
    const { batchId } = batch;
    // The result row that made this state makes it again.
    if (isFoundByRow(event)) return;
    const stamp = stampOf(event);
    if (event.state === "name_minted") {
      await this.#replica.mintName(batchId, () => event.name, stamp);
    } else if (event.state === "temporary_created") {
      await this.#replica.recordTemporary(batchId, { ...stamp, try: event.try, path: event.name });
    } else {
      if (event.state === "archived") await this.#archive(batch);
      await this.#replica.recordBatchState(batchId, event.state, { ...stamp, try: event.try, detail: event.detail });
      if (event.state === "delivered" && !this.#waitedFor.has(batchId)) await applyWaiting(this.#at(stamp));
    }
  }

  /** Rows and control totals are counted from the archived rows, size and hash from the archived file. */
  async #archive({ batchId, content }: BatchRecord): Promise<void> {
    const known = await this.#replica.findBatch(String(batchId));
    if (!content || known?.content) return;
    const totals = new MoneyTotals();
    let rows = 0;
    for await (const page of this.#replica.batchAttempts(batchId)) {
      rows += page.length;
      for (const { currency, amountMinor } of page) totals.add(currency, amountMinor);
    }
    const { archivePath, sizeBytes, sha256 } = { ...content, ...this.#whole.get(content.archivePath) };
    await this.#replica.recordContent(batchId, { archivePath, sizeBytes, sha256, rows, totals: totals.toArray() });
  }

  async #apply(file: ResultFileRecord, all: readonly ResultFileRecord[]): Promise<void> {
    const resultFileId = await this.#replica.recordResultFile(file);
    if (file.applied === undefined) return;
    const stamp = stampOf(file.applied);
    const isTwin = (other: ResultFileRecord) =>
      other.resultFileId < file.resultFileId && other.name === file.name && other.sha256 === file.sha256;
    // The same bytes under the same name: `collect` recorded it as known, and nobody read it again.
    if (file.applied.rows === 0 && all.some(isTwin)) {
      await this.#replica.markApplied(resultFileId, { ...stamp, rows: 0, applied: 0, repeated: 0 });
      return;
    }
    await applyFiles(this.#at(stamp), [{ ...file, resultFileId, applied: undefined }]);
  }

  async #applyAgain(name: string, stamp: Stamp): Promise<void> {
    const files = await this.#replica.resultFiles();
    const again = files.filter((file) => file.name === name && file.applied !== undefined);
    await applyFiles(this.#at(stamp), again);
  }

  /** The pipeline as it was then, over the replica. It only reads the archive, and speaks to no server. */
  #at(stamp: Stamp): PipelineContext {
    const clock = { now: () => stamp.at, wall: () => stamp.recordedAt };
    return { ...this.#context, ledger: this.#replica, clock, note: () => {} };
  }
}

/** Strict: where the hash of the rows was not recorded, this is what tells that they were altered. */
async function* readArchived(context: PipelineContext, archivePath: string): AsyncGenerator<Rebill[]> {
  try {
    yield* readCanonical(context.archive.resolve(archivePath));
  } catch (error) {
    throw new ReplayFailure(error instanceof Error ? error.message : String(error), archivePath, "altered");
  }
}

function stampOf({ at, recordedAt }: Stamp): Stamp {
  return { at, recordedAt };
}
