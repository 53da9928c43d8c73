/** The pieces of an export, through the scanner and into their order; with workers where the file repays them. */
import { availableParallelism } from "node:os";
import type { IntakePath } from "../../domain/intake-path.ts";
import { areThreadsWorthIt } from "../../thread/worth-it.ts";
import type { SeenIds } from "../duplicates.ts";
import type { RowRules } from "../judge-row.ts";
import type { OpenedRecords, Piece } from "../read-records.ts";
import type { RowReader } from "../row-reader.ts";
import type { RowTally } from "../row-tally.ts";
import { BYTE } from "./bytes.ts";
import { RowsInOrder } from "./rows-in-order.ts";
import { type ScannedPiece, ScanPool } from "./scan-pool.ts";
import type { WorkerSetup } from "./scan-worker.ts";
import { SerialScan } from "./serial-scan.ts";

export interface ScanJob {
  readonly records: OpenedRecords;
  readonly reader: RowReader;
  readonly rules: RowRules;
  readonly seen: SeenIds;
  readonly tally: RowTally;
  readonly intakePath: IntakePath;
  /** Of the file. */
  readonly totalBytes: number;
}

/** One thread puts in order what more than four can scan. */
const MOST_WORKERS = 4;

const WORKER_PIECE_BYTES = 1024 * 1024;
/** With the row that the piece before was cut in. */
const PIECE_MEMORY_BYTES = WORKER_PIECE_BYTES + 256 * 1024;

/** Everything behind the header. True: the file ends without a line end. */
export async function scanExport(job: ScanJob): Promise<boolean> {
  const order = new RowsInOrder(job);
  const { reader, rules, tally } = job;
  const setup = { header: reader.header, rules, exempt: reader.exempt, keepsRows: tally.keepsRows };
  const serial = new SerialScan(job, setup, order);
  const threads = countWorkers(job);
  if (threads === 0) {
    for await (const { bytes, isLast } of job.records.pieces) await serial.push(bytes, isLast);
  } else {
    await scanInThreads(job, { ...setup, dialect: job.records.dialect }, threads, serial, order);
  }
  return order.isUnended;
}

function countWorkers({ intakePath, totalBytes }: ScanJob): number {
  if (!areThreadsWorthIt(intakePath, totalBytes)) return 0;
  return Math.min(MOST_WORKERS, Math.max(2, availableParallelism()));
}

/**
 * Each piece is assumed to begin where a row begins; that is known once the one before it was found to end where a row
 * ends. Where a quoted line break lies on a cut, the piece before and the piece after are read on in this thread.
 */
async function scanInThreads(
  { records }: ScanJob,
  setup: WorkerSetup,
  threads: number,
  serial: SerialScan,
  order: RowsInOrder,
): Promise<void> {
  const pool = new ScanPool(setup, threads);
  const underWay: Promise<ScannedPiece>[] = [];
  // Of pieces that were dealt with. The collector, left to it, lets a hundred megabytes of them wait in a large file.
  const spares: ArrayBuffer[] = [];
  const settleFirst = async () => {
    const piece = await underWay.shift();
    if (!piece) return;
    const { bytes, found } = piece;
    if (!serial.isBetweenRows) {
      await serial.push(bytes, false);
    } else {
      await order.add(bytes, found);
      serial.continueWith(bytes.subarray(found.consumed), found.isWithinEndlessRow);
      spares.push(bytes.buffer as ArrayBuffer);
    }
    pool.recycle(found);
  };
  try {
    for await (const { bytes, isLast } of alignedPieces(records.pieces, spares)) {
      if (isLast) {
        while (underWay.length > 0) await settleFirst();
        await serial.push(bytes, true);
        return;
      }
      const answer = pool.scan(bytes);
      // Looked at when it is its turn; until then its failure must not end the process.
      answer.catch(() => {});
      underWay.push(answer);
      if (underWay.length > threads + 1) await settleFirst();
    }
  } finally {
    await pool.close();
  }
}

/**
 * Of chunks that are used again, pieces of about WORKER_PIECE_BYTES that end with a line end and own their memory; the last one is what is
 * left.
 */
async function* alignedPieces(pieces: AsyncIterable<Piece>, spares: ArrayBuffer[]): AsyncGenerator<Piece> {
  let gathered: Buffer[] = [];
  let size = 0;
  for await (const { bytes, isLast } of pieces) {
    const lineEnd = isLast || size + bytes.length < WORKER_PIECE_BYTES ? 0 : bytes.lastIndexOf(BYTE.lf) + 1;
    if (lineEnd > 0) {
      yield { bytes: join([...gathered, bytes.subarray(0, lineEnd)], size + lineEnd, spares), isLast: false };
      gathered = [Buffer.from(bytes.subarray(lineEnd))];
      size = bytes.length - lineEnd;
    } else {
      gathered.push(Buffer.from(bytes));
      size += bytes.length;
    }
    if (isLast) yield { bytes: join(gathered, size, spares), isLast };
  }
}

/** Not Buffer.concat: it may take memory from a pool that others use. */
function join(parts: readonly Buffer[], size: number, spares: ArrayBuffer[]): Buffer {
  const spare = spares.pop();
  const memory = spare && spare.byteLength >= size ? spare : new ArrayBuffer(Math.max(size, PIECE_MEMORY_BYTES));
  const whole = Buffer.from(memory, 0, size);
  let at = 0;
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}
