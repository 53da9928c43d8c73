/**
 * One connection for a whole run, shared by all that goes on at once, made when it is first needed and made anew after it
 * died. A lost connection is not a reason to give up: the batches it cut off are looked at over the next one.
 */
import { isProblem, type Problem } from "../domain/problem.ts";
import type { RemoteDrop, Transport } from "../transport/transport.ts";
import { checkStop } from "./context.ts";

export class RemoteSession {
  readonly #transport: Transport;
  readonly #deadline: AbortSignal;
  readonly #stop: AbortSignal;
  #drop: RemoteDrop | undefined;
  /** Whoever needs a connection while one is being made waits for that one. */
  #connecting: Promise<RemoteDrop> | undefined;
  /** By somebody who needs it now. */
  #isAwaited = false;
  #giveUpWaiting: () => void = () => {};
  /** Why no connection could be made: every step of the run is told so at once, instead of waiting for it again. */
  #refusal: Problem | undefined;

  /**
   * The deadline ends the connection and every call on it. `stop` ends only the waiting for a connection: what is under way
   * on one is finished.
   */
  constructor(transport: Transport, deadline: AbortSignal, stop: AbortSignal = new AbortController().signal) {
    this.#transport = transport;
    this.#deadline = deadline;
    this.#stop = stop;
  }

  /** It will be needed: whoever gets it soon waits less. What goes wrong is told to who needs it. */
  begin(): void {
    this.#open().catch(() => {});
  }

  async get(): Promise<RemoteDrop> {
    const opened = this.#open();
    this.#isAwaited = this.#connecting !== undefined;
    return opened;
  }

  async #open(): Promise<RemoteDrop> {
    if (this.#refusal) throw this.#refusal;
    if (this.#drop) return this.#drop;
    this.#connecting ??= this.#connectOnce().finally(() => {
      this.#connecting = undefined;
      this.#isAwaited = false;
    });
    return this.#connecting;
  }

  async #connectOnce(): Promise<RemoteDrop> {
    try {
      this.#drop = await this.#connect();
      return this.#drop;
    } catch (error) {
      // A server that was away before anybody needed it may be back by then.
      if (isProblem(error) && (this.#isAwaited || error.code !== "remote_unreachable")) this.#refusal = error;
      throw error;
    }
  }

  async #connect(): Promise<RemoteDrop> {
    const waiting = new AbortController();
    const giveUp = () => waiting.abort();
    this.#giveUpWaiting = giveUp;
    this.#stop.addEventListener("abort", giveUp);
    try {
      checkStop({ stop: this.#stop });
      return await this.#transport.connect(AbortSignal.any([this.#deadline, waiting.signal]));
    } catch (error) {
      if (waiting.signal.aborted) checkStop({ stop: this.#stop });
      throw error;
    } finally {
      this.#stop.removeEventListener("abort", giveUp);
    }
  }

  /**
   * Runs the work, and once more on a new connection if the first was lost. Only for work that is safe to repeat: it
   * looks before it acts. Of many that shared the lost one, the first to notice makes the new one for all.
   */
  async withReconnect<T>(work: (drop: RemoteDrop) => Promise<T>): Promise<T> {
    const drop = await this.get();
    try {
      return await work(drop);
    } catch (error) {
      if (!isProblem(error, "remote_unreachable")) throw error;
      await this.#giveUp(drop);
      return await work(await this.get());
    }
  }

  /** Only this connection: another one may be there by now, and is not touched. */
  async #giveUp(drop: RemoteDrop): Promise<void> {
    if (this.#drop === drop) this.#drop = undefined;
    await drop.close();
  }

  /** Ends the connection, or the waiting for one; a later `get` makes a new one, and tries again what was refused before. */
  async close(): Promise<void> {
    if (this.#connecting) {
      this.#giveUpWaiting();
      await this.#connecting.catch(() => {});
    }
    const drop = this.#drop;
    this.#drop = undefined;
    this.#refusal = undefined;
    await drop?.close();
  }
}
