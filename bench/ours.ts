/** `rescue` as any user has it: its command line and its config, nothing of its inside. Every answer is checked. */
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { mappedColumns } from "./data/shape.ts";
import type { Data } from "./make-data.ts";
import { type Ended, runProcess } from "./measure.ts";
import type { Server } from "./peers/transfers.ts";

const BIN = fileURLToPath(new URL("../bin/rescue.js", import.meta.url));
/** 3: finished, and some rows were rejected. */
const STATUSES = [0, 3];

// biome-ignore lint/suspicious/noExplicitAny: docs/json.md says what a document looks like.
type Document = Record<string, any>;

/** One merchant's place on this disk and on the server. */
export class Merchant {
  readonly folder: string;
  /** Files arrive here. */
  readonly inbound: string;
  readonly #config: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.inbound = join(folder, "server/inbound");
    this.#config = join(folder, "rescue.yaml");
  }

  static async create(
    folder: string,
    data: Data,
    server: Server & { readonly fingerprint: string },
  ): Promise<Merchant> {
    const merchant = new Merchant(folder);
    for (const name of ["server/inbound", "server/outbound", "inbox"])
      await mkdir(join(folder, name), { recursive: true });
    const sftp = {
      host: "127.0.0.1",
      port: server.port,
      username: server.username,
      private_key: server.privateKeyPath,
      host_key: server.fingerprint,
      inbound: merchant.inbound,
      outbound: join(folder, "server/outbound"),
    };
    const acme = {
      provider: "flex",
      mid: "bench-mid",
      timezone: "UTC",
      inbox: "./inbox",
      sftp,
      columns: mappedColumns(data.shape),
      policy: { max_amount: { USD: "5000.00" } },
    };
    const config = { version: 1, data_dir: "./data", ledger: "sqlite", merchants: { acme } };
    await writeFile(merchant.#config, stringify(config));
    return merchant;
  }

  /** The same state again, for another run from the same start; nothing of the server's folder. */
  async restore(from: Merchant): Promise<void> {
    await rm(join(this.folder, "data"), { recursive: true, force: true });
    await cp(join(from.folder, "data"), join(this.folder, "data"), { recursive: true });
  }

  async validate(data: Data, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const ended = await this.run(["validate", data.exportPath, "--json", "--as-of", data.asOf], { env });
    const [file] = documentOf(ended)["files"];
    checkIntake("validate", file, data);
    expectSame("validate", "totals", totalsOf(file["totals"]), totalsOf(Object.entries(data.export.totalsMinor)));
    return ended;
  }

  /** Accepted rows in their canonical form, which nobody keeps; and a look into an empty ledger. */
  async dryRun(data: Data, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const ended = await this.run(["submit", data.exportPath, "--dry-run", "--json", "--as-of", data.asOf], { env });
    checkIntake("submit --dry-run", documentOf(ended), data);
    return ended;
  }

  async submit(data: Data): Promise<Ended> {
    const before = (await readdir(this.inbound)).length;
    const ended = await this.run(["submit", data.exportPath, "--json", "--as-of", data.asOf]);
    const document = documentOf(ended);
    checkIntake("submit", document, data);
    const undelivered = document["batches"].filter((batch: Document) => batch["state"] !== "delivered");
    expectSame("submit", "undelivered batches", undelivered.length, 0);
    expectSame(
      "submit",
      "files that arrived",
      (await readdir(this.inbound)).length - before,
      document["batches"].length,
    );
    return ended;
  }

  /** Where no server answers: everything is made ready, and nothing is sent. */
  async prepare(data: Data): Promise<void> {
    const ended = await this.run(["submit", data.exportPath, "--json", "--as-of", data.asOf], { statuses: [10] });
    checkIntake("submit", documentOf(ended), data);
  }

  /** Sends what is ready. */
  async deliver(data: Data, files: number): Promise<Ended> {
    const ended = await this.run(["submit", "--json", "--as-of", data.asOf]);
    expectSame("submit", "files that arrived", (await readdir(this.inbound)).length, files);
    return ended;
  }

  async reconcile(data: Data): Promise<Ended> {
    const ended = await this.run(["reconcile", data.resultsPath, "--json", "--as-of", data.asOfResults]);
    const document = documentOf(ended);
    expectSame("reconcile", "rows", document["rows"], data.results.rows);
    expectSame("reconcile", "outcomes", document["applied"], data.results.outcomes);
    expectSame("reconcile", "breaks", document["breaks"].length, 0);
    return ended;
  }

  async report(data: Data): Promise<Ended> {
    const ended = await this.run(["report", "--json", "--as-of", data.asOfResults]);
    const currencies: Document[] = documentOf(ended)["currencies"];
    expectSame(
      "report",
      "balanced",
      currencies.every((entry) => entry["balanced"]),
      true,
    );
    return ended;
  }

  /** The nightly run of a night without an export and without results. */
  async runIdle(asOf: string, options: { readonly wallOnly?: boolean } = {}): Promise<Ended> {
    return this.run(["run", "--quiet", "--as-of", asOf], { ...options, statuses: [0] });
  }

  async run(args: readonly string[], options: Partial<Parameters<typeof runProcess>[2]> = {}): Promise<Ended> {
    const env = { HOME: dirname(this.folder), ...options.env };
    const all = { statuses: STATUSES, ...options, cwd: this.folder, env };
    return runProcess(process.execPath, [BIN, "-c", this.#config, ...args], all);
  }
}

export async function version(folder: string): Promise<Ended> {
  return runProcess(process.execPath, [BIN, "--version"], { cwd: folder, env: { HOME: folder }, wallOnly: true });
}

function documentOf({ stdout }: Ended): Document {
  return JSON.parse(stdout) as Document;
}

function checkIntake(verb: string, document: Document, data: Data): void {
  expectSame(verb, "accepted rows", document["accepted"], data.export.accepted);
  expectSame(verb, "rejected rows", document["rejected"], data.export.rejected);
  const sorted = (counts: Readonly<Record<string, number>>) => JSON.stringify(Object.entries(counts).toSorted());
  expectSame(verb, "reject codes", sorted(document["rejected_by_code"]), sorted(data.export.rejectedByCode));
}

function totalsOf(totals: readonly (Document | [string, number])[]): string {
  const pairs = totals.map((total) =>
    Array.isArray(total) ? `${total[0]} ${total[1]}` : `${total["currency"]} ${total["amount_minor"]}`,
  );
  return pairs.toSorted().join(", ");
}

/** Whoever does other work is not compared. */
export function expectSame(who: string, what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${who}: ${what}: ${String(found)}, but ${String(expected)} is right`);
}
