/**
 * Many batches on their way at once, over the run's one connection: what a batch costs is round trips, and those of several
 * lie side by side. They share nothing but the connection and the ledger; each keeps its own order of states (deliver.ts).
 */
import { Problem } from "../domain/problem.ts";
import type { BatchRecord } from "../ledger/ledger.ts";
import { archivePlanned } from "./archive-planned.ts";
import { currentBatch } from "./batch-facts.ts";
import { checkStop, type PipelineContext } from "./context.ts";
import { deliverBatch } from "./deliver.ts";
import type { RunBatchFiles } from "./run-batch-files.ts";

/** Delivers whatever is unfinished, each batch once a run, until nothing is left or nothing can go on. */
export class Delivery {
  readonly #context: PipelineContext;
  readonly #handled = new Set<number>();
  readonly #problems = new Map<string, Problem>();
  /** No further batch is begun; what is on its way comes to its own end. */
  #halted = false;

  constructor(context: PipelineContext) {
    this.#context = context;
  }

  /** `files`: the run's, where some may have been begun. */
  async deliverUnfinished(files?: RunBatchFiles): Promise<void> {
    // A batch that became too late plans a new one with its fresh rows, so look again until nothing new turns up.
    for (;;) {
      const todo = (await this.#context.ledger.batches("unfinished")).filter(
        (batch) => !this.#handled.has(batch.batchId),
      );
      if (todo.length === 0) return;
      await this.#deliverAll(todo, files);
    }
  }

  async batches(): Promise<BatchRecord[]> {
    const ids = [...this.#handled].toSorted((a, b) => a - b);
    return Promise.all(ids.map((id) => currentBatch(this.#context, id)));
  }

  problems(): Problem[] {
    return [...this.#problems.values()];
  }

  /**
   * Begun in their order, so many at a time; the first of a large night leave while the last are still being archived. What ends
   * the run does so only when nothing is on its way any more.
   */
  async #deliverAll(todo: readonly BatchRecord[], files: RunBatchFiles | undefined): Promise<void> {
    const ready = new ReadyBatches(todo.filter((batch) => batch.state !== "planned"));
    const onArchived = (batches: readonly BatchRecord[]) => ready.add(batches);
    const archiving = archivePlanned(this.#context, todo, { onArchived, files }).finally(() => ready.end());
    const deliverOn = async () => {
      for (let batch = await ready.next(); batch; batch = await ready.next()) await this.#deliver(batch);
    };
    const all = await Promise.allSettled([archiving, ...Array.from({ length: this.#atOnce() }, deliverOn)]);
    const ended = all.find((one) => one.status === "rejected");
    if (ended) throw ended.reason;
  }

  /** Without a rename, whatever a lost connection cuts off is a question to a person: one of them is enough. */
  #atOnce(): number {
    return this.#context.profile.delivery.commit === "direct" ? 1 : this.#context.batchesAtOnce;
  }

  async #deliver(batch: BatchRecord): Promise<void> {
    this.#handled.add(batch.batchId);
    // Never archived, so there is nothing on the server to look for: only a person can settle it.
    const isBeyondLooking = batch.state === "uncertain" && batch.content === undefined;
    if (this.#halted || isBeyondLooking) return;
    try {
      checkStop(this.#context);
      await deliverBatch(this.#context, batch.batchId);
    } catch (error) {
      // The server answered for this one batch only (a full disk, a quota): the next, smaller one may still fit.
      const isItsOwn = error instanceof Problem && (error.code === "remote_failed" || error.code === "disk_failed");
      this.#halted ||= !isItsOwn;
      if (!(error instanceof Problem) || error.code === "locked" || error.code === "ledger_damaged") throw error;
      if (!this.#problems.has(error.code)) this.#problems.set(error.code, error);
    }
  }
}

/** What one side makes ready and several others take, each batch once, in its order. */
class ReadyBatches {
  readonly #batches: BatchRecord[];
  #isComplete = false;
  #wake: (() => void)[] = [];

  constructor(batches: readonly BatchRecord[]) {
    this.#batches = [...batches];
  }

  add(batches: readonly BatchRecord[]): void {
    this.#batches.push(...batches);
    this.#wakeAll();
  }

  /** No more will come. */
  end(): void {
    this.#isComplete = true;
    this.#wakeAll();
  }

  /** Undefined: that was the last. */
  async next(): Promise<BatchRecord | undefined> {
    while (this.#batches.length === 0 && !this.#isComplete) await new Promise<void>((wake) => this.#wake.push(wake));
    return this.#batches.shift();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
