/**
 * A thread of its own that answers calls: for work that repays it, in whatever folder that is done. Its other half is
 * answer-calls.ts. Ended by whoever started it; a thread that ends by itself fails what was asked of it.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { Problem } from "../domain/problem.ts";

export interface ThreadCall {
  readonly id: number;
  readonly call: unknown;
}

/** What was thrown. A class does not cross from thread to thread; what it says does. */
export type Thrown =
  | { readonly problem: Pick<Problem, "code" | "message" | "hint"> & { readonly stack: string } }
  | { readonly error: unknown };

export type ThreadAnswer = { readonly id: number } & ({ readonly value: unknown } | Thrown);

/** What a thread makes is bytes and rows that die young: twice as much room cost a quarter more memory in all, and saved no time. */
const YOUNG_MIB = 24;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class Thread<Call, Answer> {
  readonly #worker: Worker;
  /**
   * By the id of the call, which is given again. (A Map that is filled and emptied all the time leaves its old tables behind, each of
   * which holds the next one: every answer then outlives the collector's first look.)
   */
  readonly #waiting: (Waiting | undefined)[] = [];
  readonly #free: number[] = [];
  /** Why it is no more. */
  #failure: unknown;

  /**
   * `module`: its source, without the ending. `what`: what it does, for the message when it ends before its time. `setup` is cloned.
   */
  constructor(module: URL, what: string, setup: unknown) {
    // From the sources it is a .ts file, from a build a .js file; as this one is.
    const source = new URL(`${module.href}${extname(import.meta.url)}`);
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB };
    this.#worker = new Worker(source, { workerData: setup, resourceLimits });
    this.#worker.on("message", (answer: ThreadAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error(`the thread that ${what} ended before its work was done`)));
  }

  /**
   * Calls are begun in their order. What is called is cloned, but for `memory`, which is handed over. Rejects with what the thread threw (a
   * Problem stays one), or with why it ended.
   */
  call(call: Call, memory: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#free.pop() ?? this.#waiting.length;
    return new Promise((resolve, reject) => {
      this.#waiting[id] = { resolve: (value) => resolve(value as Answer), reject };
      const message: ThreadCall = { id, call };
      this.#worker.postMessage(message, memory);
    });
  }

  /** At once, whatever it is doing. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: ThreadAnswer): void {
    const waiting = this.#waiting[answer.id];
    this.#waiting[answer.id] = undefined;
    this.#free.push(answer.id);
    if ("value" in answer) waiting?.resolve(answer.value);
    else waiting?.reject(thrownBy(answer));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting?.reject(this.#failure);
  }
}

function thrownBy(thrown: Thrown): unknown {
  if ("error" in thrown) return thrown.error;
  const { code, message, hint, stack } = thrown.problem;
  const [first = "", ...issues] = message.split("\n");
  const problem = new Problem(code, first, { hint, issues: issues.map((line) => line.trimStart()) });
  return Object.assign(problem, { stack });
}
