/**
 * Every act of a run on the network, the ledger and the archive passes here: time goes by, and the run may be killed
 * between any two acts, told to stop, or refused by its disk. A killed run can do nothing more, like a process.
 */
import { Problem } from "../../src/domain/problem.ts";
import type { Ledger, TransactionOptions } from "../../src/ledger/ledger.ts";
import { Archive, type ArchiveWriter, type HashedFile } from "../../src/pipeline/archive.ts";
import type { Dice } from "./dice.ts";

/** Not a Problem: nothing in the program may take it for one. */
export class Crash extends Error {}

/** What is to go wrong in one step; counted in acts. */
export interface Trouble {
  readonly crashAt?: number;
  readonly stopAt?: number;
  readonly deadlineAt?: number;
  /** Per act. */
  readonly networkFaults: number;
  readonly diskFaults: number;
  /** Per commit: the one request after which only looking tells. */
  readonly commitFaults: number;
}

export const NO_TROUBLE: Trouble = { networkFaults: 0, diskFaults: 0, commitFaults: 0 };

export class Gate {
  readonly #dice: Dice;
  readonly #passTime: () => void;
  trouble: Trouble = NO_TROUBLE;
  stop = new AbortController();
  deadline = new AbortController();
  acts = 0;
  isDead = false;
  /** Disk faults in this step: what was to be recorded then may have happened all the same. */
  diskFaults = 0;

  constructor(dice: Dice, passTime: () => void) {
    this.#dice = dice;
    this.#passTime = passTime;
  }

  begin(trouble: Trouble): void {
    this.trouble = trouble;
    this.stop = new AbortController();
    this.deadline = new AbortController();
    this.acts = 0;
    this.isDead = false;
    this.diskFaults = 0;
  }

  /** Between two acts. */
  pass(): void {
    if (this.isDead) throw new Crash("a killed run went on");
    this.acts += 1;
    this.#passTime();
    const { crashAt, stopAt, deadlineAt } = this.trouble;
    if (this.acts === stopAt) this.stop.abort();
    if (this.acts === deadlineAt) this.deadline.abort();
    if (this.acts !== crashAt) return;
    this.isDead = true;
    throw new Crash("killed");
  }

  /** An act on this disk. */
  passDisk(what: string): void {
    this.pass();
    if (this.trouble.diskFaults === 0 || !this.#dice.chance(this.trouble.diskFaults)) return;
    this.diskFaults += 1;
    throw new Problem("disk_failed", `${what}: made to fail`);
  }

  /** Dead from now on; the act under way is still done. */
  kill(): void {
    this.isDead = true;
  }

  get wasInterrupted(): boolean {
    return this.isDead || this.diskFaults > 0 || this.stop.signal.aborted || this.deadline.signal.aborted;
  }
}

export function guardLedger(ledger: Ledger, gate: Gate): Ledger {
  return new Proxy(ledger, {
    get: (target, name, receiver) => {
      const call: unknown = Reflect.get(target, name, receiver);
      if (typeof call !== "function") return call;
      if (name === "transaction") {
        return (work: () => Promise<unknown>, options?: TransactionOptions<unknown>) =>
          inTransaction(target, { work, options }, gate);
      }
      const isPaged = ["attempts", "standings", "holds", "batchAttempts"].includes(String(name));
      if (isPaged) return (...values: unknown[]) => passThen(gate, () => Reflect.apply(call, target, values));
      return async (...values: unknown[]) => {
        gate.passDisk(String(name));
        const result: unknown = await Reflect.apply(call, target, values);
        gate.pass();
        return result;
      };
    },
  });
}

/** What failed inside fails it, as in the ledger itself, even where the program caught it there. */
async function inTransaction(
  ledger: Ledger,
  {
    work,
    options,
  }: { readonly work: () => Promise<unknown>; readonly options: TransactionOptions<unknown> | undefined },
  gate: Gate,
): Promise<unknown> {
  gate.pass();
  const faultsBefore = gate.diskFaults;
  const result = await ledger.transaction(async () => {
    const worked = await work();
    if (gate.diskFaults > faultsBefore) throw new Problem("disk_failed", "a write inside was made to fail");
    gate.passDisk("commit");
    return worked;
  }, options);
  gate.pass();
  return result;
}

function passThen<T>(gate: Gate, work: () => T): T {
  gate.pass();
  return work();
}

export class GuardedArchive extends Archive {
  readonly #gate: Gate;

  constructor(folder: string, gate: Gate) {
    super(folder);
    this.#gate = gate;
  }

  override async create(archivePath: string): Promise<ArchiveWriter> {
    this.#gate.passDisk(`create ${archivePath}`);
    return guardWriter(await super.create(archivePath), this.#gate);
  }

  override async copyIn(source: string, archivePath: string): Promise<HashedFile> {
    this.#gate.passDisk(`copy ${archivePath}`);
    return super.copyIn(source, archivePath);
  }

  override async keepParts(archivePaths: readonly string[]): Promise<void> {
    this.#gate.passDisk(`keep ${archivePaths.join()}`);
    return super.keepParts(archivePaths);
  }

  override async remove(archivePath: string): Promise<void> {
    this.#gate.pass();
    return super.remove(archivePath);
  }
}

function guardWriter(writer: ArchiveWriter, gate: Gate): ArchiveWriter {
  return new Proxy(writer, {
    get: (target, name) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      return async (...values: unknown[]) => {
        // A killed process closes its files too.
        if (name !== "discard") gate.passDisk(`${String(name)} in the archive`);
        return Reflect.apply(call, target, values);
      };
    },
  });
}
