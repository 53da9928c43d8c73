/**
 * The promises, checked from outside: the provider's folder, the merchant's folders, the ledger's rows and the report, each
 * against what the scenario put in. Nothing here uses the program's own code. A broken promise is an error that names it.
 */
import { deepStrictEqual } from "node:assert";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { Json, RescueResult } from "../support/rescue.ts";
import { type KnownRebill, MAX_ROWS, MID, type Part, sha256Of, type World } from "./world.ts";

const BATCH_HEADER =
  "sequenceNumber,mid,isDeclined,isMIT,isRecurring,orderId,expiryDateUtc,transaction.id,transaction.timestampUtc," +
  "transaction.amount,transaction.currency,transaction.responseCode,transaction.responseCodeSource," +
  "transaction.responseDescription,paymentMethod.Token,paymentMethod.cardNumber,paymentMethod.cardBinNumber," +
  "paymentMethod.cardLast4Digits,paymentMethod.cardBrand,paymentMethod.expirationMonth,paymentMethod.expirationYear," +
  "payer.id,payer.email,billingInformation.firstName,billingInformation.lastName,billingInformation.addressLine1," +
  "billingInformation.city,billingInformation.state,billingInformation.zipCode,billingInformation.countryCode," +
  "subscription.id,senseKey,siteId,customerIp";

const WINDOW_DAYS = 21;
const DAY_MS = 86_400_000;

interface LedgerBatch {
  readonly batchId: number;
  readonly name: string;
  readonly state: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly archivePath: string;
}

interface LedgerFacts {
  readonly batches: readonly LedgerBatch[];
  readonly outcomes: ReadonlyMap<string, readonly string[]>;
  readonly ordersOfBatch: (batchId: number) => string[];
}

/** After the last run, a whole `run --json`. */
export async function checkPromises(world: World, last: RescueResult, expectedStatus: number): Promise<void> {
  const facts = readLedger(join(world.data, "ledger.db"));
  const uncertain = facts.batches.filter((batch) => batch.state === "uncertain");
  for (const batch of uncertain) await admitUncertain(world, batch, facts);
  const document = last.documents[0];
  const status = uncertain.length > 0 ? 13 : expectedStatus;
  deepStrictEqual(
    { status: last.status, told: document?.["exit_status"] },
    { status, told: status },
    `the exit status tells the truth; stderr: ${last.stderr}`,
  );
  await checkDeliveries(world, facts);
  checkOutcomes(world, facts);
  checkMoney(world, document?.["report"]);
  await checkInbox(world);
  checkOutbound(world);
  await checkArchive(world);
}

/** Orders in the files that the provider has or can see. */
export async function deliveredOrders(world: World): Promise<string[]> {
  return (await deliveredFiles(world)).flatMap(({ text }) => ordersIn(text));
}

export function stateOfBatch(world: World, batchId: number): string | undefined {
  return readLedger(join(world.data, "ledger.db")).batches.find((batch) => batch.batchId === batchId)?.state;
}

/** What holds at any moment, also between a kill and the next run. */
export async function checkNothingTwice(world: World): Promise<void> {
  await world.lookAtFinalNames();
  const sent = await deliveredOrders(world);
  deepStrictEqual(sent.length, new Set(sent).size, `no rebill is in two files: ${sent}`);
}

