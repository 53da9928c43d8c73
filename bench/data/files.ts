/** Streams a made file to disk in pieces of about a megabyte. */
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";

const PIECE_CHARACTERS = 1 << 20;

export class FileWriter {
  readonly #stream: WriteStream;
  #text = "";

  constructor(path: string) {
    this.#stream = createWriteStream(path, { mode: 0o600 });
  }

  /** Resolves at once but for each megabyte; await it only when it is a promise, a million awaits cost a second. */
  write(piece: string | Buffer): Promise<void> | undefined {
    if (typeof piece === "string") {
      this.#text += piece;
      return this.#text.length < PIECE_CHARACTERS ? undefined : this.#flush();
    }
    this.#stream.write(this.#take());
    this.#stream.write(piece);
    return undefined;
  }

  async end(): Promise<void> {
    this.#stream.end(this.#take());
    await finished(this.#stream);
  }

  async #flush(): Promise<void> {
    if (!this.#stream.write(this.#take())) await once(this.#stream, "drain");
  }

  #take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
