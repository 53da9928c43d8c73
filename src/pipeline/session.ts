/**
 * One connection for a whole run, made when it is first needed and made anew after it died. A lost connection is not a
 * reason to give up: the batch it cut off is looked at over the next one.
 */
import { isProblem } from "../domain/problem.ts";
import type { RemoteDrop, Transport } from "../transport/transport.ts";

export class RemoteSession {
  readonly #transport: Transport;
  readonly #signal: AbortSignal;
  #drop: RemoteDrop | undefined;

  /** `signal` is the run's deadline: it ends the connection and every call on it. */
  constructor(transport: Transport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  async get(): Promise<RemoteDrop> {
    this.#drop ??= await this.#transport.connect(this.#signal);
    return this.#drop;
  }

  /** After `remote_unreachable`: the next `get` connects again. */
  async discard(): Promise<void> {
    const drop = this.#drop;
    this.#drop = undefined;
    await drop?.close();
  }

  /**
   * Runs the work, and once more on a new connection if the first was lost. Only for work that is safe to repeat: it
   * looks before it acts.
   */
  async withReconnect<T>(work: (drop: RemoteDrop) => Promise<T>): Promise<T> {
    try {
      return await work(await this.get());
    } catch (error) {
      if (!isProblem(error, "remote_unreachable") || this.#drop === undefined) throw error;
      await this.discard();
      return await work(await this.get());
    }
  }

  async close(): Promise<void> {
    await this.discard();
  }
}
