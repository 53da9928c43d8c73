/**
 * A large transaction in a thread of its own: SQLite has one core, and whoever reads the rows has the other. It has a connection
 * of its own and the books over it. The merchant's lock stays with the process, whose threads share it.
 */
import { Thread } from "../../thread/thread.ts";
import type { LedgerThreadCall, LedgerThreadSetup } from "./ledger-worker.ts";
import type { TransactionThread } from "./session.ts";

export class LedgerThread implements TransactionThread {
  readonly #thread: Thread<LedgerThreadCall, unknown>;
  #ended: Promise<void> | undefined;

  constructor(setup: LedgerThreadSetup) {
    this.#thread = new Thread(new URL("./ledger-worker", import.meta.url), "writes the ledger", setup);
  }

  async begin(): Promise<void> {
    await this.#thread.call({ method: "begin" });
  }

  call(method: string, parameters: readonly unknown[]): Promise<unknown> {
    return this.#thread.call({ method: "call", of: method, parameters });
  }

  async commit(): Promise<void> {
    await this.#thread.call({ method: "commit" });
  }

  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    // A thread that is ended in the middle of a transaction leaves it open for as long as this process lives.
    await this.#thread.call({ method: "close" }).catch(() => {});
    await this.#thread.end();
  }
}
