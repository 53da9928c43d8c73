/** An SFTP client of the tests' own, straight on ssh2: what the sandbox answers is seen as it came over the wire. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type Client, type FileEntryWithStats, type SFTPWrapper, type Stats } from "ssh2";
import { afterEach } from "vitest";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

/** ssh2 makes a key now and then that it cannot read. */
export function makeKeyPair(): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

export const USER_KEY = makeKeyPair();
export const START = Date.parse("2026-03-10T06:00:00Z");

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function onCleanup(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A sandbox that ends with the test. */
export async function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({
    folder: makeFolder(),
    userPublicKey: USER_KEY.public,
    startAt: START,
    mid: "M1",
    ...options,
  });
  onCleanup(() => sandbox.stop());
  return sandbox;
}

export interface RawClient {
  readonly sftp: SFTPWrapper;
  readonly hostKeyFingerprint: string;
  open(path: string, flags: "r" | "w" | "wx" | "r+" | "a"): Promise<Buffer>;
  write(handle: Buffer, text: string, position: number): Promise<void>;
  read(handle: Buffer, length: number, position: number): Promise<string>;
  close(handle: Buffer): Promise<void>;
  put(path: string, text: string): Promise<void>;
  list(path: string): Promise<string[]>;
  entries(path: string): Promise<FileEntryWithStats[]>;
  stat(path: string): Promise<Stats>;
  lstat(path: string): Promise<Stats>;
  realpath(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
}

export async function connect(sandbox: Sandbox, key = USER_KEY, username = sandbox.username): Promise<RawClient> {
  const client: Client = new ssh2.Client();
  onCleanup(() => client.destroy());
  let hostKeyFingerprint = "";
  await new Promise<void>((resolve, reject) => {
    // Not once: what comes after the first error would end the test process.
    client.once("ready", resolve).on("error", reject);
    client.connect({
      host: sandbox.host,
      port: sandbox.port,
      username,
      privateKey: key.private,
      hostVerifier: (blob: Buffer) => {
        hostKeyFingerprint = `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
        return true;
      },
    });
  });
  client.setNoDelay(true);
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper)));
  });
  return { hostKeyFingerprint, ...wrap(sftp) };
}

type Callback<T> = (error: Error | null | undefined, value: T) => void;

function call<T>(act: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value))));
}

/** For requests that are answered by a status alone. */
function run(act: (callback: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
}

function wrap(sftp: SFTPWrapper): Omit<RawClient, "hostKeyFingerprint"> {
  const open: RawClient["open"] = (path, flags) => call((done) => sftp.open(path, flags, done));
  const close: RawClient["close"] = (handle) => run((done) => sftp.close(handle, done));
  const write: RawClient["write"] = (handle, text, position) => {
    const bytes = Buffer.from(text);
    return run((done) => sftp.write(handle, bytes, 0, bytes.length, position, done));
  };
  const entries: RawClient["entries"] = (path) => call((done) => sftp.readdir(path, done));
  return {
    sftp,
    open,
    close,
    write,
    entries,
    read: (handle, length, position) =>
      new Promise((resolve, reject) => {
        const buffer = Buffer.alloc(length);
        sftp.read(handle, buffer, 0, length, position, (error, bytes) =>
          error ? reject(error) : resolve(buffer.subarray(0, bytes).toString()),
        );
      }),
    put: async (path, text) => {
      const handle = await open(path, "wx");
      await write(handle, text, 0);
      await close(handle);
    },
    list: async (path) => (await entries(path)).map((entry) => entry.filename).sort(),
    stat: (path) => call((done) => sftp.stat(path, done)),
    lstat: (path) => call((done) => sftp.lstat(path, done)),
    realpath: (path) => call((done) => sftp.realpath(path, done)),
    rename: (from, to) => run((done) => sftp.rename(from, to, done)),
    remove: (path) => run((done) => sftp.unlink(path, done)),
    mkdir: (path) => run((done) => sftp.mkdir(path, done)),
    chmod: (path, mode) => run((done) => sftp.chmod(path, mode, done)),
    symlink: (target, path) => run((done) => sftp.symlink(target, path, done)),
  };
}
