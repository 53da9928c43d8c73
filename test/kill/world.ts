/**
 * One merchant, its folders on a real server, and what must be true of them: every rebill and result row that a scenario
 * puts in is written down here, apart from the program, and compared with what the program made of it (promises.ts).
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import type { StepName } from "../../src/pipeline/steps.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { OpenSsh } from "../support/openssh.ts";
import { type RescueResult, type RunningRescue, startRescue } from "../support/rescue.ts";

const PRELOAD = pathToFileURL(join(import.meta.dirname, "kill-at-step.mjs")).href;
const NIGHT = "2026-11-20T06:00:00Z";
export const MAX_ROWS = 3;
export const MID = "mid-kill";
const EXPORT_HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,payment_token";
const RESULT_HEADER = "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message";

export interface KillPoint {
  readonly step: StepName;
  /** 1: the first time it is passed; each thread counts its own. */
  readonly passing: number;
}

export type Part = "pending" | "rescued" | "unrescued" | "cancelled" | "unaccounted" | "released";

/** `[order, the provider's word, the outcome that must come of it, another amount than was sent]` */
export type ResultRow = readonly [order: string, word: string, outcome?: Part | undefined, amountMinor?: number];

/** What the scenario knows of a rebill. */
export interface KnownRebill {
  readonly order: string;
  readonly declinedAt: string;
  readonly amountMinor: number;
  /** Where the report must count it in the end. */
  part: Part;
  /** The ledger's outcomes of it, in order. */
  readonly outcomes: string[];
  /** In exactly one delivered file; `perhaps` in at most one: nobody can prove it. */
  sent: "once" | "perhaps" | "never";
}

export interface ProfileChoices {
  readonly delivery?: Readonly<Record<string, unknown>>;
  readonly moveCollected?: boolean;
}

export interface RunChoices {
  readonly killAt?: KillPoint;
  readonly trace?: boolean;
  readonly asOf?: string;
  readonly server?: OpenSsh;
}

/** The program ended before it came to the step at which it was to be killed. */
export class NotPassed extends Error {}

export class World {
  readonly folder: string;
  /** This merchant's own folder on the server. */
  readonly remote: string;
  readonly rebills = new Map<string, KnownRebill>();
  /** Exports that must end in processed/, by the hash of their bytes. */
  readonly exports = new Map<string, string>();
  /** Result files that the provider wrote whole. */
  readonly results = new Set<string>();
  /** Final names that were seen, with what they were then. */
  readonly #seen = new Map<string, string>();
  /** Of those, what was delivered before this world began, under another profile. */
  readonly #firstNight = new Set<string>();
  /** Files that other people put into the inbound folder. */
  readonly foreign = new Map<string, string>();
  /** The scenario puts a delivery where nobody can know; elsewhere `uncertain` would be a way to be never wrong. */
  mayBeUncertain = false;
  /** Exports go the threaded ways, however small. */
  usesThreads = false;
  readonly #server: OpenSsh;
  profile: ProfileChoices = {};

  private constructor(server: OpenSsh, folder: string, remote: string) {
    this.#server = server;
    this.folder = folder;
    this.remote = remote;
  }

