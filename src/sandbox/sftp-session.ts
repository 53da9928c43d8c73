/**
 * One SFTP session, answered from the real files of a DropFolders. Every call on the disk is synchronous: requests are
 * carried out in the order they came, and what a check has just seen still holds when it is acted upon. It behaves like
 * a plain mailbox server: no extensions, no setstat, no links, no sub-folders, rename never replaces. A request without
 * a handler here is answered by ssh2 itself with "operation unsupported" (8).
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import ssh2, { type Attributes, type SFTPWrapper } from "ssh2";
import { DropFolders, type FilePlace, type Place } from "./drop-folders.ts";
import type { OpenFile, OpenFiles } from "./open-files.ts";

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;
const NAMES_PER_READDIR = 100;
/** A client may ask for more than this; a short read is legal, and every client must cope with it. */
const MAX_READ_BYTES = 256 * 1024;

export interface ServedDrop {
  readonly folders: DropFolders;
  readonly openFiles: OpenFiles;
  /** A file stands under this name and nobody writes to it: after a rename or the close of a written file. */
  readonly onFileComplete: (place: FilePlace) => void;
}

type FolderListing = { readonly names: ReturnType<DropFolders["list"]> };
type Handle = OpenFile | FolderListing;

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function serveSftp(sftp: SFTPWrapper, drop: ServedDrop): void {
  const session = new SftpSession(sftp, drop);
  const on = (event: string, act: (reqId: number, ...args: never[]) => void): void => {
    sftp.on(event, (reqId: number, ...args: never[]) => {
      try {
        act(reqId, ...args);
      } catch (error) {
        const { status, message } = describeFailure(error);
        sftp.status(reqId, status, message);
      }
    });
  };
  on("OPEN", (reqId, path: string, flags: number) => session.open(reqId, path, flags));
  on("READ", (reqId, handle: Buffer, offset: number, length: number) => session.read(reqId, handle, offset, length));
  on("WRITE", (reqId, handle: Buffer, offset: number, data: Buffer) => session.write(reqId, handle, offset, data));
  on("CLOSE", (reqId, handle: Buffer) => session.close(reqId, handle));
  on("FSTAT", (reqId, handle: Buffer) => session.fstat(reqId, handle));
  on("STAT", (reqId, path: string) => session.stat(reqId, path));
  on("LSTAT", (reqId, path: string) => session.stat(reqId, path));
  on("OPENDIR", (reqId, path: string) => session.openFolder(reqId, path));
  on("READDIR", (reqId, handle: Buffer) => session.readFolder(reqId, handle));
  on("REALPATH", (reqId, path: string) => session.realPath(reqId, path));
  on("REMOVE", (reqId, path: string) => session.remove(reqId, path));
  on("RENAME", (reqId, from: string, to: string) => session.rename(reqId, from, to));
  on("MKDIR", () => refuseFolders());
  on("RMDIR", () => refuseFolders());
  // OpenSSH's client says that it has no more requests, and then waits for us to close.
  sftp.on("end", () => sftp.end());
  sftp.on("close", () => session.end());
  // A dropped connection must not end the process that hosts the sandbox.
  sftp.on("error", () => session.end());
}

class SftpSession {
  readonly #sftp: SFTPWrapper;
  readonly #drop: ServedDrop;
  readonly #handles = new Map<number, Handle>();
  #lastHandle = 0;

  constructor(sftp: SFTPWrapper, drop: ServedDrop) {
    this.#sftp = sftp;
    this.#drop = drop;
  }

  open(reqId: number, path: string, flags: number): void {
    const place = this.#file(path);
    // Mode and times that a client sends along are ignored, as mailbox servers do.
    const file: OpenFile = {
      fd: openSync(place.path, toDiskFlags(flags), 0o600),
      writable: (flags & OPEN_MODE.WRITE) !== 0,
      place,
    };
    this.#drop.openFiles.add(file);
    this.#sftp.handle(reqId, this.#remember(file));
  }

