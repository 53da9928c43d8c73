/**
 * A real OpenSSH server for tests: unprivileged config, own temporary folder, fresh keys, any free port. It works as
 * root and as an ordinary user; whoever runs the tests is the user who logs in.
 *
 * Ask `openSshMissing()` first: without OpenSSH it says so loudly, and throws where RESCUE_REQUIRE_ALL=1.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export type KeyType = "ed25519" | "rsa" | "ecdsa";

export interface OpenSshOptions {
  /** Which host keys the server has. Default: ed25519 only. */
  readonly hostKeyTypes?: readonly KeyType[];
  /** More flags for internal-sftp: `["-P", "rename,posix-rename"]` refuses requests, `["-R"]` is read-only. */
  readonly sftpFlags?: readonly string[];
  /** More lines for sshd_config. */
  readonly config?: readonly string[];
  /** Instead of ours: every line but the port and the address. */
  readonly onlyConfig?: readonly string[];
}

export interface OpenSsh {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** An ed25519 key without passphrase that may log in. */
  readonly privateKeyPath: string;
  /** `SHA256:…` of the first host key. */
  readonly hostKeyFingerprint: string;
  readonly hostKeyFingerprints: Readonly<Partial<Record<KeyType, string>>>;
  /** `ssh-ed25519 AAAA…`, one for each host key, without comment: what a known_hosts line ends with. */
  readonly hostPublicKeys: readonly string[];
  /** The login folder; holds `inbound` and `outbound`. Relative and absolute paths both work. */
  readonly root: string;
  readonly inbound: string;
  readonly outbound: string;
  /** Makes a key pair; by default its public half may log in. Returns the private key's path. */
  makeUserKey(options?: UserKeyOptions): Promise<string>;
  /** The processes that serve connections now, without the listener; with those seen before that outlived theirs. */
  connectionPids(): number[];
  /** Of those, the ones that run the SFTP subsystem itself; the SSH connection outlives their death. */
  subsystemPids(): number[];
  /** What sshd has logged so far. */
  log(): string;
  /** Ends the server with all its connections, frozen ones too, and removes its folder. */
  stop(): Promise<void>;
}

export interface UserKeyOptions {
  readonly type?: KeyType;
  readonly passphrase?: string;
  readonly authorize?: boolean;
  /** `PEM`: the old RSA form, `PKCS8`: what ssh2 cannot read for ed25519. Default: OpenSSH's own. */
  readonly format?: "PEM" | "PKCS8";
}

const SBIN = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/sbin"];

/** Undefined when a server can be started; else the reason, which was also written to stderr. */
export function openSshMissing(): string | undefined {
  const missing = ["sshd", "ssh-keygen"].filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return undefined;
  const reason = `OpenSSH is not complete here (no ${missing.join(", no ")}): install openssh-server to run these tests`;
  if (process.env["RESCUE_REQUIRE_ALL"] === "1") throw new Error(reason);
  process.stderr.write(`\n!!! SKIPPED: ${reason}\n\n`);
  return reason;
}

