/** Merchants' folders for a real OpenSSH server, and the files that go into them; the program itself is rescue.ts. */
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { stringify } from "yaml";
import { type OpenSsh, type OpenSshOptions, startOpenSsh } from "./openssh.ts";
import { type RescueOptions, type RescueResult, type RunningRescue, rescue, startRescue } from "./rescue.ts";

export { type Json, rescue } from "./rescue.ts";

/** The clock of most tests, as `--as-of`: the morning after the night of the declines. */
export const NIGHT = "2026-11-20T06:00:00Z";

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

/** What a config must know of a server; OpenSSH is one of them. Paths on the server are paths on this machine. */
export type ServerForMerchants = Pick<
  OpenSsh,
  "host" | "port" | "username" | "privateKeyPath" | "hostKeyFingerprint" | "root"
>;

/** A config for the server with one merchant, `acme`, or with those that are named, each with folders of its own. */
export async function makeMerchantFolder(
  server: ServerForMerchants,
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
      const files = await Promise.all(
        names.map(async (name) => {
          // Asked while a batch is renamed, its temporary name is gone again.
          const text = await readFile(join(first.inbound, name), "utf8").catch(() => undefined);
          return text === undefined ? [] : [{ name, text }];
        }),
      );
      return files.flat();
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
