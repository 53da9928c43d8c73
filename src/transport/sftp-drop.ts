/** The drop's operations as SFTP requests, each ending in success that the server acknowledged or in a Problem. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { FileEntryWithStats, Stats } from "ssh2";
import { Problem } from "../domain/problem.ts";
import { readLocalFile, writeLocalFile } from "./local-file.ts";
import { type Channel, type ChannelLimit, SftpChannels } from "./sftp-channels.ts";
import type { SftpConnection } from "./sftp-connection.ts";
import { RequestsInOrder, readChunks, sendBlocks } from "./sftp-copy.ts";
import { factsOf, toEntry } from "./sftp-entries.ts";
import { type Action, folderMissing, problemOfStatus, STATUS, StatusError } from "./sftp-errors.ts";
import type {
  RemoteAbout,
  RemoteDrop,
  RemoteEntry,
  RemoteFileFacts,
  TransferResult,
  UploadOptions,
} from "./transport.ts";

/** READDIRs in flight: a server gives about 100 names for each. */
const LIST_CONCURRENCY = 16;
/** Servers do not agree on how they say that an exclusive create found a file. */
const MAYBE_EXISTS: readonly number[] = [STATUS.failure, STATUS.exists];

/** `concurrency` is of requests in flight, on each channel. */
export async function openSftpDrop(
  connection: SftpConnection,
  { concurrency, limit }: { readonly concurrency: number; readonly limit: ChannelLimit },
): Promise<RemoteDrop> {
  const loginFolder = await connection
    .ask<string>(looking("find the login folder"), (answer) => connection.sftp.realpath(".", answer))
    .catch((error) => {
      // Not worth a run: only `doctor` shows it.
      if (error instanceof StatusError) return ".";
      throw error;
    });
  const channels = new SftpChannels(connection.sftp, () => connection.openChannel(), limit, concurrency);
  return new SftpDrop(connection, channels, concurrency, {
    address: connection.address,
    hostKeyFingerprint: connection.hostKey.fingerprint,
    serverVersion: connection.serverVersion,
    fsync: connection.canFsync,
    loginFolder,
  });
}

class SftpDrop implements RemoteDrop {
  readonly about: RemoteAbout;
  readonly #connection: SftpConnection;
  readonly #concurrency: number;
  readonly #channels: SftpChannels;

  constructor(connection: SftpConnection, channels: SftpChannels, concurrency: number, about: RemoteAbout) {
    this.#connection = connection;
    this.#channels = channels;
    this.#concurrency = concurrency;
    this.about = about;
  }

  async list(folder: string): Promise<RemoteEntry[]> {
    const action = looking(`list ${folder}`);
    const { sftp } = this.#connection;
    return this.#run(action, folder, async (ask) => {
      const handle = await ask<Buffer>((answer) => sftp.opendir(folder, answer));
      const entries: RemoteEntry[] = [];
      const readOn = async () => {
        for (;;) {
          const batch = await ask<FileEntryWithStats[]>((answer) => sftp.readdir(handle, answer)).catch(endOfFile);
          if (batch === undefined) return;
          entries.push(...batch.map(toEntry));
        }
      };
      await this.#closing(handle, action, () =>
        Promise.all(Array.from({ length: Math.min(LIST_CONCURRENCY, this.#concurrency) }, readOn)),
      );
      return entries;
    });
  }

  async stat(path: string): Promise<RemoteFileFacts | undefined> {
    return this.#run(looking(`look at ${path}`), undefined, async (ask) => {
      const stats = await ask<Stats>((answer) => this.#connection.sftp.stat(path, answer)).catch(noSuchFile);
      return stats && factsOf(stats);
    });
  }

  async upload(localPath: string, remotePath: string, options: UploadOptions = {}): Promise<TransferResult> {
    const action = changing(`upload ${remotePath}`);
    const hash = createHash("sha256");
    const hint =
      "Part of it may lie there. The server may be full or over a quota: ask the provider. If it takes sequential writes " +
      "only, set concurrency: 1.";
    const channel = this.#channels.take();
    const sizeBytes = await this.#run(
      action,
      posix.dirname(remotePath),
      async () => {
        const handle = await this.#create(channel, remotePath, action);
        return this.#fill(channel, handle, hashing(readLocalFile(localPath), hash), action, options);
      },
      hint,
    ).finally(() => this.#channels.leave(channel));
    await this.#checkSize(remotePath, sizeBytes, action, options.mayBeTakenAtOnce === true);
    return { sizeBytes, sha256: hash.digest("hex") };
  }

