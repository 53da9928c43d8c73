/** What must hold after a night in which anything may have failed, and after the next one in which nothing does. */
import { deepStrictEqual } from "node:assert";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { type Json, namesIn, type Played, readText, type ServerSide, sha256Of, type World } from "./world.ts";

interface LedgerBatch {
  readonly batchId: number;
  readonly name: string | null;
  readonly state: string;
  readonly sha256: string | null;
}

interface LedgerFacts {
  readonly batches: readonly LedgerBatch[];
  readonly attempts: readonly { readonly order: string; readonly state: string }[];
  readonly outcomes: readonly string[];
}

const ordersOf = ({ options: { lastOrder = 6 } }: World) => Array.from({ length: lastOrder }, (_, index) => index + 1);
const amountOf = (order: number) => (10 + order) * 100;
const UNCERTAIN = 13;

/** Watches the final names from outside: what was once whole under one of them must stay as it was, or be taken. */
export class Watcher {
  readonly #server: ServerSide;
  readonly #seen = new Map<string, string>();

  constructor(server: ServerSide) {
    this.#server = server;
  }

  look(): void {
    const files = new Map([...this.#server.taken(), ...this.#server.files()]);
    for (const [path, sha256] of this.#seen) {
      const now = files.get(path);
      if (now === undefined || sha256Of(now) !== sha256) throw new Error(`${path} was changed, replaced or removed`);
    }
    for (const [path, bytes] of files) {
      if (isFinal(path)) this.#seen.set(path, sha256Of(bytes));
    }
  }
}

/** After the night that met the fault. True if it said that all was done. */
export function checkStruckNight(world: World, night: Played): boolean {
  if (/bug in rescue/i.test(night.stderr)) throw new Error(`it took a fault for a bug of its own: ${night.stderr}`);
  const facts = readLedger(world);
  checkNothingTwice(world, facts);
  const needsNobody = night.status === 0 || (night.status === 3 && world.options.spoiled === true);
  const saysAllDone = needsNobody && problemsOf(night.document).length === 0;
  if (saysAllDone) checkDone(world, facts);
  return saysAllDone;
}

/**
 * After the next night, without a fault. Uncertain only where nobody can know: our bytes left the folder, and the answer that
 * they had been committed was lost.
 */
export function checkMendedNight(world: World, night: Played, mayBeUncertain: boolean): void {
  const facts = readLedger(world);
  checkNothingTwice(world, facts);
  const uncertain = facts.batches.filter((batch) => batch.state === "uncertain");
  for (const { name } of uncertain) {
    const isGone = !world.options.server.files().has(`/inbound/${name}`);
    if (!mayBeUncertain || !isGone) throw new Error(`${name} is uncertain, though everything about it can be known`);
  }
  const rejectedNow = Number(night.document?.submission?.rejected ?? 0);
  const expected = uncertain.length > 0 ? UNCERTAIN : rejectedNow > 0 ? 3 : 0;
  deepStrictEqual(night.status, expected, `the next night ended with ${night.status}: ${night.stderr}`);
  checkDone(world, facts);
  checkReport(world, night.document?.report, uncertain.length > 0);
  checkFolders(world);
}

function isFinal(path: string): boolean {
  return path.startsWith("/inbound/") && path.endsWith(".csv");
}

function finalFiles(world: World): Map<string, Buffer> {
  const { server } = world.options;
  return new Map([...server.files(), ...server.taken()].filter(([path]) => isFinal(path)));
}

function ordersIn(bytes: Buffer): string[] {
  return bytes
    .toString()
    .split("\n")
    .slice(1)
    .flatMap((line) => line.split(",")[5] ?? []);
}

/** Holds at every moment. */
function checkNothingTwice(world: World, facts: LedgerFacts): void {
  const files = finalFiles(world);
  const known = new Map(facts.batches.map((batch) => [`/inbound/${batch.name}`, batch]));
  const sent = new Set<string>();
  for (const [path, bytes] of files) {
    const batch = known.get(path);
    if (batch?.sha256 !== sha256Of(bytes)) {
      throw new Error(`${path} holds ${bytes.length} bytes that the ledger does not know as sent (${batch?.state})`);
    }
    for (const order of ordersIn(bytes)) {
      if (sent.has(order)) throw new Error(`${order} was sent twice`);
      sent.add(order);
    }
  }
  for (const { name, state } of facts.batches) {
    if (state === "delivered" && !files.has(`/inbound/${name}`)) throw new Error(`${name} is not there, yet delivered`);
  }
  for (const order of sent) {
    if (!facts.attempts.some((attempt) => attempt.order === order)) throw new Error(`${order} was sent unclaimed`);
  }
}

function namesOf(world: World): string[] {
  return ordersOf(world)
    .map((order) => `o-${order}`)
    .toSorted();
}

/** Every rebill in one delivered file, every row applied once. An export may still have to be moved. */
function checkDone(world: World, facts: LedgerFacts): void {
  const sent = [...finalFiles(world).values()].flatMap(ordersIn).toSorted();
  deepStrictEqual(sent, namesOf(world), "every rebill is in exactly one file");
  const open = facts.batches.filter(({ state }) => state !== "delivered" && state !== "uncertain");
  deepStrictEqual(open, [], "no batch is unfinished");
  deepStrictEqual(facts.outcomes, ["o-1 rescued", "o-2 unrescued"], "every result row was applied once");
}

function checkReport(world: World, report: Json, isUncertain: boolean): void {
  const [usd, ...others] = report.currencies;
  const orders = ordersOf(world);
  const sumOf = (some: readonly number[]) => String(some.reduce((sum, order) => sum + amountOf(order), 0));
  deepStrictEqual(others, [], "one currency");
  deepStrictEqual(usd.balanced, true, "the money adds up");
  deepStrictEqual(usd.submitted.count, orders.length, "all is submitted");
  deepStrictEqual(usd.submitted.amount_minor, sumOf(orders), "all money is submitted");
  deepStrictEqual([usd.rescued.amount_minor, usd.unrescued.amount_minor], ["1100", "1200"], "what came back");
  if (!isUncertain) deepStrictEqual(usd.pending.amount_minor, sumOf(orders.slice(2)), "what is still out");
}

function checkFolders(world: World): void {
  deepStrictEqual(namesIn(world.inbox), [], "the inbox is empty");
  const kept = namesIn(join(world.inbox, "processed"));
  deepStrictEqual(
    kept.length,
    2,
    `each export is kept once: ${kept} (failed: ${namesIn(join(world.inbox, "failed"))})`,
  );
  const left = [...world.options.server.files().keys()].filter((path) => path.endsWith(".part"));
  deepStrictEqual(left, [], "no temporary file is left on the server");
  const day = join(world.data, "reports", "2026-11-20");
  deepStrictEqual(JSON.parse(readText(join(day, "report.json"))).type, "report", "the report is written");
  if (!readText(join(day, "holds.csv")).includes("o-4")) throw new Error("holds.csv does not hold o-4");
}

function problemsOf(document: Json): Json[] {
  const files: Json[] = document?.submission?.files ?? [];
  return [...(document?.problems ?? []), ...files.flatMap((file) => file.problem ?? [])];
}

function readLedger(world: World): LedgerFacts {
  const db = new Sqlite(join(world.data, "ledger.db"), { readonly: true });
  try {
    const batches = db
      .prepare<[], LedgerBatch>(
        `SELECT b.batch_id AS batchId, c.sha256,
           (SELECT name FROM batch_event e WHERE e.batch_id = b.batch_id AND kind = 'name_minted'
            ORDER BY event_id DESC LIMIT 1) AS name,
           (SELECT kind FROM batch_event e WHERE e.batch_id = b.batch_id AND kind NOT IN ('name_minted', 'temporary_created')
            ORDER BY event_id DESC LIMIT 1) AS state
         FROM batch b LEFT JOIN batch_content c USING (batch_id)`,
      )
      .all();
    const attempts = db
      .prepare<[], { order: string; state: string }>("SELECT order_id AS \"order\", '' AS state FROM attempt")
      .all();
    const outcomes = db
      .prepare<[], { line: string }>(
        "SELECT a.order_id || ' ' || o.status AS line FROM attempt a JOIN outcome o USING (attempt_id) ORDER BY 1",
      )
      .all();
    return { batches, attempts, outcomes: outcomes.map(({ line }) => line) };
  } finally {
    db.close();
  }
}