  static async make(server: OpenSsh, profile: ProfileChoices = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "rescue-kill-"));
    const world = new World(server, folder, await mkdtemp(join(server.root, "merchant-")));
    for (const path of [world.inbox, world.inbound, world.outbound, world.taken, world.moved]) {
      await mkdir(path, { recursive: true });
    }
    await world.configure(profile);
    return world;
  }

  /** Another merchant with the same past: what it sent and received is copied, ledger and all. */
  async copy(profile: ProfileChoices): Promise<World> {
    const world = await World.make(this.#server, profile);
    await cp(join(this.folder, "data"), join(world.folder, "data"), { recursive: true });
    await cp(this.inbox, world.inbox, { recursive: true });
    await cp(this.remote, world.remote, { recursive: true, preserveTimestamps: true });
    for (const rebill of this.rebills.values()) {
      world.rebills.set(rebill.order, { ...rebill, outcomes: [...rebill.outcomes] });
    }
    for (const [sha256, name] of this.exports) world.exports.set(sha256, name);
    await world.lookAtFinalNames();
    for (const name of world.#seen.keys()) world.#firstNight.add(name);
    return world;
  }

  get inbox(): string {
    return join(this.folder, "inbox");
  }
  get inbound(): string {
    return join(this.remote, "inbound");
  }
  get outbound(): string {
    return join(this.remote, "outbound");
  }
  /** Where the provider puts what it took from the inbound folder. */
  get taken(): string {
    return join(this.remote, "taken");
  }
  /** Where collected results go, if the profile says so. */
  get moved(): string {
    return join(this.remote, "moved");
  }
  get data(): string {
    return join(this.folder, "data", "acme");
  }

  async configure(profile: ProfileChoices): Promise<void> {
    this.profile = profile;
    await writeFile(join(this.folder, "profile.yaml"), stringify(this.#profileDocument()));
    await this.useServer(this.#server);
  }

  /** What is done within has one batch after the other on its way, whatever is done elsewhere. */
  async oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    await this.useServer(this.#server, { concurrency: 1 });
    const done = await work();
    await this.useServer(this.#server);
    return done;
  }

  async useServer(server: OpenSsh, choices: { readonly concurrency?: number } = {}): Promise<void> {
    const sftp = {
      host: server.host,
      port: server.port,
      username: server.username,
      private_key: server.privateKeyPath,
      host_key: server.hostKeyFingerprint,
      inbound: this.inbound,
      outbound: this.outbound,
      ...choices,
    };
    const merchant = { provider: "./profile.yaml", mid: MID, timezone: "UTC", inbox: this.inbox, sftp };
    const acme = { ...merchant, decline_code_source: "iso8583" };
    await writeFile(
      join(this.folder, "rescue.yaml"),
      stringify({ version: 1, data_dir: "./data", merchants: { acme } }),
    );
  }

  #profileDocument() {
    const { columns, statuses } = flex.results;
    const { delivery, moveCollected } = this.profile;
    return {
      id: "kill",
      title: "Kill",
      // Names that a test can foresee.
      batch: { max_rows: MAX_ROWS, name_template: "batch_{mid}_{number:4}.csv", columns: flex.batch.columns },
      delivery: { read_back: true, ...delivery },
      results: {
        patterns: ["*.csv"],
        columns,
        amount_unit: "minor",
        statuses,
        ...(moveCollected ? { after_collect: { move_to: this.moved } } : {}),
      },
      window: { after_window: "presume_unrescued", grace: "2d", minimum: "14d" },
    };
  }

  /** Into the inbox. Rows already known are the same rebills again; `spoiled` rows are added as they are. */
  async putExport(
    name: string,
    orders: readonly string[],
    { declinedAt = "2026-11-20T05:00:00Z", spoiled = [] as readonly string[] } = {},
  ): Promise<string> {
    const lines = orders.map((order) => {
      const known = this.rebills.get(order);
      const amountMinor = known?.amountMinor ?? 1000 + Number(order.slice(2));
      const rebill = known ?? { order, declinedAt, amountMinor, part: "pending", outcomes: [], sent: "once" };
      this.rebills.set(order, rebill);
      const amount = `${Math.floor(amountMinor / 100)}.${String(amountMinor % 100).padStart(2, "0")}`;
      return `${order},t-${order},s-${order},c-${order},${rebill.declinedAt},${amount},USD,51,tok_${order}`;
    });
    const bytes = `${[EXPORT_HEADER, ...lines, ...spoiled].join("\n")}\n`;
    if (spoiled.length === 0) this.exports.set(sha256Of(Buffer.from(bytes)), name);
    await writeFile(join(this.inbox, `.${name}`), bytes);
    await rename(join(this.inbox, `.${name}`), join(this.inbox, name));
    return join(this.inbox, name);
  }

  /** Into the outbound folder, whole at once. */
  async putResults(name: string, rows: readonly ResultRow[]): Promise<void> {
    this.results.add(name);
    await writeFile(join(this.outbound, `.${name}`), this.resultBytes(rows));
    await rename(join(this.outbound, `.${name}`), join(this.outbound, name));
  }

  resultBytes(rows: readonly ResultRow[]): string {
    const lines = rows.map(([order, word, part, amount]) => {
      const rebill = this.rebill(order);
      if (part !== undefined) {
        rebill.part = part;
        rebill.outcomes.push(part);
      }
      return `${order},sk-${order},${word},${amount ?? rebill.amountMinor},USD,2026-11-20T05:30:00Z,00,`;
    });
    return `${[RESULT_HEADER, ...lines].join("\n")}\n`;
  }

  rebill(order: string): KnownRebill {
    const rebill = this.rebills.get(order);
    if (!rebill) throw new Error(`the scenario has no rebill ${order}`);
    return rebill;
  }

  /** Runs the real program to its end, or to the point where it is killed. */
  async run(args: readonly string[], choices: RunChoices = {}): Promise<RescueResult> {
    const result = await this.start(args, choices).ended;
    await this.lookAtFinalNames();
    if (choices.killAt !== undefined && result.signal !== "SIGKILL") {
      const { step, passing } = choices.killAt;
      throw new NotPassed(`it ended with ${result.status} before passing ${step} #${passing}:\n${result.stderr}`);
    }
    return result;
  }

  start(args: readonly string[], { killAt, trace, asOf = NIGHT }: RunChoices = {}): RunningRescue {
    const kill = killAt ? { KILL_AT_STEP: killAt.step, KILL_AT_PASSING: String(killAt.passing) } : {};
    const traced = trace ? { TRACE_STEPS_TO: this.#tracePath } : {};
    const preload = killAt || trace ? { NODE_OPTIONS: `--import=${PRELOAD}` } : {};
    // Killed only when the other threads have done what they had to do.
    const threads = this.usesThreads ? { RESCUE_INTAKE: "workers", KILL_AFTER_MS: "400" } : {};
    const env = { ...preload, ...kill, ...traced, ...threads };
    return startRescue([...args, "--json", "--as-of", asOf], { cwd: this.folder, env });
  }

  get #tracePath(): string {
    return join(this.folder, "steps.txt");
  }

  async trace(): Promise<StepName[]> {
    return (await readFile(this.#tracePath, "utf8")).trimEnd().split("\n") as StepName[];
  }

  /** A final name that was seen once must stay the very same file, until the provider takes it. */
  async lookAtFinalNames(): Promise<void> {
    const now = new Map<string, string>();
    for (const name of await readdir(this.inbound)) {
      if (name.endsWith(".part")) continue;
      const path = join(this.inbound, name);
      now.set(name, `${(await stat(path)).ino} ${sha256Of(await readFile(path))}`);
    }
    for (const [name, before] of this.#seen) {
      if (now.get(name) === before || (!now.has(name) && existsSync(join(this.taken, name)))) continue;
      throw new Error(`${name} was changed, replaced or removed after it had been delivered`);
    }
    for (const [name, facts] of now) this.#seen.set(name, facts);
  }

  isOfFirstNight(name: string): boolean {
    return this.#firstNight.has(name);
  }

  isInInbox(name: string): boolean {
    return existsSync(join(this.inbox, name));
  }

  /** The only temporary file in the inbound folder. */
  async part(): Promise<string> {
    const parts = (await readdir(this.inbound)).filter((name) => name.endsWith(".part"));
    if (parts.length !== 1) throw new Error(`expected one temporary file, found ${parts.length}`);
    return join(this.inbound, parts[0] ?? "");
  }

  /** The provider takes a file away, under the final name that it has or would have had. */
  async take(path: string): Promise<void> {
    await rename(path, join(this.taken, finalNameOf(path)));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await rm(this.remote, { recursive: true, force: true });
  }
}

export function finalNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.\d+\.part$/, "");
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
