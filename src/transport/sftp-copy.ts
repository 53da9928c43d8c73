/**
 * Moving bytes: many requests of 31 KiB in flight, in order, on one handle. Not ssh2-sftp-client's `put` and `get`, which
 * report success on a full disk and resolve before the bytes are there; not `fastPut`, whose failures leave holes.
 */
import type { SFTPWrapper } from "ssh2";
import type { SftpConnection } from "./sftp-connection.ts";
import type { Action } from "./sftp-errors.ts";

/**
 * Not the usual 32 KiB: to any server but OpenSSH, ssh2 sends at most 31 952 bytes at once and the rest of a larger request
 * only after the answer, which costs a round trip for each request and the order of the writes.
 */
const REQUEST_BYTES = 31 * 1024;

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
  let position = 0;
  let acknowledged = 0;
  for await (const block of blocks) {
    for (let offset = 0; offset < block.length; offset += REQUEST_BYTES) {
      const length = Math.min(REQUEST_BYTES, block.length - offset);
      const at = position;
      await requests.send(async () => {
        await connection.ask<unknown>(action, (answer) => sftp.write(handle, block, offset, length, at, answer));
        acknowledged += length;
        onAcknowledged?.(acknowledged);
      });
      position += length;
    }
  }
  return position;
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

/** So many requests at once for all the files that are written on one connection; who comes first is served first. */
export class RequestWindow {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
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

  /** Resolves once it was sent; rejects with what failed before. */
  async send(request: () => Promise<unknown>): Promise<void> {
    await this.#window.enter();
    if (this.#failure) {
      this.#window.leave();
      throw this.#failure.error;
    }
    this.#follow(request());
  }

  /** CLOSE is owed to the server even after a failure. */
  async sendLast(request: () => Promise<unknown>): Promise<void> {
    await this.#window.enter();
    this.#follow(request());
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

  #follow(answer: Promise<unknown>): void {
    this.#unanswered += 1;
    const answered = () => {
      this.#unanswered -= 1;
      this.#window.leave();
      this.#wake?.();
    };
    answer.then(answered, (error: unknown) => {
      this.fail(error);
      answered();
    });
  }
}
