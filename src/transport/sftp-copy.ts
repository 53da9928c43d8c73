/**
 * Moving bytes: many requests in flight, in order, on one handle. Not ssh2-sftp-client's `put` and `get`, which
 * report success on a full disk and resolve before the bytes are there; not `fastPut`, whose failures leave holes.
 */
import type { SFTPWrapper } from "ssh2";
import { hasExtension, type SftpConnection } from "./sftp-connection.ts";
import type { Action } from "./sftp-errors.ts";

/**
 * Not the usual 32 KiB: to any server but OpenSSH, ssh2 sends at most 31 952 bytes at once and the rest of a larger request
 * only after the answer, which costs a round trip for each request and the order of the writes.
 */
const REQUEST_BYTES = 31 * 1024;
/** A server that says that it takes so much gets it: a request costs either side more than the bytes that are in it. */
const LARGE_REQUEST_BYTES = 8 * REQUEST_BYTES;

/**
 * Sends the blocks one after the other from position 0 and resolves with the byte count once all were sent; `requests` waits
 * for the answers. `onAcknowledged` is told the sum so far. A block must stay as it is until then: where a
 * server's limit is below our size, ssh2 comes back to it for the rest.
 */
export async function sendBlocks(
  connection: SftpConnection,
  { sftp, handle }: { readonly sftp: SFTPWrapper; readonly handle: Buffer },
  blocks: AsyncIterable<Buffer>,
  { requests, action }: { readonly requests: RequestsInOrder; readonly action: Action },
  onAcknowledged?: (bytes: number) => void,
): Promise<number> {
  const requestBytes = largestWrite(sftp) < LARGE_REQUEST_BYTES ? REQUEST_BYTES : LARGE_REQUEST_BYTES;
  let position = 0;
  let acknowledged = 0;
  for await (const block of blocks) {
    for (let offset = 0; offset < block.length; offset += requestBytes) {
      const length = Math.min(requestBytes, block.length - offset);
      const at = position;
      const write = async () => {
        await connection.ask<unknown>(action, (answer) => sftp.write(handle, block, offset, length, at, answer));
        acknowledged += length;
        onAcknowledged?.(acknowledged);
      };
      await requests.send(write, Math.ceil(length / REQUEST_BYTES));
      position += length;
    }
  }
  return position;
}

/** In bytes, as the server says; 0 if it does not. ssh2 asks it, and keeps the answer in a private field. */
function largestWrite(sftp: SFTPWrapper): number {
  return hasExtension(sftp, "limits@openssh.com") ? ((sftp as { _maxWriteLen?: number })._maxWriteLen ?? 0) : 0;
}

/**
 * Reads from position 0 to the end and hands on the chunks in order. The end is where the server says so, not where an
 * earlier look saw it: files grow and shrink. Short answers are asked for again.
 */
export async function readChunks(
  connection: SftpConnection,
  handle: Buffer,
  { concurrency, action }: { readonly concurrency: number; readonly action: Action },
  onChunk: (chunk: Buffer) => Promise<void> | void,
): Promise<void> {
  const read = (position: number, length: number) => {
    const buffer = Buffer.allocUnsafe(length);
    const answered = connection.ask<number>(action, (answer) =>
      connection.sftp.read(handle, buffer, 0, length, position, answer),
    );
    // Reads past the end are dropped unheard when it is found; their failures must not end the process.
    answered.catch(() => {});
    return async () => buffer.subarray(0, await answered);
  };
  const inFlight: (() => Promise<Buffer>)[] = [];
  let next = 0;
  // Starts small and doubles: most result files fit into the first two.
  for (let depth = Math.min(2, concurrency); ; depth = Math.min(depth * 2, concurrency)) {
    for (; inFlight.length < depth; next += REQUEST_BYTES) inFlight.push(read(next, REQUEST_BYTES));
    const start = next - inFlight.length * REQUEST_BYTES;
    let got = 0;
    for (let answer = inFlight.shift(); answer; answer = read(start + got, REQUEST_BYTES - got)) {
      const chunk = await answer();
      if (chunk.length === 0) return;
      await onChunk(chunk);
      got += chunk.length;
      if (got === REQUEST_BYTES) break;
    }
  }
}

/**
 * So many requests at once for all the files that are written on one connection; who comes first is served first. A large request counts
 * as the small ones whose place it takes.
 */
export class RequestWindow {
  readonly #size: number;
  #free: number;
  readonly #waiting: { readonly weight: number; readonly enter: () => void }[] = [];

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** One that is larger than the window goes alone. */
  async enter(weight: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#take(weight)) return;
    await new Promise<void>((enter) => {
      this.#waiting.push({ weight, enter });
    });
  }

  leave(weight: number): void {
    this.#free += Math.min(weight, this.#size);
    for (let next = this.#waiting[0]; next && this.#take(next.weight); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.enter();
    }
  }

  #take(weight: number): boolean {
    const room = Math.min(weight, this.#size);
    if (this.#free < room) return false;
    this.#free -= room;
    return true;
  }
}

/** The requests on one handle: sent in order without waiting for answers; the first failure stops those not yet sent. */
export class RequestsInOrder {
  readonly #window: RequestWindow;
  #unanswered = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(window: RequestWindow) {
    this.#window = window;
  }

  /** Resolves once it was sent; rejects with what failed before. `weight`: see RequestWindow. */
  async send(request: () => Promise<unknown>, weight = 1): Promise<void> {
    await this.#window.enter(weight);
    if (this.#failure) {
      this.#window.leave(weight);
      throw this.#failure.error;
    }
    this.#follow(request(), weight);
  }

  /** CLOSE is owed to the server even after a failure. */
  async sendLast(request: () => Promise<unknown>): Promise<void> {
    await this.#window.enter(1);
    this.#follow(request(), 1);
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Once all were answered; rejects with the first failure. */
  async answered(): Promise<void> {
    while (this.#unanswered > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
  }

  #follow(answer: Promise<unknown>, weight: number): void {
    this.#unanswered += 1;
    const answered = () => {
      this.#unanswered -= 1;
      this.#window.leave(weight);
      this.#wake?.();
    };
    answer.then(answered, (error: unknown) => {
      this.fail(error);
      answered();
    });
  }
}
