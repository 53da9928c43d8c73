/**
 * One try to reach an SFTP session: TCP, key exchange, host key, login, subsystem, under one time limit. We bring our own
 * socket, because ssh2's `destroy()` does nothing to a socket that it has begun to end.
 */
import { connect as connectSocket, type Socket } from "node:net";
import type { AnyAuthMethod, Client, SFTPWrapper } from "ssh2";
import SftpClient from "ssh2-sftp-client";
import { type DurationMs, SECOND_MS } from "../domain/instant.ts";
import { prepareCipherKeys } from "./cipher-keys.ts";
import { type HostKey, type HostKeyAlgorithm, readHostKey } from "./host-key.ts";
import { SftpConnection } from "./sftp-connection.ts";

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Tried in this order. */
  readonly logins: readonly AnyAuthMethod[];
  readonly algorithms: readonly HostKeyAlgorithm[];
  /** Anything but true ends the try before the user's key is offered. */
  readonly isTrusted: (key: HostKey) => boolean;
  readonly timeoutMs: DurationMs;
  readonly idleTimeoutMs: DurationMs;
  readonly signal: AbortSignal | undefined;
}

/** How far a failed try came, and what ended it. */
export class DialFailure extends Error {
  readonly reason: DialReason;
  /** The host key the server showed, if it came so far. */
  readonly offered: HostKey | undefined;

  constructor(reason: DialReason, offered: HostKey | undefined, cause: unknown) {
    super(`dial failed: ${reason}`, { cause });
    this.name = "DialFailure";
    this.reason = reason;
    this.offered = offered;
  }
}

export type DialReason =
  | "aborted"
  | "timed_out"
  /** socket errors, and connections that end before a session is there */
  | "network"
  | "host_key"
  /** no common algorithm, a bad signature */
  | "handshake"
  | "agent"
  | "authentication"
  /** logged in, but no SFTP session */
  | "subsystem";

export function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Rejects only with DialFailure; the socket is then closed. */
export async function dial(options: DialOptions): Promise<SftpConnection> {
  if (options.signal?.aborted) throw new DialFailure("aborted", undefined, options.signal.reason);
  const socket = connectSocket({ host: options.host, port: options.port, noDelay: true });
  const attempt = new Attempt(options, socket);
  const timer = setTimeout(() => attempt.end("timed_out"), options.timeoutMs);
  const onAbort = () => attempt.end("aborted");
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const sftp = await attempt.connect();
    return attempt.toConnection(sftp);
  } catch (error) {
    const failure = attempt.toFailure(error);
    socket.destroy();
    throw failure;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

class Attempt {
  readonly #options: DialOptions;
  readonly #socket: Socket;
  readonly #client: SftpClient;
  #ended: "timed_out" | "aborted" | undefined;
  #offered: HostKey | undefined;
  #isRefused = false;
  #isLoggedIn = false;
  #isOver = false;
  #firstError: unknown;
  #serverVersion = "";

  constructor(options: DialOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    // Its default callbacks write to the console.
    this.#client = new SftpClient("rescue", { error: () => {}, end: () => {}, close: () => {} });
    // The level of an error is lost on its way through ssh2-sftp-client; here it is still there.
    this.#client.on("error", (error) => {
      this.#firstError ??= error;
    });
    this.#client.on("ready", () => {
      this.#isLoggedIn = true;
    });
    this.#client.on("handshake", () => prepareCipherKeys(this.#ssh2));
    this.#client.on("end", () => {
      this.#isOver = true;
    });
    // Nobody answers this, so the login would wait for ever; an expired password is a refused one.
    this.#client.on("change password", () => {
      this.#firstError ??= Object.assign(new Error("the password has expired"), { level: "client-authentication" });
      socket.destroy();
    });
  }

  end(why: "timed_out" | "aborted"): void {
    this.#ended ??= why;
    this.#socket.destroy();
  }

  connect(): Promise<SFTPWrapper> {
    const { host, port, username, logins, algorithms } = this.#options;
    const connected = this.#client.connect({
      host,
      port,
      username,
      sock: this.#socket,
      authHandler: [...logins],
      hostVerifier: (blob: Buffer) => this.#verify(blob),
      algorithms: {
        serverHostKey: [...algorithms],
        // ssh2's own list without SHA-1.
        hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
      },
      keepaliveInterval: 10 * SECOND_MS,
      keepaliveCountMax: 3,
      // Our own timer covers the subsystem as well.
      readyTimeout: 0,
    });
    // After connect(), which pauses the socket: a listener before that would let its first bytes run past ssh2.
    this.#socket.once("data", (head: Buffer) => {
      this.#serverVersion = /^SSH-[\d.]+-([\x20-\x7e]*)/m.exec(head.toString("latin1"))?.[1] ?? "";
    });
    return connected;
  }

  toConnection(sftp: SFTPWrapper): SftpConnection {
    if (!this.#offered) throw new Error("an SSH session without a verified host key");
    return new SftpConnection({
      client: this.#client,
      sftp,
      socket: this.#socket,
      address: addressOf(this.#options),
      hostKey: this.#offered,
      serverVersion: this.#serverVersion,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      signal: this.#options.signal,
      openChannel: (onOpen) => this.#openChannel(onOpen),
    });
  }

  /** What ssh2-sftp-client wraps, and its types leave out. */
  get #ssh2(): Client {
    return (this.#client as unknown as { readonly client: Client }).client;
  }

  /** ssh2-sftp-client knows one channel only. */
  #openChannel(onOpen: (sftp: SFTPWrapper) => void): Promise<SFTPWrapper> {
    return new Promise((resolve, reject) => {
      this.#ssh2.sftp((error, sftp) => {
        if (error) return reject(error);
        // At once: its end may come in the same breath.
        onOpen(sftp);
        resolve(sftp);
      });
    });
  }

  toFailure(error: unknown): DialFailure {
    return new DialFailure(this.#reason(), this.#offered, this.#firstError ?? error);
  }

  #verify(blob: Buffer): boolean {
    this.#offered = readHostKey(blob);
    this.#isRefused = !this.#options.isTrusted(this.#offered);
    return !this.#isRefused;
  }

  #reason(): DialReason {
    if (this.#ended) return this.#ended;
    if (this.#isRefused) return "host_key";
    const error = this.#firstError as { level?: unknown; code?: unknown; message?: string } | undefined;
    switch (error?.level) {
      case "client-authentication":
        return "authentication";
      case "agent":
        return "agent";
      case "handshake":
        return "handshake";
    }
    // OpenSSH hangs up with a protocol error (2) after too many keys; only its words tell that from other ends.
    if (typeof error?.code === "number" && /authentication/i.test(error.message ?? "")) return "authentication";
    return this.#isLoggedIn && !this.#isOver && error === undefined ? "subsystem" : "network";
  }
}
