/**
 * A drop in memory that keeps every promise of the interface, for tests of what is built on it. It can refuse or lose the
 * answer of any single request, before or after the act, and take files away at once as a mailbox server does. Where requests
 * take their time, a connection that ends takes the answers with it that are still on their way.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { Problem, type ProblemCode } from "../domain/problem.ts";
import { writeLocalFile } from "./local-file.ts";
import {
  absolute,
  type MemoryDropOptions,
  type MemoryFault,
  type MemoryFile,
  type MemoryOperation,
  type MemoryRequest,
  MemoryServer,
} from "./memory-server.ts";
import type {
  RemoteAbout,
  RemoteDrop,
  RemoteEntry,
  RemoteFileFacts,
  TransferResult,
  Transport,
  UploadOptions,
} from "./transport.ts";

export type { MemoryDropOptions, MemoryFault, MemoryFile, MemoryOperation, MemoryRequest };

export interface MemoryDrop {
  readonly transport: Transport;
  /** By absolute path. A test may put, look and delete here. */
  readonly files: Map<string, MemoryFile>;
  readonly taken: Map<string, MemoryFile>;
  /** Every request so far. */
  readonly requests: readonly MemoryRequest[];
  put(path: string, bytes: string | Buffer): void;
}

export function createMemoryDrop(options: MemoryDropOptions = {}): MemoryDrop {
  const server = new MemoryServer(options);
  return {
    transport: {
      connect: async (signal) => {
        const drop = new MemoryRemoteDrop(server, signal);
        await drop.request("connect", "", () => {});
        return drop;
      },
    },
    files: server.files,
    taken: server.taken,
    requests: server.requests,
    put: (path, bytes) => server.write(absolute(path), Buffer.from(bytes)),
  };
}

class MemoryRemoteDrop implements RemoteDrop {
  readonly about: RemoteAbout = {
    address: "memory",
    hostKeyFingerprint: "",
    serverVersion: "memory",
    fsync: false,
    loginFolder: "/",
  };
  readonly #server: MemoryServer;
  readonly #signal: AbortSignal | undefined;
  #isOver = false;

  constructor(server: MemoryServer, signal: AbortSignal | undefined) {
    this.#server = server;
    this.#signal = signal;
  }

  list(folder: string): Promise<RemoteEntry[]> {
    const path = absolute(folder);
    return this.request("list", path, () => {
      this.#needFolder(path);
      return this.#server.entries(path);
    });
  }

  stat(path: string): Promise<RemoteFileFacts | undefined> {
    return this.request("stat", absolute(path), () => this.#server.facts(absolute(path)));
  }

  async upload(localPath: string, remotePath: string, options: UploadOptions = {}): Promise<TransferResult> {
    const path = absolute(remotePath);
    const hash = createHash("sha256");
    await this.#create(path);
    await options.onCreated?.();
    let sizeBytes = 0;
    for await (const block of this.#server.readLocal(localPath)) {
      hash.update(block);
      const store = (bytes: Buffer) => {
        const before = this.#server.files.get(path)?.bytes ?? Buffer.alloc(0);
        this.#server.write(path, Buffer.concat([before, bytes]));
      };
      const storeHalf = () => store(block.subarray(0, Math.floor(block.length / 2)));
      await this.request("write", path, () => store(block), storeHalf);
      sizeBytes += block.length;
      options.onProgress?.(sizeBytes);
    }
    await this.request("close", path, () => this.#server.complete(path));
    const facts = await this.stat(path);
    const wasTaken = facts === undefined && options.mayBeTakenAtOnce === true;
    if (facts?.sizeBytes !== sizeBytes && !wasTaken)
      throw refused("remote_failed", `upload ${path}: its size is not what was sent`);
    return { sizeBytes, sha256: hash.digest("hex") };
  }

  async download(remotePath: string, localPath: string, onProgress?: (bytes: number) => void): Promise<TransferResult> {
    return writeLocalFile(localPath, async (write) => {
      const bytes = await this.#read(remotePath);
      await write(bytes);
      onProgress?.(bytes.length);
      return transferred(bytes);
    });
  }

  async hash(remotePath: string): Promise<TransferResult> {
    return transferred(await this.#read(remotePath));
  }

  rename(from: string, to: string): Promise<void> {
    const [source, target] = [absolute(from), absolute(to)];
    return this.request("rename", source, () => {
      this.#needFolder(posix.dirname(target));
      const file = this.#server.files.get(source);
      if (!file) throw refused("remote_failed", `rename ${source}: no such file`);
      if (this.#server.facts(target)) throw refused("remote_failed", `rename ${source}: ${target} exists`);
      this.#server.files.delete(source);
      this.#server.files.set(target, file);
      this.#server.complete(target);
    });
  }

  async createEmpty(path: string): Promise<void> {
    await this.#create(absolute(path));
    await this.request("close", absolute(path), () => this.#server.complete(absolute(path)));
  }

  remove(path: string): Promise<boolean> {
    return this.request("remove", absolute(path), () => this.#server.files.delete(absolute(path)));
  }

  async close(): Promise<void> {
    this.#isOver = true;
  }

  /** Every act on the server goes through here, so that every one can be made to fail. */
  async request<T>(operation: MemoryOperation, path: string, act: () => T, actHalfway?: () => T): Promise<T> {
    const { travel } = this.#server;
    if (travel) await travel();
    if (this.#signal?.aborted) throw refused("deadline_reached", `${operation} ${path}: the deadline was reached`);
    if (this.#isOver) throw refused("remote_unreachable", `${operation} ${path}: the connection is over`);
    const request = this.#server.log(operation, path);
    const fault = this.#server.faultOf(request);
    if (fault?.when === "before") throw this.#fail(fault, operation, path);
    const result = fault?.when === "halfway" && actHalfway ? actHalfway() : act();
    if (fault && fault.code !== "none") throw this.#fail(fault, operation, path);
    if (travel) await travel();
    if (!travel || !this.#isOver) return result;
    this.#server.loseAnswer(request);
    throw refused("remote_unreachable", `${operation} ${path}: the connection ended before the answer`);
  }

  #fail({ code }: MemoryFault, operation: MemoryOperation, path: string): Error {
    if (code === "none") return new Error("an act that was not carried out has no answer that all is well");
    if (code === "remote_unreachable" || code === "deadline_reached") this.#isOver = true;
    return refused(code, `${operation} ${path}: made to fail (${code})`);
  }

  #create(path: string): Promise<void> {
    return this.request("create", path, () => {
      this.#needFolder(posix.dirname(path));
      if (this.#server.facts(path)) throw refused("remote_failed", `create ${path}: it exists`);
      this.#server.write(path, Buffer.alloc(0));
    });
  }

  #read(remotePath: string): Promise<Buffer> {
    const path = absolute(remotePath);
    return this.request("read", path, () => {
      this.#needFolder(posix.dirname(path));
      const file = this.#server.files.get(path);
      if (!file) throw refused("remote_failed", `read ${path}: no such file`);
      return file.bytes;
    });
  }

  #needFolder(folder: string): void {
    if (!this.#server.folders.has(folder)) throw refused("remote_folder_missing", `there is no folder ${folder}`);
  }
}

function refused(code: ProblemCode, message: string): Problem {
  return new Problem(code, `memory: ${message}`);
}

function transferred(bytes: Buffer): TransferResult {
  return { sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
