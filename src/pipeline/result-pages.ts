/**
 * The rows of a result file, a page at a time, in the order of the ledger: a file that lists a million orders in an order of
 * its own would otherwise read and write the ledger at a million places.
 *
 * That order gives the same ledger as the order of the file. Rows of one order keep theirs, and a row means what it means by the
 * attempts of its order alone; with two exceptions, which stay in the order of the file. A row can change the state of a batch, and
 * so what rows of other orders mean: of an unfinished batch only. And a row that goes by its session key means the attempt
 * that an earlier row learned that key for: where there is one, all rows of its stretch keep their order.
 *
 * What is known of the next page is asked for before a page is given, because another thread may have the answer. That is what it would be
 * afterwards: unless the page goes on with an order of the page before, or keeps the order of the file. Such a page is asked for
 * when its turn comes.
 */
import type { ResultRow } from "../domain/reconcile.ts";
import type { Ledger, ResultFileRecord } from "../ledger/ledger.ts";
import { type HeldResults, holdResults } from "../profiles/held-results.ts";
import type { MalformedLine } from "../profiles/row-decoder.ts";
import { Asked } from "./asked.ts";
import type { PipelineContext } from "./context.ts";
import { KnownAttempts } from "./known-attempts.ts";
import { MOST_ROWS } from "./near-keys.ts";
import { RowPlaces } from "./row-places.ts";

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
const STRETCH_BYTES = 32 * 1024 * 1024;

/** Each stretch passes through the whole ledger, and so does a page in the order of the file: of a larger file it takes more rows along. */
function sizesFor({ sizeBytes }: ResultFileRecord): PageSizes {
  return {
    stretchRows: Math.min(MOST_ROWS / 2, Math.ceil(STRETCH_BYTES / ROW_BYTES), sizeBytes + 1),
    stretchBytes: Math.min(STRETCH_BYTES, sizeBytes),
    pageRows: 250,
    filePageRows: Math.min(64_000, Math.max(8_000, Math.ceil(sizeBytes / ROW_BYTES / 125))),
  };
}

/** Good until the next one is asked for. */
export interface ResultPage {
  readonly rows: readonly ResultRow[];
  readonly malformed: readonly MalformedLine[];
  readonly known: KnownAttempts;
  /** Every line that stands before the last of these in the file was given, and no other. */
  readonly endsStretch: boolean;
}

/** What is known of a page's orders is what the ledger says once all that was written of the pages before is in it. */
export async function* readPages(
  context: PipelineContext,
  file: ResultFileRecord,
  sizes = sizesFor(file),
): AsyncGenerator<ResultPage> {
  const size = { rows: sizes.stretchRows, bytes: sizes.stretchBytes };
  // Once for the file: rows only ever take batches out of it, and whose rows keep the order of the file needlessly lose nothing.
  const unsettled = await attemptsOfUnfinished(context.ledger);
  let places: RowPlaces | undefined;
  for await (const part of holdResults(context.profile, context.archive.resolve(file.archivePath), size)) {
    places ??= new RowPlaces(context.ledger, part.held, unsettled);
    await places.add();
    if (!part.isWhole) continue;
    yield* pagesOfStretch(context.ledger, part.held, places, await cutStretch(places, sizes));
    places = undefined;
  }
}

/** A page of a stretch, as numbers of rows. */
interface Cut {
  readonly rows: Float64Array;
  readonly endsStretch: boolean;
  /** Nothing that is written of a page before it changes what is known of its orders. */
  readonly isApart: boolean;
}

async function cutStretch(places: RowPlaces, sizes: PageSizes): Promise<Cut[]> {
  const order = await places.order();
  const placeAt = (at: number) => places.places[order[at] as number];
  const pages: Cut[] = [];
  for (let start = 0; start < order.length; ) {
    const isFileOrder = placeAt(start) === 0;
    const rows = order.subarray(start, start + (isFileOrder ? sizes.filePageRows : sizes.pageRows));
    const isApart = !isFileOrder && start > 0 && placeAt(start - 1) !== placeAt(start);
    start += rows.length;
    pages.push({ rows, isApart, endsStretch: start === order.length });
  }
  return pages;
}

async function* pagesOfStretch(
  ledger: Ledger,
  stretch: HeldResults,
  { attempts }: RowPlaces,
  pages: readonly Cut[],
): AsyncGenerator<ResultPage> {
  const asked = new Asked<Cut, KnownAttempts>();
  const giveFirst = async function* () {
    const { question, answer: known } = await asked.take();
    const { rows, malformed } = decodePage(stretch, question.rows);
    await known.loadBySession(ledger, rows);
    yield { rows, malformed, known, endsStretch: question.endsStretch };
    // Else the collector takes them for long-lived, now and then, and all that follow: a quarter of a gigabyte (ADR 16).
    rows.length = 0;
    known.forget();
  };
  for (const page of pages) {
    while (asked.count > PAGES_AHEAD || (asked.count > 0 && !page.isApart)) yield* giveFirst();
    asked.put(page, askFor(ledger, stretch, attempts, page.rows));
  }
  while (asked.count > 0) yield* giveFirst();
}

/** One keeps both threads at work; what more of them hold only outlives the collector's first look. */
const PAGES_AHEAD = 1;

/** Attempts whose batch can change its state by a row that speaks of one of them. */
async function attemptsOfUnfinished(ledger: Ledger): Promise<ReadonlySet<number>> {
  const attempts = new Set<number>();
  for (const { batchId } of await ledger.batches("unfinished")) {
    for (const { attemptId } of await ledger.claims(batchId)) attempts.add(attemptId);
  }
  return attempts;
}

/** By the bytes of the rows: they are decoded when it is their turn. */
function askFor(
  ledger: Ledger,
  stretch: HeldResults,
  attempts: Float64Array,
  page: Float64Array,
): Promise<KnownAttempts> {
  const orderIds = new Set<string>();
  const attemptIds = new Set<number>();
  for (const row of page) {
    const attemptId = attempts[row] as number;
    if (attemptId === 0) orderIds.add(stretch.orderIdOf(row));
    else attemptIds.add(attemptId);
  }
  orderIds.delete("");
  // Neighbours in the ledger are read at a fraction of the cost of strangers.
  return KnownAttempts.load(
    ledger,
    [...attemptIds].sort((a, b) => a - b),
    [...orderIds].sort(),
  );
}

function decodePage(stretch: HeldResults, page: Float64Array) {
  const rows: ResultRow[] = [];
  const malformed: MalformedLine[] = [];
  for (const row of page) {
    const line = stretch.decode(row);
    if ("malformed" in line) malformed.push(line);
    else rows.push(line);
  }
  return { rows, malformed };
}
