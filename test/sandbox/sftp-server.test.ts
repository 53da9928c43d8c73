import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import ssh2, { type ParsedKey } from "ssh2";
import { expect, test } from "vitest";
import { loadHostKey } from "../../src/sandbox/host-key.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { connect, makeFolder, makeKeyPair, onCleanup, START, start, USER_KEY } from "./raw-client.ts";

const NO_SUCH_FILE = { code: 2 };
const PERMISSION_DENIED = { code: 3 };
const FAILURE = { code: 4 };
const UNSUPPORTED = { code: 8 };

test("the given key logs in, and sees the fingerprint that was announced", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  expect(client.hostKeyFingerprint).toBe(sandbox.hostKeyFingerprint);
});

test("another key and another user are refused", async () => {
  const sandbox = await start();
  const refused = { level: "client-authentication" };
  await expect(connect(sandbox, makeKeyPair())).rejects.toMatchObject(refused);
  await expect(connect(sandbox, USER_KEY, "root")).rejects.toMatchObject(refused);
});

test("who knows the public key but cannot sign with its private half is refused", async () => {
  const sandbox = await start();
  const [known, own] = [USER_KEY.public, makeKeyPair().private].map((text) => ssh2.utils.parseKey(text) as ParsedKey);
  class Impostor extends ssh2.BaseAgent {
    getIdentities(callback: (error: undefined, keys: ParsedKey[]) => void): void {
      callback(undefined, known ? [known] : []);
    }
    sign(_key: unknown, data: Buffer, ...rest: unknown[]): void {
      const callback = rest.at(-1) as (error: undefined, signature: Buffer | undefined) => void;
      callback(undefined, own?.sign(data));
    }
  }
  const client = new ssh2.Client();
  onCleanup(() => client.destroy());
  const outcome = new Promise((resolve) => client.on("ready", () => resolve("logged in")).on("error", resolve));
  client.connect({ host: sandbox.host, port: sandbox.port, username: sandbox.username, agent: new Impostor() });
  expect(await outcome).toMatchObject({ level: "client-authentication" });
});

test("OpenSSH's own client uploads, renames, lists, downloads and leaves", async () => {
  const sandbox = await start();
  const folder = makeFolder();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("key"), USER_KEY.private, { mode: 0o600 });
  writeFileSync(at("file"), "x".repeat(3_000_001));
  const commands = [
    "put file inbound/a.part",
    "rename inbound/a.part inbound/a",
    "ls -l inbound",
    "get inbound/a back",
  ];
  writeFileSync(at("commands"), `${commands.join("\n")}\n`);
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes"];
  const { stdout } = await promisify(execFile)(
    "sftp",
    ["-F", "none", "-b", "commands", "-i", "key", "-P", String(sandbox.port)]
      .concat(options.flatMap((option) => ["-o", option]))
      .concat(`${sandbox.username}@${sandbox.host}`),
    { cwd: folder, timeout: 20_000 },
  );
  expect(stdout).toMatch(/^-rw-------.* 3000001 .* a$/m);
  expect(readFileSync(at("back")).equals(readFileSync(at("file")))).toBe(true);
});

test("the host key is made once, for its owner's eyes, and ssh-keygen agrees on its fingerprint", async () => {
  const folder = makeFolder();
  const first = await start({ folder });
  await first.stop();
  const second = await start({ folder });
  expect(second.hostKeyFingerprint).toBe(first.hostKeyFingerprint);
  const path = join(first.root, "host_ed25519");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(execFileSync("ssh-keygen", ["-l", "-f", path]).toString()).toContain(first.hostKeyFingerprint);
});

test("a host key that cannot be read is an error that names the file", () => {
  const path = join(makeFolder(), "host_ed25519");
  writeFileSync(path, "not a key");
  expect(() => loadHostKey(path)).toThrow(path);
});

test("a user key that cannot be read is an error", async () => {
  const options = { folder: makeFolder(), startAt: START, userPublicKey: "ssh-ed25519 nonsense" };
  await expect(startSandbox(options)).rejects.toThrow("public key");
});

