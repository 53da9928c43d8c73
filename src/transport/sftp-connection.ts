/**
 * One live SFTP session on which nothing waits for ever. Every request races one death (error, end or close of the socket,
 * of SSH, of the SFTP channel, the idle limit, the signal), because ssh2 leaves requests unanswered in several of these.
 */
import type { Socket } from "node:net";
import type { SFTPWrapper } from "ssh2";
import type SftpClient from "ssh2-sftp-client";
import { type DurationMs, SECOND_MS } from "../domain/instant.ts";
import type { HostKey } from "./host-key.ts";
import { type Action, type Death, describeNetworkError, problemOfDeath, StatusError } from "./sftp-errors.ts";

const POLITE_CLOSE_MS = 2 * SECOND_MS;

export interface LiveSession {
  readonly client: SftpClient;
  readonly sftp: SFTPWrapper;
  readonly socket: Socket;
  readonly address: string;
  readonly hostKey: HostKey;
  readonly serverVersion: string;
  readonly idleTimeoutMs: DurationMs;
  readonly signal: AbortSignal | undefined;
  /** Another SFTP channel. `onOpen` is told before anything else can happen to it. */
  openChannel(onOpen: (sftp: SFTPWrapper) => void): Promise<SFTPWrapper>;
}

interface Waiting {
  readonly action: Action;
  readonly reject: (error: Error) => void;
}

export class SftpConnection {
  readonly sftp: SFTPWrapper;
  readonly address: string;
  readonly hostKey: HostKey;
  readonly serverVersion: string;
  readonly canFsync: boolean;
  readonly #session: LiveSession;
  readonly #waiting = new Set<Waiting>();
  readonly #onLost = (cause?: unknown) =>
    this.#die({ code: "remote_unreachable", why: describeNetworkError(cause), cause });
  readonly #onAbort = () => this.#die({ code: "deadline_reached", why: "the deadline was reached" });
  #idleTimer: NodeJS.Timeout | undefined;
  /** Of those that wait, as far as the last answer told. */
  #oldest: Waiting | undefined;
  #oldestSince = 0;
  #death: Death | undefined;

  constructor(session: LiveSession) {
    this.#session = session;
    this.sftp = session.sftp;
    this.address = session.address;
    this.hostKey = session.hostKey;
    this.serverVersion = session.serverVersion;
    this.canFsync = hasExtension(session.sftp, "fsync@openssh.com");

    for (const event of ["error", "end", "close"]) session.client.on(event, this.#onLost);
    this.#watch(session.sftp);
    session.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (session.signal?.aborted) this.#onAbort();
  }

  /** One more channel, which lives as long as the connection does. Rejects if the server refuses it; may never settle if it is silent. */
  openChannel(): Promise<SFTPWrapper> {
    return this.#session.openChannel((sftp) => this.#watch(sftp));
  }

  /**
   * Sends one request and resolves with its answer. Rejects with a StatusError if the server says no, and with a Problem
   * (`remote_unreachable`, `deadline_reached`) if the connection ends first, however it ends.
   */
  ask<T>(action: Action, send: (answer: (error?: Error | null, value?: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#death) return reject(problemOfDeath(this.#death, action, this.address));
      const waiting: Waiting = { action, reject };
      this.#waiting.add(waiting);
      this.#idleTimer ??= this.#startIdleTimer();
      this.#sendTogether();
      send((error, value) => {
        if (!this.#waiting.delete(waiting)) return;
        this.#noteAnswer();
        if (!error) return resolve(value as T);
        const status = "code" in error ? error.code : undefined;
        if (typeof status === "number") return reject(new StatusError(status, error.message));
        // Not an answer: ssh2 gave the request up.
        this.#waiting.add(waiting);
        this.#die({ code: "remote_unreachable", why: describeNetworkError(error), cause: error });
      });
    });
  }

  #watch(sftp: SFTPWrapper): void {
    sftp.on("error", this.#onLost);
    for (const event of ["end", "close"]) sftp.on(event, () => this.#onLost());
  }

  /** Requests that are made in the same turn go out in one piece: a system call for each costs more than what is in it. */
  #sendTogether(): void {
    const { socket } = this.#session;
    if (socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  /** Ends it at once; everything that waits is told why. */
  cut(why: string): void {
    this.#die({ code: "remote_unreachable", why });
  }

  /** Ends politely within 2 s, then cuts. Never throws. */
  async close(): Promise<void> {
    if (!this.#death) {
      const timer = setTimeout(() => this.#session.socket.destroy(), POLITE_CLOSE_MS);
      // It rejects where a server answers our goodbye with a reset, and cutting the socket ends its waiting.
      await this.#session.client.end().catch(() => {});
      clearTimeout(timer);
    }
    this.cut("it was closed by us");
  }

  /** One timer for all requests: how long nothing at all was answered, so that a slow link does not trip it. */
  #startIdleTimer(): NodeJS.Timeout {
    const { idleTimeoutMs } = this.#session;
    const why = `no answer for ${idleTimeoutMs / SECOND_MS} s`;
    return setTimeout(() => this.cut(why), idleTimeoutMs);
  }

  #noteAnswer(): void {
    this.#cutIfOneIsLost();
    if (this.#waiting.size > 0) {
      this.#idleTimer?.refresh();
    } else {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = undefined;
    }
  }

  /**
   * Where others go on being answered, a lost answer would wait for their end before the idle limit could count. On a slow line
   * or server all wait long, but the one that has waited longest is soon another.
   */
  #cutIfOneIsLost(): void {
    const { idleTimeoutMs } = this.#session;
    const now = performance.now();
    const [oldest] = this.#waiting;
    if (oldest !== this.#oldest) {
      this.#oldest = oldest;
      this.#oldestSince = now;
    } else if (oldest && now - this.#oldestSince > idleTimeoutMs) {
      this.cut(`one answer is missing for ${idleTimeoutMs / SECOND_MS} s`);
    }
  }

  #die(death: Death): void {
    if (this.#death) return;
    this.#death = death;
    clearTimeout(this.#idleTimer);
    this.#session.signal?.removeEventListener("abort", this.#onAbort);
    this.#session.socket.destroy();
    for (const { action, reject } of this.#waiting) reject(problemOfDeath(death, action, this.address));
    this.#waiting.clear();
  }
}

/** In its first version. ssh2 has no public way to ask: if this private field goes, no server has any, and we lose the fsync and large requests. */
export function hasExtension(sftp: SFTPWrapper, name: string): boolean {
  return (sftp as { _extensions?: Record<string, string> })._extensions?.[name] === "1";
}