  read(reqId: number, handle: Buffer, offset: number, length: number): void {
    const buffer = Buffer.allocUnsafe(Math.min(length, MAX_READ_BYTES));
    const bytes = readSync(this.#openFile(handle).fd, buffer, 0, buffer.length, offset);
    if (bytes === 0) this.#sftp.status(reqId, STATUS_CODE.EOF);
    else this.#sftp.data(reqId, buffer.subarray(0, bytes));
  }

  write(reqId: number, handle: Buffer, offset: number, data: Buffer): void {
    const { fd } = this.#openFile(handle);
    let written = 0;
    while (written < data.length) {
      written += writeSync(fd, data, written, data.length - written, offset + written);
    }
    this.#sftp.status(reqId, STATUS_CODE.OK);
  }

  close(reqId: number, handle: Buffer): void {
    const open = this.#find(handle);
    this.#handles.delete(handle.readUInt32BE());
    if ("fd" in open) {
      this.#closeFile(open);
      if (open.writable) this.#drop.onFileComplete(open.place);
    }
    this.#sftp.status(reqId, STATUS_CODE.OK);
  }

  fstat(reqId: number, handle: Buffer): void {
    this.#sftp.attrs(reqId, toAttributes(fstatSync(this.#openFile(handle).fd)));
  }

  stat(reqId: number, path: string): void {
    this.#sftp.attrs(reqId, toAttributes(this.#existing(path).stats));
  }

  openFolder(reqId: number, path: string): void {
    const { place } = this.#existing(path);
    if (place.kind === "file") throw new Refusal(STATUS_CODE.FAILURE, "not a folder");
    this.#sftp.handle(reqId, this.#remember({ names: this.#drop.folders.list(place) }));
  }

  readFolder(reqId: number, handle: Buffer): void {
    const open = this.#find(handle);
    if ("fd" in open) throw new Refusal(STATUS_CODE.FAILURE, "not a folder handle");
    const batch = open.names.splice(0, NAMES_PER_READDIR);
    if (batch.length === 0) {
      this.#sftp.status(reqId, STATUS_CODE.EOF);
      return;
    }
    const entries = batch.map(({ name, stats }) => ({
      filename: name,
      longname: toLongName(name, stats),
      attrs: toAttributes(stats),
    }));
    this.#sftp.name(reqId, entries);
  }

  realPath(reqId: number, path: string): void {
    const filename = DropFolders.normalize(path);
    this.#sftp.name(reqId, [{ filename, longname: filename, attrs: {} as Attributes }]);
  }

  remove(reqId: number, path: string): void {
    unlinkSync(this.#existingFile(path).path);
    this.#sftp.status(reqId, STATUS_CODE.OK);
  }

  rename(reqId: number, from: string, to: string): void {
    const source = this.#existingFile(from);
    const target = this.#file(to);
    if (this.#drop.folders.stat(target)) throw new Refusal(STATUS_CODE.FAILURE, "the target exists");
    renameSync(source.path, target.path);
    this.#drop.openFiles.follow(source, target);
    this.#drop.onFileComplete(target);
    this.#sftp.status(reqId, STATUS_CODE.OK);
  }

  /** What a lost connection left open. Such a file is incomplete, so the provider is not told of it. */
  end(): void {
    for (const handle of this.#handles.values()) if ("fd" in handle) this.#closeFile(handle);
    this.#handles.clear();
  }

  #closeFile(file: OpenFile): void {
    this.#drop.openFiles.remove(file);
    closeSync(file.fd);
  }

  #remember(handle: Handle): Buffer {
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, handle);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#lastHandle);
    return bytes;
  }

  #find(handle: Buffer): Handle {
    const open = handle.length === 4 ? this.#handles.get(handle.readUInt32BE()) : undefined;
    if (open === undefined) throw new Refusal(STATUS_CODE.FAILURE, "invalid handle");
    return open;
  }

  #openFile(handle: Buffer): OpenFile {
    const open = this.#find(handle);
    if ("fd" in open) return open;
    throw new Refusal(STATUS_CODE.FAILURE, "not a file handle");
  }

  #file(path: string): FilePlace {
    const place = this.#drop.folders.locate(path);
    if (place?.kind === "file") return place;
    if (place) throw new Refusal(STATUS_CODE.FAILURE, "is a folder");
    throw new Refusal(STATUS_CODE.NO_SUCH_FILE, "no such file or folder");
  }

  #existing(path: string): { place: Place; stats: Stats } {
    const place = this.#drop.folders.locate(path);
    const stats = place && this.#drop.folders.stat(place);
    if (!place || !stats) throw new Refusal(STATUS_CODE.NO_SUCH_FILE, "no such file or folder");
    return { place, stats };
  }

  #existingFile(path: string): FilePlace {
    const { place } = this.#existing(path);
    if (place.kind === "file") return place;
    throw new Refusal(STATUS_CODE.FAILURE, "is a folder");
  }
}

function refuseFolders(): never {
  throw new Refusal(STATUS_CODE.PERMISSION_DENIED, "there are two folders, and they stay as they are");
}

function toDiskFlags(flags: number): number {
  const reads = (flags & OPEN_MODE.READ) !== 0;
  const writes = (flags & OPEN_MODE.WRITE) !== 0;
  return (
    (writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY) |
    (flags & OPEN_MODE.APPEND ? constants.O_APPEND : 0) |
    (flags & OPEN_MODE.CREAT ? constants.O_CREAT : 0) |
    (flags & OPEN_MODE.TRUNC ? constants.O_TRUNC : 0) |
    (flags & OPEN_MODE.EXCL ? constants.O_EXCL : 0) |
    // A link laid into a folder from outside must not lead a client out of it.
    constants.O_NOFOLLOW
  );
}

function toAttributes(stats: Stats): Attributes {
  return {
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    atime: Math.floor(stats.atimeMs / 1000),
    mtime: Math.floor(stats.mtimeMs / 1000),
  };
}

/** ssh2-sftp-client's `list()` tells files from folders by the first letter. */
function toLongName(name: string, stats: Stats): string {
  const kind = stats.isDirectory() ? "drwx------" : "-rw-------";
  const day = stats.mtime.toISOString().slice(0, 10);
  return `${kind} 1 sandbox sandbox ${String(stats.size).padStart(10)} ${day} ${name}`;
}

function describeFailure(error: unknown): { status: number; message: string } {
  if (error instanceof Refusal) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return { status: STATUS_CODE.NO_SUCH_FILE, message: "no such file or folder" };
  if (code === "EACCES" || code === "EPERM")
    return { status: STATUS_CODE.PERMISSION_DENIED, message: "permission denied" };
  // The text of a system error names real paths, which are no client's business.
  return { status: STATUS_CODE.FAILURE, message: typeof code === "string" ? code : "failure" };
}
