/**
 * Whole files to and from a remote drop (one inbound, one outbound folder). Implementations: sftp, memory.
 *
 * Obligations of every implementation, held by test/contract/transport-suite.ts:
 * - nothing waits for ever: each call ends by its answer, by the connection's death, by the idle limit or by `signal`;
 * - success means that the server acknowledged it; a lost answer is `remote_unreachable`, never success;
 * - errors are Problems, classified here once:
 *   `remote_unreachable` (connection or answer lost, idle limit: may be tried again on a new connection),
 *   `remote_failed` (the server answered "failure": disk full, quota, …; for rename and exclusive create it may also
 *   mean "exists", so look), `permission_denied`, `remote_folder_missing` (the parent folder of what was asked for),
 *   `host_key_refused`, `authentication_refused`, `key_unusable`, `deadline_reached` (the signal ended it);
 * - paths are absolute or relative to the login folder, with `/`.
 */
import type { Instant } from "../domain/instant.ts";

export interface Transport {
  /**
   * A new connection, its host key verified before anything is sent. All tries together end within 45 s.
   * Never reused after `close`.
   */
  connect(signal?: AbortSignal): Promise<RemoteDrop>;
}

export interface RemoteEntry {
  /** The bare name as the server gave it; not to be trusted as a path. */
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
  readonly sizeBytes: number;
  /** Whole seconds in SFTP v3, by the server's clock: tells change, never order. */
  readonly modifiedAt: Instant;
}

export interface RemoteFileFacts {
  readonly sizeBytes: number;
  readonly modifiedAt: Instant;
}

export interface TransferResult {
  readonly sizeBytes: number;
  /** Lower-case hex of the bytes that were transferred, hashed on the way. */
  readonly sha256: string;
}

export interface UploadOptions {
  /**
   * Called after the exclusive create was acknowledged and before the first byte is sent, so that its existence can be
   * recorded first. The upload waits for it.
   */
  readonly onCreated?: () => Promise<void>;
  readonly onProgress?: (sentBytes: number) => void;
  /**
   * The file has its final name: a server may take it the moment it is closed. Then its absence after an acknowledged close
   * is no failure; another size still is.
   */
  readonly mayBeTakenAtOnce?: boolean;
}

export interface RemoteDrop {
  /** Files and folders in a folder, in no order, without `.` and `..`. `remote_folder_missing` if it is not there. */
  list(folder: string): Promise<RemoteEntry[]>;

  /** Undefined only if the server says that there is no such file. */
  stat(path: string): Promise<RemoteFileFacts | undefined>;

  /**
   * Creates `remotePath` exclusively and writes the local file to it in order, closes it, fsyncs it where the server
   * offers that, and checks by stat that the size equals the bytes sent. On an error a partial file may be left behind.
   * Sends no mode, no times.
   */
  upload(localPath: string, remotePath: string, options?: UploadOptions): Promise<TransferResult>;

  /** One open, one sequential read; the local file is created exclusively with mode 0600 and fsynced. */
  download(remotePath: string, localPath: string, onProgress?: (bytes: number) => void): Promise<TransferResult>;

  /** SHA-256 of a remote file by reading it; only where the profile allows reading in that folder. */
  hash(remotePath: string): Promise<TransferResult>;

  /**
   * Plain rename to a name that the caller has just seen to be free; not an exclusivity guard on every server.
   * Where the answer is an error, look before believing it.
   */
  rename(from: string, to: string): Promise<void>;

  /** Creates a new empty file exclusively (a trigger file). */
  createEmpty(path: string): Promise<void>;

  /**
   * Only ever for our own temporary files and for collected results whose profile says so. A missing file is fine.
   * Resolves with whether there was one: true is the proof that nobody else took it.
   */
  remove(path: string): Promise<boolean>;

  /** What the server is, for `doctor` and notes: never secret. */
  readonly about: RemoteAbout;

  /** Ends politely within 2 s, then cuts. Never throws. */
  close(): Promise<void>;
}

export interface RemoteAbout {
  /** `sftp.example.com:22`, or `memory` */
  readonly address: string;
  readonly hostKeyFingerprint: string;
  readonly serverVersion: string;
  readonly fsync: boolean;
  readonly loginFolder: string;
}