function readLedger(path: string): LedgerFacts {
  const db = new Sqlite(path, { readonly: true });
  try {
    deepStrictEqual(db.pragma("integrity_check", { simple: true }), "ok", "the ledger is sound");
    const batches = db
      .prepare<[], LedgerBatch>(
        `SELECT b.batch_id AS batchId, c.sha256, c.size_bytes AS sizeBytes, c.archive_path AS archivePath,
           (SELECT name FROM batch_event e WHERE e.batch_id = b.batch_id AND kind = 'name_minted'
            ORDER BY event_id DESC LIMIT 1) AS name,
           (SELECT kind FROM batch_event e WHERE e.batch_id = b.batch_id AND kind NOT IN ('name_minted', 'temporary_created')
            ORDER BY event_id DESC LIMIT 1) AS state
         FROM batch b LEFT JOIN batch_content c USING (batch_id)`,
      )
      .all();
    const rows = db
      .prepare<[], { order: string; status: string }>(
        `SELECT a.order_id AS "order", o.status FROM attempt a JOIN outcome o USING (attempt_id) ORDER BY attempt_id, nth`,
      )
      .all();
    const ofBatch = db.prepare<[number], { order: string }>(
      'SELECT order_id AS "order" FROM attempt WHERE batch_id = ? ORDER BY position',
    );
    const orders = new Map(batches.map(({ batchId }) => [batchId, ofBatch.all(batchId).map((row) => row.order)]));
    const outcomes = Map.groupBy(rows, (row) => row.order);
    return {
      batches,
      outcomes: new Map([...outcomes].map(([order, all]) => [order, all.map((row) => row.status)])),
      ordersOfBatch: (batchId) => orders.get(batchId) ?? [],
    };
  } finally {
    db.close();
  }
}

/** `uncertain` is a true answer only where there is no whole file under the final name, and where the scenario says so. */
async function admitUncertain(world: World, batch: LedgerBatch, facts: LedgerFacts): Promise<void> {
  if (!world.mayBeUncertain)
    throw new Error(`batch ${batch.name} is uncertain, though everything about it can be known`);
  const path = join(world.inbound, batch.name);
  const lies = existsSync(path) && sha256Of(await readFile(path)) === batch.sha256;
  if (lies) throw new Error(`batch ${batch.name} is uncertain, though its very bytes are there`);
  for (const order of facts.ordersOfBatch(batch.batchId)) {
    world.rebill(order).part = "unaccounted";
    world.rebill(order).sent = "perhaps";
  }
}

interface DeliveredFile {
  readonly name: string;
  readonly text: string;
}

async function deliveredFiles(world: World): Promise<DeliveredFile[]> {
  const files: DeliveredFile[] = [];
  for (const folder of [world.inbound, world.taken]) {
    for (const name of await readdir(folder)) {
      if (!name.endsWith(".csv") || world.foreign.has(name)) continue;
      files.push({ name, text: await readFile(join(folder, name), "utf8") });
    }
  }
  return files;
}

function ordersIn(text: string): string[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[5])
    .filter((order) => order !== undefined);
}

async function checkDeliveries(world: World, facts: LedgerFacts): Promise<void> {
  const files = await deliveredFiles(world);
  const sent = new Map<string, number>();
  const delivered = facts.batches.filter((batch) => batch.state === "delivered");
  for (const { name, text } of files) {
    for (const order of ordersIn(text)) sent.set(order, (sent.get(order) ?? 0) + 1);
    const batch = facts.batches.find((known) => known.name === name);
    // A burned name of a server without rename: created, and never written to.
    if (batch === undefined) deepStrictEqual(text, "", `${name} is no batch's name, so it holds nothing`);
    else if (batch.state !== "uncertain") checkBytes(world, batch, text);
  }
  for (const { name, archivePath, sha256 } of delivered) {
    if (!files.some((file) => file.name === name)) throw new Error(`${name} is called delivered, and is not there`);
    deepStrictEqual(sha256Of(await readFile(join(world.data, archivePath))), sha256, `the archive of ${name} is exact`);
    const trigger = join(world.inbound, `${name}.done`);
    const isDue = world.profile.delivery?.["trigger"] !== undefined && !world.isOfFirstNight(name);
    if (isDue && !existsSync(trigger)) throw new Error(`${name} has no trigger file`);
  }
  for (const { order, sent: expected } of world.rebills.values()) {
    const times = sent.get(order) ?? 0;
    const isRight = expected === "perhaps" ? times <= 1 : times === (expected === "once" ? 1 : 0);
    if (!isRight) throw new Error(`${order} is in ${times} delivered files, not ${expected}`);
    sent.delete(order);
  }
  deepStrictEqual([...sent.keys()], [], "nothing was sent that no export held");
  const left = (await readdir(world.inbound)).filter((name) => name.endsWith(".part"));
  deepStrictEqual(left, [], "no temporary file is left on the server");
  for (const [name, text] of world.foreign) {
    deepStrictEqual(await readFile(join(world.inbound, name), "utf8"), text, `${name} is not ours, and was left alone`);
  }
}