export async function startOpenSsh(options: OpenSshOptions = {}): Promise<OpenSsh> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-sshd-"));
  const root = join(folder, "root");
  await mkdir(join(root, "inbound"), { recursive: true });
  await mkdir(join(root, "outbound"));
  const types = options.hostKeyTypes ?? ["ed25519"];
  for (const type of types) await makeKey(join(folder, `host_${type}`), { type });
  await writeFile(join(folder, "authorized_keys"), "", { mode: 0o600 });
  let keys = 0;
  const makeUserKey = async (key: UserKeyOptions = {}) => {
    keys += 1;
    const path = join(folder, `user_${keys}_${key.type ?? "ed25519"}`);
    await makeKey(path, key);
    if (key.authorize !== false) {
      await appendFile(join(folder, "authorized_keys"), await readFile(`${path}.pub`, "utf8"));
    }
    return path;
  };
  const privateKeyPath = await makeUserKey();
  const { processes, port, log } = await listenSomewhere(folder, root, types, options);
  const hostPublicKeys = types.map((type) => publicKeyOf(join(folder, `host_${type}`)));
  const fingerprints = Object.fromEntries(types.map((type) => [type, fingerprintOf(join(folder, `host_${type}`))]));
  return {
    host: "127.0.0.1",
    port,
    username: userInfo().username,
    privateKeyPath,
    hostKeyFingerprint: fingerprints[types[0] ?? ""] ?? "",
    hostKeyFingerprints: fingerprints,
    hostPublicKeys,
    root,
    inbound: join(root, "inbound"),
    outbound: join(root, "outbound"),
    makeUserKey,
    connectionPids: () => processes.serving(),
    subsystemPids: () => processes.leaves(),
    log,
    stop: async () => {
      await processes.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `SHA256:…` of a key file made by ssh-keygen, in ssh-keygen's own words. */
export function fingerprintOf(keyPath: string): string {
  return (
    execFileSync("ssh-keygen", ["-l", "-E", "sha256", "-f", `${keyPath}.pub`], { encoding: "utf8" }).split(" ")[1] ?? ""
  );
}

async function listenSomewhere(folder: string, root: string, types: readonly KeyType[], options: OpenSshOptions) {
  const program = findProgram("sshd");
  if (program === undefined) throw new Error("sshd is missing; ask openSshMissing() first");
  // sshd started as root wants its privilege separation folder; packages make it at boot, containers never boot.
  if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 });
  for (let round = 1; ; round += 1) {
    const port = await findFreePort();
    const config = join(folder, "sshd_config");
    await writeFile(config, sshdConfig(folder, root, port, types, options));
    const sshd = spawn(program, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
    let logged = "";
    sshd.stderr.setEncoding("utf8").on("data", (text: string) => {
      logged += text;
    });
    const deadline = Date.now() + 10_000;
    while (!logged.includes("Server listening") && sshd.exitCode === null && Date.now() < deadline) await sleep(5);
    const processes = new ServerProcesses(sshd);
    if (logged.includes("Server listening")) return { processes, port, log: () => logged };
    await processes.end();
    // Somebody else took the port between our look and sshd's bind.
    if (!/bind/i.test(logged) || round === 5) throw new Error(`sshd did not start: ${logged}`);
  }
}

function sshdConfig(
  folder: string,
  root: string,
  port: number,
  types: readonly KeyType[],
  { sftpFlags = [], config = [], onlyConfig }: OpenSshOptions,
): string {
  const address = [`Port ${port}`, "ListenAddress 127.0.0.1"];
  if (onlyConfig) return [...address, ...onlyConfig, ""].join("\n");
  return [
    ...address,
    ...types.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "MaxStartups 100",
    "Subsystem sftp internal-sftp",
    `ForceCommand internal-sftp ${[...sftpFlags, "-d", root].join(" ")}`,
    ...config,
    "",
  ].join("\n");
}

async function makeKey(path: string, { type = "ed25519", passphrase = "", format }: UserKeyOptions): Promise<void> {
  const bits = type === "rsa" ? ["-b", "2048"] : [];
  const form = format === undefined ? [] : ["-m", format];
  const args = ["-q", "-t", type, ...bits, ...form, "-N", passphrase, "-C", "rescue test", "-f", path];
  await promisify(execFile)("ssh-keygen", args);
}

function publicKeyOf(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SBIN];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      if (address === null || typeof address === "string") return reject(new Error("a listener without a port"));
      probe.close(() => resolve(address.port));
    });
  });
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** sshd forks for each connection; a child that was frozen outlives its parent and is then nobody's descendant. */
class ServerProcesses {
  readonly #listener: ChildProcess;
  readonly #seen = new Set<number>();

  constructor(listener: ChildProcess) {
    this.#listener = listener;
  }

  serving(): number[] {
    const table = readProcessTable();
    for (const row of descendantsOf(this.#listener.pid, table)) this.#seen.add(row.pid);
    // The name guards against a number that has been given to somebody else since.
    return table.filter((row) => this.#seen.has(row.pid) && row.command.includes("sshd")).map((row) => row.pid);
  }

  leaves(): number[] {
    this.serving();
    const rows = descendantsOf(this.#listener.pid, readProcessTable());
    const isLeaf = (row: ProcessRow) => !rows.some((other) => other.parent === row.pid);
    return rows.filter((row) => row.parent !== this.#listener.pid && isLeaf(row)).map((row) => row.pid);
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#listener;
    const ended =
      exitCode !== null || signalCode !== null
        ? Promise.resolve()
        : new Promise<void>((resolve) => this.#listener.once("exit", () => resolve()));
    const serving = this.serving();
    this.#listener.kill("SIGKILL");
    for (const pid of serving) {
      try {
        // SIGKILL ends a stopped process as well.
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await ended;
  }
}

function readProcessTable(): ProcessRow[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,comm="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => {
      const [pid, parent, ...command] = line.trim().split(/\s+/);
      // A defunct process has ended; only its parent has not looked yet.
      return {
        pid: Number(pid),
        parent: Number(parent),
        command: command.includes("<defunct>") ? "" : command.join(" "),
      };
    });
}

function descendantsOf(pid: number | undefined, table: readonly ProcessRow[]): ProcessRow[] {
  const found: ProcessRow[] = [];
  let parents = [pid];
  while (parents.length > 0) {
    const children = table.filter((row) => parents.includes(row.parent));
    found.push(...children);
    parents = children.map((row) => row.pid);
  }
  return found;
}