  async download(remotePath: string, localPath: string, onProgress?: (bytes: number) => void): Promise<TransferResult> {
    return writeLocalFile(localPath, (write) =>
      this.#read(looking(`download ${remotePath}`), remotePath, async (chunk, soFar) => {
        await write(chunk);
        onProgress?.(soFar);
      }),
    );
  }

  async hash(remotePath: string): Promise<TransferResult> {
    return this.#read(looking(`read back ${remotePath}`), remotePath, () => {});
  }

  async rename(from: string, to: string): Promise<void> {
    const action = changing(`rename ${from} to ${to}`);
    await this.#run(action, posix.dirname(to), (ask) =>
      ask<void>((answer) => this.#connection.sftp.rename(from, to, answer)),
    );
  }

  async createEmpty(path: string): Promise<void> {
    const action = changing(`create ${path}`);
    await this.#run(action, posix.dirname(path), async () => {
      const handle = await this.#create(this.#connection, path, action);
      await this.#closing(handle, action, async () => {});
    });
  }

  async remove(path: string): Promise<boolean> {
    return this.#run(changing(`remove ${path}`), undefined, async (ask) => {
      const removed = ask<void>((answer) => this.#connection.sftp.unlink(path, answer)).then(() => true);
      return (await removed.catch(noSuchFile)) ?? false;
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #read(
    action: Action,
    remotePath: string,
    onChunk: (chunk: Buffer, soFar: number) => Promise<void> | void,
  ): Promise<TransferResult> {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    await this.#run(action, posix.dirname(remotePath), async (ask) => {
      const handle = await ask<Buffer>((answer) => this.#connection.sftp.open(remotePath, "r", answer));
      await this.#closing(handle, action, () =>
        readChunks(this.#connection, handle, { concurrency: this.#concurrency, action }, (chunk) => {
          hash.update(chunk);
          sizeBytes += chunk.length;
          return onChunk(chunk, sizeBytes);
        }),
      );
    });
    return { sizeBytes, sha256: hash.digest("hex") };
  }

  /** Exclusive, and without a mode: several servers refuse to be told one. */
  async #create({ sftp }: Pick<Channel, "sftp">, path: string, action: Action): Promise<Buffer> {
    try {
      return await this.#connection.ask<Buffer>(action, (answer) => sftp.open(path, "wx", answer));
    } catch (error) {
      if (!(error instanceof StatusError) || !MAYBE_EXISTS.includes(error.status)) throw error;
      const hint = "A file of that name may be there already: look before trying again. Nothing was written to it.";
      throw problemOfStatus(error, action, this.about.address, hint);
    }
  }

  /**
   * The bytes, fsync and CLOSE, back to back: a server takes the requests on one handle in their order, and each must be
   * answered well before this resolves. With `concurrency: 1` each waits for the answer to the one before it.
   */
  async #fill(
    { sftp, window }: Channel,
    handle: Buffer,
    blocks: AsyncIterable<Buffer>,
    action: Action,
    { onCreated, onProgress }: UploadOptions,
  ): Promise<number> {
    const { canFsync } = this.#connection;
    const ask = (send: (answer: (error?: Error | null) => void) => void) => this.#connection.ask<void>(action, send);
    const requests = new RequestsInOrder(window);
    let sizeBytes = 0;
    try {
      await onCreated?.();
      sizeBytes = await sendBlocks(this.#connection, { sftp, handle }, blocks, { requests, action }, onProgress);
      if (canFsync) {
        await requests.send(() => ask((answer) => sftp.ext_openssh_fsync(handle, answer)).catch(unsupported));
      }
    } catch (error) {
      requests.fail(error);
    }
    await requests.sendLast(() => ask((answer) => sftp.close(handle, answer)));
    await requests.answered();
    return sizeBytes;
  }

  /** CLOSE is always sent and its answer awaited: it can carry the failure, and some servers raise an alarm without it. */
  async #closing<T>(handle: Buffer, action: Action, work: () => Promise<T>): Promise<T> {
    const close = () => this.#connection.ask<void>(action, (answer) => this.#connection.sftp.close(handle, answer));
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await close().catch(() => {});
      throw error;
    }
    await close();
    return result;
  }

  async #checkSize(path: string, sentBytes: number, action: Action, mayBeTaken: boolean): Promise<void> {
    const facts = await this.stat(path);
    if (facts?.sizeBytes === sentBytes || (facts === undefined && mayBeTaken)) return;
    const found = facts === undefined ? "the file is gone" : `the file has ${facts.sizeBytes} bytes`;
    throw new Problem(
      "remote_failed",
      `cannot ${action.words} on ${this.about.address}: ${found} after ${sentBytes} were acknowledged`,
      { hint: "The server may be full, or take files away at once: look there, then run the same command again." },
    );
  }

  /** Makes a Problem of a refusal. Of "no such file" only where `folder` is really missing. */
  async #run<T>(
    action: Action,
    folder: string | undefined,
    work: (ask: <A>(send: (answer: (error?: Error | null, value?: A) => void) => void) => Promise<A>) => Promise<T>,
    hint?: string,
  ): Promise<T> {
    try {
      return await work((send) => this.#connection.ask(action, send));
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (folder !== undefined && error.status === STATUS.noSuchFile && (await this.#isMissing(folder))) {
        throw folderMissing(folder, action, this.about.address, error);
      }
      throw problemOfStatus(error, action, this.about.address, hint);
    }
  }

  async #isMissing(folder: string): Promise<boolean> {
    return (await this.stat(folder)) === undefined;
  }
}

function looking(words: string): Action {
  return { words, changes: false };
}

function changing(words: string): Action {
  return { words, changes: true };
}

async function* hashing(
  blocks: AsyncIterable<Buffer>,
  hash: { update(block: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const block of blocks) {
    hash.update(block);
    yield block;
  }
}

const endOfFile = except(STATUS.eof);
const noSuchFile = except(STATUS.noSuchFile);
/** Some servers list fsync and then do not know it. */
const unsupported = except(STATUS.unsupported);

function except(status: number): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof StatusError) || error.status !== status) throw error;
  };
}
