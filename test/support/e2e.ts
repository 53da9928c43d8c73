/**
 * The real program as a child process, and merchants' folders for a real OpenSSH server. Nothing here knows how the
 * program works inside: what a test sees is what a crontab sees, so statuses, streams and files.
 *
 * RESCUE_E2E_BIN names another installation to test, such as an unpacked tarball; default: bin/rescue.js of this checkout,
 * whose dist must be newer than src.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { stringify } from "yaml";
import { type OpenSsh, type OpenSshOptions, startOpenSsh } from "./openssh.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 60_000;

/** The clock of most tests, as `--as-of`: the morning after the night of the declines. */
export const NIGHT = "2026-11-20T06:00:00Z";

export interface RescueOptions {
  readonly cwd?: string;
  /** Added to the few variables that a program needs; nothing else of this process's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface RescueResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON documents of stdout, one a line; empty unless `--json` was given. */
  readonly documents: readonly Json[];
  /** The JSON error lines of stderr. */
  readonly errors: readonly Json[];
}

// biome-ignore lint/suspicious/noExplicitAny: a test says by its assertions what a document looks like.
export type Json = Record<string, any>;

export interface RunningRescue {
  readonly child: ChildProcessWithoutNullStreams;
  /** So far. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<RescueResult>;
  /** Resolves when the condition holds; rejects, with what was printed, when it does not in time or the program ended. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
}

export async function rescue(args: readonly string[], options: RescueOptions = {}): Promise<RescueResult> {
  return startRescue(args, options).ended;
}

/** For tests that do something while it runs. */
export function startRescue(args: readonly string[], options: RescueOptions = {}): RunningRescue {
  const child = spawn(process.execPath, [findProgram(), ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? tmpdir(),
      XDG_CACHE_HOME: join(ROOT, "node_modules/.cache"),
      ...options.env,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A program that reads nothing may be gone before it was told anything.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? LIMIT_MS);
  const isJson = args.includes("--json");
  const ended = new Promise<RescueResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      const documents = isJson ? parseLines(stdout, () => true) : [];
      const errors = parseLines(stderr, (line) => line.startsWith('{"type":"error"'));
      resolve({ status, signal, stdout, stderr, documents, errors });
    });
  });
  const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
    const deadline = performance.now() + 20_000;
    while (!(await condition())) {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver || performance.now() > deadline) throw new Error(`waited for ${what}:\n${stdout}\n${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { child, stdout: () => stdout, stderr: () => stderr, ended, until };
}

function parseLines(text: string, isWanted: (line: string) => boolean): Json[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && isWanted(line))
    .map((line) => JSON.parse(line) as Json);
}

function findProgram(): string {
  const other = process.env["RESCUE_E2E_BIN"];
  if (other) return other;
  const built = statSync(join(ROOT, "dist/cli/main.js"), { throwIfNoEntry: false });
  const newest = Math.max(
    ...readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
  if (built === undefined || built.mtimeMs < newest) {
    throw new Error(`dist is ${built ? "older than src" : "missing"}: run npm run build first (npm test does)`);
  }
  return join(ROOT, "bin/rescue.js");
}

/** Keys of a merchant in `rescue.yaml` that differ from the plain ones; `undefined` leaves a key out. */
export interface MerchantOverrides {
  readonly sftp?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

export interface MerchantPlaces {
  readonly inbox: string;
  /** Its own folders on the server, as this machine sees them. */
  readonly inbound: string;
  readonly outbound: string;
  /** `<data_dir>/<merchant>` */
  readonly data: string;
}

export interface MerchantFolder extends MerchantPlaces {
  readonly folder: string;
  readonly config: string;
  /** By merchant; the folder's own places are those of the first. */
  readonly merchants: Readonly<Record<string, MerchantPlaces>>;
  /** In the folder, where rescue.yaml lies, as of the night. Arguments that say `--as-of` themselves win. */
  rescue(args: readonly string[], options?: RescueOptions): Promise<RescueResult>;
  start(args: readonly string[], options?: RescueOptions): RunningRescue;
  /** Into the inbox; returns the path. */
  writeExport(name: string, content: string | Uint8Array): Promise<string>;
  /** Into the outbound folder, under a temporary name first, as a provider with manners does. */
  writeResults(name: string, content: string | Uint8Array): Promise<void>;
  /** Delivered files by name, in order. */
  delivered(): Promise<{ readonly name: string; readonly text: string }[]>;
  remove(): Promise<void>;
}

export interface SharedServer {
  /** Started before the first test of the file. */
  readonly server: OpenSsh;
  make(merchants?: Readonly<Record<string, MerchantOverrides>>): Promise<MerchantFolder>;
}

/** One sshd for a whole test file; it and all folders made for it go with the last test. */
export function shareServer(options?: OpenSshOptions): SharedServer {
  let server: OpenSsh | undefined;
  const folders: MerchantFolder[] = [];
  beforeAll(async () => {
    server = await startOpenSsh(options);
  });
  afterAll(async () => {
    for (const folder of folders) await folder.remove();
    await server?.stop();
  });
  const started = () => {
    if (server === undefined) throw new Error("the server is there in tests and later hooks only");
    return server;
  };
  return {
    get server() {
      return started();
    },
    make: async (merchants) => {
      const folder = await makeMerchantFolder(started(), merchants);
      folders.push(folder);
      return folder;
    },
  };
}

/** A config for the server with one merchant, `acme`, or with those that are named, each with folders of its own. */
export async function makeMerchantFolder(
  server: OpenSsh,
  merchants: Readonly<Record<string, MerchantOverrides>> = { acme: {} },
): Promise<MerchantFolder> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-e2e-"));
  const remote = await mkdtemp(join(server.root, "merchant-"));
  const key = join(folder, "rescue_ed25519");
  await copyFile(server.privateKeyPath, key);
  const places: Record<string, MerchantPlaces> = {};
  const written: Record<string, unknown> = {};
  for (const [id, { sftp = {}, ...overrides }] of Object.entries(merchants)) {
    const place = {
      inbox: join(folder, `inbox-${id}`),
      inbound: join(remote, id, "inbound"),
      outbound: join(remote, id, "outbound"),
      data: join(folder, "rescue-data", id),
    };
    for (const path of [place.inbox, place.inbound, place.outbound]) await mkdir(path, { recursive: true });
    places[id] = place;
    written[id] = {
      provider: "flex",
      mid: `mid-${id}`,
      timezone: "UTC",
      inbox: place.inbox,
      sftp: {
        host: server.host,
        port: server.port,
        username: server.username,
        private_key: key,
        host_key: server.hostKeyFingerprint,
        inbound: place.inbound,
        outbound: place.outbound,
        ...sftp,
      },
      decline_code_source: "iso8583",
      ...overrides,
    };
  }
  const config = join(folder, "rescue.yaml");
  await writeFile(config, stringify({ version: 1, merchants: written }));
  const [first] = Object.values(places);
  if (first === undefined) throw new Error("a config needs a merchant");
  const withNight = (args: readonly string[]) => (args.includes("--as-of") ? args : [...args, "--as-of", NIGHT]);
  return {
    ...first,
    folder,
    config,
    merchants: places,
    rescue: (args, options) => rescue(withNight(args), { cwd: folder, ...options }),
    start: (args, options) => startRescue(withNight(args), { cwd: folder, ...options }),
    writeExport: async (name, content) => {
      const path = join(first.inbox, name);
      await writeFile(path, content);
      return path;
    },
    writeResults: async (name, content) => {
      await writeFile(join(first.outbound, `.${name}.tmp`), content);
      await rename(join(first.outbound, `.${name}.tmp`), join(first.outbound, name));
    },
    delivered: async () => {
      const names = (await readdir(first.inbound)).toSorted();
      return Promise.all(
        names.map(async (name) => ({ name, text: await readFile(join(first.inbound, name), "utf8") })),
      );
    },
    remove: async () => {
      await rm(folder, { recursive: true, force: true });
      await rm(remote, { recursive: true, force: true });
    },
  };
}

export const EXPORT_HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,payment_token";

export interface ExportRow {
  readonly order: string;
  readonly transaction?: string;
  readonly declinedAt?: string;
  readonly amount?: string;
  readonly currency?: string;
  readonly code?: string;
}

/** Good rows of the required columns; each is declined an hour before the night, unless it says otherwise. */
export function exportOf(rows: readonly ExportRow[]): string {
  const lines = rows.map(({ order, transaction, declinedAt, amount, currency, code }) =>
    [
      order,
      transaction ?? `t-${order}`,
      `s-${order}`,
      `c-${order}`,
      declinedAt ?? "2026-11-20T05:00:00Z",
      amount ?? "19.99",
      currency ?? "USD",
      code ?? "51",
      `tok_${order}`,
    ].join(","),
  );
  return [EXPORT_HEADER, ...lines, ""].join("\n");
}

/** `o-1` … `o-n`, USD 19.99 each. */
export function exportOfCount(count: number, from = 1): string {
  return exportOf(Array.from({ length: count }, (_, index) => ({ order: `o-${from + index}` })));
}

export const RESULT_HEADER = "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message";

export interface ResultRow {
  readonly order: string;
  readonly session?: string;
  readonly status: string;
  readonly amount?: string;
  readonly currency?: string;
  readonly at?: string;
}

export function resultsOf(rows: readonly ResultRow[]): string {
  const lines = rows.map(({ order, session, status, amount, currency, at }) =>
    [
      order,
      session ?? `sk-${order}`,
      status,
      amount ?? "1999",
      currency ?? "USD",
      at ?? "2026-11-21T10:00:00Z",
      "00",
      "",
    ].join(","),
  );
  return [RESULT_HEADER, ...lines, ""].join("\n");
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