function checkBytes(world: World, batch: LedgerBatch, text: string): void {
  const { name, state } = batch;
  if (state !== "delivered") throw new Error(`${name} is there under its final name, but its batch is ${state}`);
  const orders = ordersIn(text);
  const rows = orders.map((order, index) => rowOf(world.rebill(order), index + 1));
  deepStrictEqual(text, `${[BATCH_HEADER, ...rows].join("\n")}\n`, `${name} is exact`);
  deepStrictEqual(
    orders.length > 0 && orders.length <= MAX_ROWS,
    true,
    `${name} has rows, as many as the provider takes`,
  );
  deepStrictEqual(sha256Of(Buffer.from(text)), batch.sha256, `${name} is what the ledger says was sent`);
}

function rowOf({ order, declinedAt, amountMinor }: KnownRebill, sequence: number): string {
  const expiresAt = new Date(Date.parse(declinedAt) + WINDOW_DAYS * DAY_MS).toISOString().replace(".000Z", "Z");
  const transaction = `${order},${expiresAt},t-${order},${declinedAt},${amountMinor},USD,51,iso8583,`;
  const card = `true,tok_${order},,,,,`;
  return `${sequence},${MID},true,true,true,${transaction},${card},c-${order},,,,,,,,,s-${order},,,`;
}

function checkOutcomes(world: World, facts: LedgerFacts): void {
  for (const { order, outcomes } of world.rebills.values()) {
    deepStrictEqual(facts.outcomes.get(order) ?? [], outcomes, `every result row of ${order} was applied once`);
  }
}

const SUBMITTED: readonly Part[] = ["rescued", "pending", "unrescued", "cancelled", "unaccounted"];

function checkMoney(world: World, report: Json | undefined): void {
  const [currency, ...others] = (report?.["currencies"] ?? []) as Json[];
  deepStrictEqual(others, [], "one currency");
  const figures = (parts: readonly Part[]) => {
    const rebills = [...world.rebills.values()].filter((rebill) => parts.includes(rebill.part));
    return {
      count: rebills.length,
      amount_minor: String(rebills.reduce((sum, rebill) => sum + rebill.amountMinor, 0)),
    };
  };
  const expected: Json = { submitted: figures(SUBMITTED), released: figures(["released"]), balanced: true };
  for (const part of SUBMITTED) expected[part] = figures([part]);
  const told = Object.fromEntries(Object.keys(expected).map((key) => [key, currency?.[key]]));
  deepStrictEqual(told, expected, "the report is what was put in and what came back");
}

async function checkInbox(world: World): Promise<void> {
  const left = (await readdir(world.inbox, { withFileTypes: true })).filter((entry) => entry.isFile());
  deepStrictEqual(
    left.map((entry) => entry.name),
    [],
    "every export was moved out of the inbox",
  );
  const kept = join(world.inbox, "processed");
  const names = existsSync(kept) ? await readdir(kept) : [];
  const moved = await Promise.all(names.map(async (name) => sha256Of(await readFile(join(kept, name)))));
  deepStrictEqual(moved.toSorted(), [...world.exports.keys()].toSorted(), "processed/ holds each export once, exactly");
}

async function checkArchive(world: World): Promise<void> {
  const names = await readdir(join(world.data, "archive"), { recursive: true });
  const left = names.filter((name) => name.endsWith(".part"));
  deepStrictEqual(left, [], "what killed runs left half written in the archive is removed");
}

/** Left alone, or moved if the profile says so, but only what was collected. */
function checkOutbound(world: World): void {
  const folder = world.profile.moveCollected ? world.moved : world.outbound;
  const lost = [...world.results].filter((name) => !existsSync(join(folder, name)));
  deepStrictEqual(lost, [], "each collected result file lies where the profile says");
}
