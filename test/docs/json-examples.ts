/**
 * The documents that docs/json.md shows, made by the program itself: a small merchant's two nights against the sandbox, on a
 * clock that stands still, so that the same bytes come out each time.
 */
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { main } from "../../src/cli/main.ts";
import { sandboxConfig } from "../../src/cli/sandbox-config.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../src/domain/instant.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";

export type Json = Readonly<Record<string, unknown>>;

const HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,payment_token";
const FIRST_MORNING = Date.parse("2026-11-20T06:00:00Z");
/** Where the reader of the page works. */
const SHOWN_FOLDER = "/srv/rescue";
const HOST = "billing-1";

interface Story {
  readonly folder: string;
  readonly sandbox: Sandbox;
  now: Instant;
}

/** By the name of their block in the page. */
export async function playExamples(): Promise<Record<string, Json>> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-docs-"));
  await mkdir(join(folder, "keys"), { mode: 0o700 });
  await mkdir(join(folder, "inbox"));
  const sandbox = await startSandbox({
    folder: join(folder, "provider"),
    userPublicKey: await generateKeyPair(join(folder, "keys", "rescue_ed25519"), "docs"),
    username: "acme",
    mid: "acme-mid",
    startAt: FIRST_MORNING - 12 * HOUR_MS,
  });
  try {
    await writeFile(join(folder, "rescue.yaml"), sandboxConfig(sandbox, { merchant: "acme", mid: "acme-mid" }));
    const story = { folder, sandbox, now: FIRST_MORNING };
    return { ...(await setUp(story)), ...(await firstNight(story)), ...(await secondNight(story)) };
  } finally {
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function setUp(story: Story): Promise<Record<string, Json>> {
  const { host, port } = story.sandbox;
  const server = ["--host", host, "--port", String(port), "--username", "acme"];
  const init = await one(story, "init", "--merchant", "acme", "--dir", "new", "--timezone", "UTC", ...server);
  return { init, doctor: await one(story, "doctor") };
}

async function firstNight(story: Story): Promise<Record<string, Json>> {
  await writeFile(join(story.folder, "inbox", "rebills.csv"), exportOf("20", ["51", "05", "51", "91", "41", "51"], 5));
  const validation = await one(story, "validate", "inbox/rebills.csv");
  const submission = await one(story, "submit", "inbox/rebills.csv");
  story.now += DAY_MS;
  const results = [
    "orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message",
    "ord-2001,sk-1,APPROVED,1999,USD,2026-11-20T15:04:11Z,00,",
    "ord-2002,sk-2,SUBMITTED,1999,USD,2026-11-20T15:04:12Z,05,still trying",
    "ord-7777,sk-9,APPROVED,4900,USD,2026-11-20T15:04:13Z,00,",
  ];
  await writeFile(join(story.sandbox.outbound, "results_20261120.csv"), `${results.join("\n")}\n`);
  return {
    validation,
    submission,
    collection: await one(story, "collect"),
    reconciliation: await one(story, "reconcile"),
    breaks: await one(story, "breaks"),
    explanation: await one(story, "explain", "ord-2001"),
    holds: await one(story, "holds", "--list", "hold"),
    report: await one(story, "report"),
    "settlement-of-a-break": await one(story, "settle", "1", "--reason", "a test order of the provider"),
  };
}

/** The folder is gone, then a rename is cut off: the batch cannot be proven, until a person settles it. */
async function secondNight(story: Story): Promise<Record<string, Json>> {
  const { inbound } = story.sandbox;
  await writeFile(join(story.folder, "inbox", "rebills.csv"), exportOf("21", ["51", "05"], undefined));
  await rename(inbound, `${inbound}-away`);
  const refused = await rescue(story, ["submit", "inbox/rebills.csv"]);
  await rename(`${inbound}-away`, inbound);
  await cutOffInCommit(story);
  await rescue(story, ["submit"]);
  const status = await one(story, "status");
  const settled = await one(story, "settle", "2", "--not-delivered", "--reason", "never seen, says their ticket 4711");
  return {
    error: refused.errors[0] as Json,
    status,
    "settlement-of-a-batch": settled,
    run: await one(story, "run"),
    verification: await one(story, "verify"),
  };
}

/** What a process leaves behind that is killed between the rename and its answer, where the file was taken at once. */
async function cutOffInCommit(story: Story): Promise<void> {
  const ledger = await openSqliteLedger({
    folder: join(story.folder, "rescue-data", "acme"),
    merchant: "acme",
    host: HOST,
    clock: () => story.now,
  });
  try {
    await ledger.acquireLock("submit");
    const batch = await ledger.findBatch("2");
    const fact = { at: story.now, recordedAt: story.now, try: 1, detail: "" };
    await ledger.recordTemporary(2, { ...fact, path: `/inbound/${batch?.name}.1.part` });
    await ledger.recordBatchState(2, "uploaded", fact);
    await ledger.recordBatchState(2, "committing", fact);
    await ledger.releaseLock();
  } finally {
    await ledger.close();
  }
}

/** @param spoilt index of the row whose amount has a decimal comma */
function exportOf(series: string, codes: readonly string[], spoilt: number | undefined): string {
  const day = series === "20" ? "20" : "21";
  const rows = codes.map((code, index) => {
    const id = `${series}0${index + 1}`;
    const amount = index === spoilt ? '"19,99"' : "19.99";
    return `ord-${id},txn-${id},sub-${id},cus-${id},2026-11-${day}T01:00:00Z,${amount},USD,${code},tok_${id}`;
  });
  return `${[HEADER, ...rows].join("\n")}\n`;
}

async function one(story: Story, ...args: string[]): Promise<Json> {
  const { documents, errors } = await rescue(story, args);
  const [document] = documents;
  if (!document || documents.length > 1)
    throw new Error(`${args[0]} gave no single document: ${JSON.stringify(errors)}`);
  return document;
}

async function rescue(story: Story, args: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const output = (take: (text: string) => void) => ({
    isTTY: false,
    columns: 80,
    write: async (text: string) => take(text),
  });
  await main([...args, "--json"], {
    stdout: output((text) => {
      stdout += text;
    }),
    stderr: output((text) => {
      stderr += text;
    }),
    stdin: Readable.from([]),
    env: { RESCUE_HOST: HOST },
    cwd: story.folder,
    now: () => story.now,
    stop: new AbortController().signal,
  });
  const parse = (text: string): Json[] =>
    text
      .replaceAll(story.folder, SHOWN_FOLDER)
      .replaceAll(`${story.sandbox.host}:${story.sandbox.port}`, "sftp.example.com:22")
      // Drawn anew each time: keys, and what keeps two rejects files from having one name.
      .replaceAll(/SHA256:[\w+/]{43}/g, "SHA256:rIudGwT8ETKz4FvsgWzNmKO9Q5qOL9G3ZEexKTOoQqw")
      .replaceAll(
        /ssh-ed25519 [\w+/]{68}/g,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2pzZGzCQNGLf0bYhBVXnXJgXx6cF0yPq3zGmOZ0A7K",
      )
      .replaceAll(/(?<=rejects\/\d{14}-)[0-9a-f]{8}/g, "5f3a9c01")
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  return { documents: parse(stdout), errors: parse(stderr) };
}
