/**
 * One connection for a whole run, made when it is first needed and made anew after it died. A lost connection is not a
 * reason to give up: the batch it cut off is looked at over the next one.
 */
import { isProblem, type Problem } from "../domain/problem.ts";
import type { RemoteDrop, Transport } from "../transport/transport.ts";

export class RemoteSession {
  readonly #transport: Transport;
  readonly #signal: AbortSignal;
  #drop: RemoteDrop | undefined;
  /** Why no connection could be made: every step of the run is told so at once, instead of waiting for it again. */
  #refusal: Problem | undefined;

  /** `signal` is the run's deadline: it ends the connection and every call on it. */
  constructor(transport: Transport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  async get(): Promise<RemoteDrop> {
    if (this.#refusal) throw this.#refusal;
    try {
      this.#drop ??= await this.#transport.connect(this.#signal);
      return this.#drop;
    } catch (error) {
      if (isProblem(error)) this.#refusal = error;
      throw error;
    }
  }

  /**
   * Runs the work, and once more on a new connection if the first was lost. Only for work that is safe to repeat: it
   * looks before it acts.
   */
  async withReconnect<T>(work: (drop: RemoteDrop) => Promise<T>): Promise<T> {
    const drop = await this.get();
    try {
      return await work(drop);
    } catch (error) {
      if (!isProblem(error, "remote_unreachable")) throw error;
      await this.close();
      return await work(await this.get());
    }
  }

  /** Ends the connection; a later `get` makes a new one, and tries again what was refused before. */
  async close(): Promise<void> {
    const drop = this.#drop;
    this.#drop = undefined;
    this.#refusal = undefined;
    await drop?.close();
  }
}
