/**
 * The rows of a result file, a page at a time, in the order of the ledger: a file that lists a million orders in an order of
 * its own would otherwise read and write the ledger at a million places.
 *
 * That order gives the same ledger as the order of the file. Rows of one order keep theirs, and a row means what it means by the
 * attempts of its order alone; with two exceptions, which stay in the order of the file. A row can change the state of a batch, and
 * so what rows of other orders mean: of an unfinished batch only. And a row that goes by its session key means the attempt
 * that an earlier row learned that key for: where there is one, all rows of its stretch keep their order.
 */
import type { ResultRow } from "../domain/reconcile.ts";
import type { Ledger, ResultFileRecord } from "../ledger/ledger.ts";
import { type HeldResults, holdResults } from "../profiles/held-results.ts";
import type { MalformedLine } from "../profiles/row-decoder.ts";
import type { PipelineContext } from "./context.ts";
import { KnownAttempts } from "./known-attempts.ts";
import { MOST_ROWS, nearKeysTogether } from "./near-keys.ts";

export interface PageSizes {
  /** Of a stretch: so many rows are put in order together. */
  readonly stretchRows: number;
  readonly stretchBytes: number;
  /** Of a page in the order of the ledger: rows of a larger one are still there when the collector looks, and are taken for long-lived. */
  readonly pageRows: number;
  /** Of a page in the order of the file. */
  readonly filePageRows: number;
}

const ROW_BYTES = 100;
const MIB = 1024 * 1024;

/** A stretch, and a page in the order of the file, pass through the whole ledger: of a larger file they take more rows along. */
function sizesFor({ sizeBytes }: ResultFileRecord): PageSizes {
  const stretchBytes = Math.min(48 * MIB, Math.max(12 * MIB, Math.ceil(sizeBytes / 12)));
  return {
    stretchRows: Math.min(MOST_ROWS / 2, Math.ceil(stretchBytes / ROW_BYTES), sizeBytes + 1),
    stretchBytes: Math.min(stretchBytes, sizeBytes),
    pageRows: 250,
    filePageRows: Math.min(64_000, Math.max(8_000, Math.ceil(sizeBytes / ROW_BYTES / 125))),
  };
}

export interface ResultPage {
  readonly rows: readonly ResultRow[];
  readonly malformed: readonly MalformedLine[];
  readonly known: KnownAttempts;
  /** Every line that stands before the last of these in the file was given, and no other. */
  readonly endsStretch: boolean;
}

/** What is known was read when its page was asked for: what was written of the pages before is in it. */
export async function* readPages(
  context: PipelineContext,
  file: ResultFileRecord,
  sizes = sizesFor(file),
): AsyncGenerator<ResultPage> {
  const size = { rows: sizes.stretchRows, bytes: sizes.stretchBytes };
  // Once for the file: rows only ever take batches out of it, and whose rows keep the order of the file needlessly lose nothing.
  const unsettled = await attemptsOfUnfinished(context.ledger);
  for await (const stretch of holdResults(context.profile, context.archive.resolve(file.archivePath), size)) {
    const places = await placesOf(context.ledger, stretch, unsettled);
    const order = orderBy(places.places);
    for (let start = 0; start < order.length; ) {
      const isFileOrder = places.places[order[start] as number] === 0;
      const most = isFileOrder ? sizes.filePageRows : sizes.pageRows;
      const page = order.subarray(start, start + most);
      start += page.length;
      yield { ...(await loadPage(context, stretch, places, page)), endsStretch: start === order.length };
    }
  }
}

interface Places {
  /** Of each row the first attempt of its order; 0: it stays in the order of the file, in front of all others. */
  readonly places: Float64Array;
  /** Of each row the attempt of its order, if it has one and no other; else 0. */
  readonly attempts: Float64Array;
}

async function placesOf(ledger: Ledger, stretch: HeldResults, unsettled: ReadonlySet<number>): Promise<Places> {
  const places = new Float64Array(stretch.length);
  const attempts = new Float64Array(stretch.length);
  let hasSessions = false;
  const orderIds = Array.from({ length: stretch.length }, (_, row) => {
    const orderId = stretch.orderIdOf(row);
    return orderId.length > LONGEST_ORDER_ID ? "" : orderId;
  });
  const byOrderId = nearKeysTogether(orderIds);
  for (let start = 0; start < byOrderId.length; start += LOOKED_UP_TOGETHER) {
    const rows = byOrderId.subarray(start, start + LOOKED_UP_TOGETHER);
    const found = await ledger.findAttemptIds(Array.from(rows, (row) => orderIds[row] as string));
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as number;
      const ids = found[index] ?? [];
      const [first = 0] = ids;
      if (ids.length === 0) hasSessions ||= stretch.isNamedBySession(row);
      if (ids.length === 1) attempts[row] = first;
      if (!ids.some((id) => unsettled.has(id))) places[row] = first;
    }
  }
  if (hasSessions) places.fill(0);
  return { places, attempts };
}

const LOOKED_UP_TOGETHER = 1_000;
/** A longer one is malformed (result-values.ts) and nobody's; putting such in order takes time by the square of their length. */
const LONGEST_ORDER_ID = 128;

/** Attempts whose batch can change its state by a row that speaks of one of them. */
async function attemptsOfUnfinished(ledger: Ledger): Promise<ReadonlySet<number>> {
  const attempts = new Set<number>();
  for (const { batchId } of await ledger.batches("unfinished")) {
    for (const { attemptId } of await ledger.claims(batchId)) attempts.add(attemptId);
  }
  return attempts;
}

/** Numbers of rows; those of one place in the order of the file. */
function orderBy(places: Float64Array): Float64Array {
  const order = places.map((place, row) => place * MOST_ROWS + row).sort();
  return order.map((placed) => placed % MOST_ROWS);
}

async function loadPage(context: PipelineContext, stretch: HeldResults, { attempts }: Places, page: Float64Array) {
  const rows: ResultRow[] = [];
  const malformed: MalformedLine[] = [];
  for (const row of page) {
    const line = stretch.decode(row);
    if ("malformed" in line) malformed.push(line);
    else rows.push(line);
  }
  const attemptIds = page.map((row) => attempts[row] as number).sort();
  const distinct = attemptIds.filter((id, at) => id !== 0 && id !== attemptIds[at - 1]);
  return { rows, malformed, known: await KnownAttempts.load(context, rows, [...distinct]) };
}
