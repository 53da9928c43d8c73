/** One thread of the pool: scans row-aligned pieces, one after the other. What is odd in them goes back to be judged. */
import { workerData } from "node:worker_threads";
import { answerCalls } from "../../thread/answer-calls.ts";
import type { Dialect } from "../dialect.ts";
import { RecordFramer } from "../record-framer.ts";
import { RowScanner, type ScanSetup } from "./row-scanner.ts";
import { ScannedRows } from "./scanned-rows.ts";

export interface WorkerSetup extends ScanSetup {
  readonly dialect: Dialect;
}

export interface WorkerTask {
  readonly bytes: Uint8Array;
  /** Of an earlier piece, to be used again. */
  readonly spare: ScannedRows | undefined;
}

export interface WorkerAnswer {
  readonly bytes: Uint8Array;
  readonly found: ScannedRows;
}

const setup = workerData as WorkerSetup;
const scanner = new RowScanner(setup);
const framer = new RecordFramer(setup.dialect);

answerCalls<WorkerTask, WorkerAnswer>(
  ({ bytes, spare }) => {
    const found = spare ? ScannedRows.revive(spare) : new ScannedRows(bytes.length, setup.keepsRows);
    found.clear();
    scanner.scan(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), false, framer, found);
    return { bytes, found };
  },
  ({ bytes, found }) => [bytes.buffer as ArrayBuffer, ...found.memory()],
);
