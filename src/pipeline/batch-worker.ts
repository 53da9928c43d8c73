/** The thread of batch-thread.ts. */
import { workerData } from "node:worker_threads";
import { answerCalls } from "../thread/answer-calls.ts";
import { Archive } from "./archive.ts";
import { type ArchivedContent, type BatchFileOptions, type BatchFileRequest, LocalBatchFiles } from "./batch-files.ts";

export type BatchThreadSetup = Omit<BatchFileOptions, "archive"> & {
  /** The archive's. */
  readonly folder: string;
};

const { folder, ...options } = workerData as BatchThreadSetup;
const files = new LocalBatchFiles({ ...options, archive: new Archive(folder) });

answerCalls<BatchFileRequest, ArchivedContent>((request) => files.write(request));
