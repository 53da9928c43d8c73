/**
 * A merchant with one good night behind him and one before him, so small that it can be played hundreds of times: two batches to
 * send (or five, all on their way at once), one result file to take. The real program as a function; only the wire is the test's, and waiting takes no time.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { main } from "../../src/cli/main.ts";
import { flex } from "../../src/profiles/flex.ts";
import { createTestIo } from "../support/test-io.ts";

export const FIRST_NIGHT = Date.parse("2026-11-20T06:00:00Z");
const HOUR_MS = 3_600_000;
const MAX_ROWS = 2;
const EXPORT_HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,payment_token";

// biome-ignore lint/suspicious/noExplicitAny: documents are looked at, and a wrong look fails the test
export type Json = any;

/** The provider's side, whatever the wire. Paths are absolute. */
export interface ServerSide {
  readonly files: () => ReadonlyMap<string, Buffer>;
  /** Taken away by the provider. */
  readonly taken: () => ReadonlyMap<string, Buffer>;
  readonly put: (path: string, bytes: string) => void;
  /** A new server in the state of a snapshot. */
  readonly restore: (files: ReadonlyMap<string, Buffer>, taken: ReadonlyMap<string, Buffer>) => void;
}

export interface Played {
  readonly status: number;
  readonly stderr: string;
  readonly document: Json | undefined;
}

export interface WorldOptions {
  readonly server: ServerSide;
  readonly sftp?: Readonly<Record<string, unknown>>;
  readonly delivery?: Readonly<Record<string, unknown>>;
  readonly results?: Readonly<Record<string, unknown>>;
  /** The second night's export goes from o-3 to this order. Default: 6, which makes two batches. */
  readonly lastOrder?: number;
  /** The second night's export holds a row that is rejected. */
  readonly spoiled?: boolean;
}

/** Of the second night: five batches. */
export const FIVE_BATCHES = 13;

const PLACE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export class World {
  readonly folder: string;
  readonly options: WorldOptions;
  #now = FIRST_NIGHT;

  constructor(options: WorldOptions, template?: { readonly folder: string; readonly now: number }) {
    this.options = options;
    // In memory where there is such a place: what is tested is order, not disks.
    this.folder = mkdtempSync(join(PLACE, "rescue-sweep-"));
    if (template) {
      cpSync(template.folder, this.folder, { recursive: true });
      this.#now = template.now;
    } else mkdirSync(this.inbox);
    this.#configure();
  }

  get inbox(): string {
    return join(this.folder, "inbox");
  }
  get data(): string {
    return join(this.folder, "data", "acme");
  }
  get now(): number {
    return this.#now;
  }

  /** Runs the program an hour after the last time. */
  async play(...args: readonly string[]): Promise<Played> {
    this.#now += HOUR_MS;
    const io = createTestIo({ cwd: this.folder, now: () => this.#now });
    const status = await main([...args, "--json"], io);
    const line = io.out().split("\n")[0] ?? "";
    return { status, stderr: io.err(), document: line === "" ? undefined : JSON.parse(line) };
  }

  putExport(name: string, orders: readonly number[]): void {
    const rows = orders.map((n) => `o-${n},t-${n},s-${n},c-${n},2026-11-20T05:00:00Z,${10 + n}.00,USD,51,tok_${n}`);
    const spoiled = this.options.spoiled ? ["o-99,t-99,s-99,c-99,2026-11-20T05:00:00Z,1.00,ZZZ,51,tok_99"] : [];
    writeFileSync(join(this.inbox, name), [EXPORT_HEADER, ...rows, ...spoiled, ""].join("\n"));
  }

  putResults(name: string, rows: readonly (readonly [order: number, word: string])[]): void {
    const lines = rows.map(([n, word]) => `o-${n},k-${n},${word},${(10 + n) * 100},USD,2026-11-20T07:30:00Z,,`);
    const header = "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message";
    this.options.server.put(`/outbound/${name}`, [header, ...lines, ""].join("\n"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #configure(): void {
    const { delivery, results, sftp } = this.options;
    const { columns, statuses } = flex.results;
    const profile = {
      id: "sweep",
      title: "Sweep",
      batch: { max_rows: MAX_ROWS, name_template: "batch_{mid}_{number:4}.csv", columns: flex.batch.columns },
      delivery: { read_back: true, ...delivery },
      results: { patterns: ["*.csv"], columns, amount_unit: "minor", statuses, ...results },
      window: { after_window: "presume_unrescued", grace: "2d", minimum: "14d" },
    };
    writeFileSync(join(this.folder, "profile.yaml"), stringify(profile));
    const wire = { host: "127.0.0.1", port: 1, username: "acme", password: "pw", host_key: `SHA256:${"A".repeat(43)}` };
    const acme = {
      provider: "./profile.yaml",
      mid: "mid",
      timezone: "UTC",
      inbox: "./inbox",
      decline_code_source: "iso8583",
      policy: { max_reject_ratio: 0.9 },
      sftp: { ...wire, inbound: "/inbound", outbound: "/outbound", ...sftp },
    };
    writeFileSync(join(this.folder, "rescue.yaml"), stringify({ version: 1, data_dir: "./data", merchants: { acme } }));
  }
}

/** What every point begins with: one night well done, and all the second night needs. */
export class Template {
  readonly #options: WorldOptions;
  readonly #world: World;
  readonly #files: ReadonlyMap<string, Buffer>;
  readonly #taken: ReadonlyMap<string, Buffer>;

  private constructor(options: WorldOptions, world: World) {
    this.#options = options;
    this.#world = world;
    this.#files = new Map(options.server.files());
    this.#taken = new Map(options.server.taken());
  }

  static async make(options: WorldOptions): Promise<Template> {
    options.server.restore(new Map(), new Map());
    const world = new World({ ...options, spoiled: false });
    world.putExport("a.csv", [1, 2, 3]);
    const { status, stderr } = await world.play("run");
    if (status !== 0) throw new Error(`the first night ended with ${status}: ${stderr}`);
    return new Template(options, world);
  }

  copy(): World {
    this.#options.server.restore(this.#files, this.#taken);
    const world = new World(this.#options, this.#world);
    world.putResults("r.csv", [
      [1, "APPROVED"],
      [2, "DECLINED"],
    ]);
    // o-3 is with the provider already.
    const { lastOrder = 6 } = this.#options;
    world.putExport(
      "b.csv",
      Array.from({ length: lastOrder - 2 }, (_, index) => index + 3),
    );
    return world;
  }

  remove(): void {
    this.#world.remove();
  }
}

export function namesIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
    : [];
}

export function sha256Of(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