test("a port that is taken is an error, not a crash", async () => {
  const sandbox = await start();
  await expect(start({ port: sandbox.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("after stop nobody can connect, and open connections are gone", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  const gone = new Promise((resolve) => client.sftp.once("close", resolve));
  await sandbox.stop();
  await gone;
  await expect(connect(sandbox)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("a file is written at offsets, read back, listed, renamed and removed", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  const handle = await client.open("inbound/a.part", "wx");
  await client.write(handle, "world", 6);
  await client.write(handle, "hello ", 0);
  await client.close(handle);
  expect(readFileSync(join(sandbox.inbound, "a.part"), "utf8")).toBe("hello world");
  expect((await client.stat("/inbound/a.part")).size).toBe(11);

  await client.rename("inbound/a.part", "/inbound/a.csv");
  expect(await client.list("/inbound")).toEqual(["a.csv"]);
  const again = await client.open("/inbound/a.csv", "r");
  expect(await client.read(again, 100, 6)).toBe("world");
  // ssh2's client turns the end of the file into no bytes.
  expect(await client.read(again, 100, 11)).toBe("");
  await client.close(again);
  await client.remove("inbound/a.csv");
  await expect(client.stat("inbound/a.csv")).rejects.toMatchObject(NO_SUCH_FILE);
  await expect(client.remove("inbound/a.csv")).rejects.toMatchObject(NO_SUCH_FILE);
});

test("an exclusive create of what exists and a rename onto it are refused and change nothing", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  await client.put("inbound/a", "first");
  await client.put("inbound/b", "second");
  await expect(client.open("inbound/a", "wx")).rejects.toMatchObject(FAILURE);
  await expect(client.rename("inbound/b", "inbound/a")).rejects.toMatchObject(FAILURE);
  await expect(client.rename("inbound/none", "inbound/c")).rejects.toMatchObject(NO_SUCH_FILE);
  expect(readFileSync(join(sandbox.inbound, "a"), "utf8")).toBe("first");
  expect(await client.list("inbound")).toEqual(["a", "b"]);
});

test("truncate empties a file, and closing a handle twice is an error", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  await client.put("inbound/a", "first");
  const handle = await client.open("inbound/a", "w");
  await client.close(handle);
  expect(statSync(join(sandbox.inbound, "a")).size).toBe(0);
  await expect(client.close(handle)).rejects.toMatchObject(FAILURE);
  await expect(client.write(handle, "x", 0)).rejects.toMatchObject(FAILURE);
});

test("a folder of 250 files is listed whole, with kinds and sizes", async () => {
  const sandbox = await start();
  for (let n = 0; n < 250; n += 1) writeFileSync(join(sandbox.outbound, `r${n}.csv`), "x".repeat(n));
  const client = await connect(sandbox);
  const entries = await client.entries("outbound");
  expect(entries).toHaveLength(250);
  for (const { filename, attrs, longname } of entries) {
    expect(filename).toBe(`r${attrs.size}.csv`);
    expect(attrs.isFile()).toBe(true);
    expect(longname[0]).toBe("-");
  }
  const root = await client.entries("/");
  expect(root.map((entry) => [entry.filename, entry.longname[0]])).toEqual([
    ["inbound", "d"],
    ["outbound", "d"],
  ]);
});

test("it behaves like a mailbox: no setstat, no links, no new folders", async () => {
  const client = await connect(await start());
  await client.put("inbound/a", "x");
  await expect(client.chmod("inbound/a", 0o777)).rejects.toMatchObject(UNSUPPORTED);
  await expect(client.symlink("/etc/passwd", "inbound/l")).rejects.toMatchObject(UNSUPPORTED);
  await expect(client.mkdir("inbound/sub")).rejects.toMatchObject(PERMISSION_DENIED);
  await expect(client.rename("inbound", "outbound/in")).rejects.toMatchObject(FAILURE);
  await expect(client.remove("outbound")).rejects.toMatchObject(FAILURE);
});

test.each([
  "../secret.txt",
  "/../secret.txt",
  "inbound/../../secret.txt",
  "inbound/../taken/secret.txt",
  "taken/secret.txt",
  "/taken",
  "host_ed25519",
  "inbound/sub/secret.txt",
  "inbound/folder-link/secret.txt",
  "inbound/file-link",
  "inbound/null\0byte",
  "/etc/passwd",
  "../../../../../../../../etc/passwd",
])("no path leads out of the two folders: %j", async (path) => {
  const folder = makeFolder();
  const sandbox = await start({ folder: join(folder, "root") });
  writeFileSync(join(folder, "secret.txt"), "secret");
  writeFileSync(join(sandbox.root, "taken", "secret.txt"), "secret");
  mkdirSync(join(sandbox.inbound, "sub"));
  writeFileSync(join(sandbox.inbound, "sub", "secret.txt"), "secret");
  symlinkSync(folder, join(sandbox.inbound, "folder-link"));
  symlinkSync(join(folder, "secret.txt"), join(sandbox.inbound, "file-link"));
  const before = readdirSync(folder, { recursive: true }).sort();
  const client = await connect(sandbox);
  await client.put("inbound/mine", "mine");

  for (const flags of ["r", "r+", "w", "wx", "a"] as const) {
    await expect(client.open(path, flags)).rejects.toMatchObject({ code: expect.any(Number) });
  }
  await expect(client.stat(path)).rejects.toMatchObject(NO_SUCH_FILE);
  await expect(client.lstat(path)).rejects.toMatchObject(NO_SUCH_FILE);
  await expect(client.list(path)).rejects.toMatchObject(NO_SUCH_FILE);
  await expect(client.remove(path)).rejects.toMatchObject({ code: expect.any(Number) });
  await expect(client.rename(path, "inbound/stolen")).rejects.toMatchObject({ code: expect.any(Number) });
  await expect(client.rename("inbound/mine", `${path}/x`)).rejects.toMatchObject({ code: expect.any(Number) });
  expect(await client.list("inbound")).toEqual(["mine"]);
  await client.remove("inbound/mine");
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before);
  expect(readFileSync(join(folder, "secret.txt"), "utf8")).toBe("secret");
});

test("paths are absolute or relative, and the login folder is the root", async () => {
  const client = await connect(await start());
  expect(await client.realpath(".")).toBe("/");
  expect(await client.realpath("inbound/./x/..")).toBe("/inbound");
  expect(await client.realpath("../..")).toBe("/");
  for (const path of ["inbound", "/inbound", "/inbound/", "./inbound", "../inbound"]) {
    expect((await client.stat(path)).isDirectory()).toBe(true);
    expect(await client.list(path)).toEqual([]);
  }
});

test("a link in the place of a folder is refused at the start", async () => {
  const folder = makeFolder();
  symlinkSync("/tmp", join(folder, "inbound"));
  await expect(start({ folder })).rejects.toThrow("not a link");
});

test("a megabyte sent in many requests at once arrives whole", async () => {
  const sandbox = await start();
  const client = await connect(sandbox);
  const handle = await client.open("inbound/big", "wx");
  const chunk = (n: number): string => String.fromCharCode(97 + (n % 26)).repeat(32_768);
  await Promise.all(Array.from({ length: 32 }, (_, n) => client.write(handle, chunk(n), n * 32_768)));
  await client.close(handle);
  const expected = Array.from({ length: 32 }, (_, n) => chunk(n)).join("");
  expect(readFileSync(join(sandbox.inbound, "big"), "utf8") === expected).toBe(true);
});
