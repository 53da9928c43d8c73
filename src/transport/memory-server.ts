/** What the connections of the in-memory drop share: its files, and the faults it was told to have. */
import { posix } from "node:path";
import { type Instant, SECOND_MS } from "../domain/instant.ts";
import type { ProblemCode } from "../domain/problem.ts";
import { readLocalFile } from "./local-file.ts";
import type { RemoteEntry, RemoteFileFacts } from "./transport.ts";

export type MemoryOperation = "connect" | "list" | "stat" | "create" | "write" | "close" | "read" | "rename" | "remove";

export interface MemoryRequest {
  /** From 1, over all connections. */
  readonly number: number;
  readonly operation: MemoryOperation;
  /** Absolute; empty for `connect`. */
  readonly path: string;
}

export interface MemoryFault {
  /** `remote_unreachable` and `deadline_reached` end the connection as well. `none`: the server says that all is well. */
  readonly code: ProblemCode | "none";
  /** `halfway`: of a write, half of its bytes were stored. `after`: the act was carried out, only its answer is lost. */
  readonly when: "before" | "halfway" | "after";
}

export interface MemoryDropOptions {
  /** Default: `/inbound` and `/outbound`; the login folder is `/`. */
  readonly folders?: readonly string[];
  /** The server's clock; default: the machine's. */
  readonly now?: () => Instant;
  /** Asked for every request. */
  readonly fault?: (request: MemoryRequest) => MemoryFault | undefined;
  /** The way of each request to the server, and of its answer back. Default: no time at all. */
  readonly travel?: () => Promise<void>;
  /** Told of a request that was carried out, while the end of the connection lost its answer. */
  readonly onAnswerLost?: (request: MemoryRequest) => void;
  /** The bytes of a local file; default: from the disk, whose answers come in no certain order. */
  readonly readLocal?: (path: string) => AsyncIterable<Buffer>;
  /** Is a file with this name taken the moment it is complete? Then it goes to `taken`. */
  readonly isTaken?: (path: string) => boolean;
}

export interface MemoryFile {
  readonly bytes: Buffer;
  readonly modifiedAt: Instant;
}

export class MemoryServer {
  readonly files = new Map<string, MemoryFile>();
  readonly taken = new Map<string, MemoryFile>();
  readonly requests: MemoryRequest[] = [];
  readonly folders: ReadonlySet<string>;
  readonly #now: () => Instant;
  readonly #options: MemoryDropOptions;

  constructor(options: MemoryDropOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.folders = new Set(["/", ...(options.folders ?? ["/inbound", "/outbound"]).map(absolute)]);
  }

  log(operation: MemoryOperation, path: string): MemoryRequest {
    const request = { number: this.requests.length + 1, operation, path };
    this.requests.push(request);
    return request;
  }

  faultOf(request: MemoryRequest): MemoryFault | undefined {
    return this.#options.fault?.(request);
  }

  loseAnswer(request: MemoryRequest): void {
    this.#options.onAnswerLost?.(request);
  }

  get travel(): (() => Promise<void>) | undefined {
    return this.#options.travel;
  }

  readLocal(path: string): AsyncIterable<Buffer> {
    return (this.#options.readLocal ?? readLocalFile)(path);
  }

  write(path: string, bytes: Buffer): void {
    // SFTP version 3 knows whole seconds only.
    this.files.set(path, { bytes, modifiedAt: Math.floor(this.#now() / SECOND_MS) * SECOND_MS });
  }

  /** A file has got its content and its name: the provider may take it. */
  complete(path: string): void {
    const file = this.files.get(path);
    if (!file || !this.#options.isTaken?.(path)) return;
    this.files.delete(path);
    this.taken.set(path, file);
  }

  facts(path: string): RemoteFileFacts | undefined {
    if (this.folders.has(path)) return { sizeBytes: 0, modifiedAt: 0 };
    const file = this.files.get(path);
    return file && { sizeBytes: file.bytes.length, modifiedAt: file.modifiedAt };
  }

  entries(folder: string): RemoteEntry[] {
    const isInside = (path: string) => path !== folder && posix.dirname(path) === folder;
    return [
      ...[...this.folders]
        .filter(isInside)
        .map((path) => ({ name: posix.basename(path), kind: "folder" as const, sizeBytes: 0, modifiedAt: 0 })),
      ...[...this.files]
        .filter(([path]) => isInside(path))
        .map(([path, { bytes, modifiedAt }]) => ({
          name: posix.basename(path),
          kind: "file" as const,
          sizeBytes: bytes.length,
          modifiedAt,
        })),
    ];
  }
}

export function absolute(path: string): string {
  return posix.resolve("/", path);
}
