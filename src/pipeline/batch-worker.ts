/** The thread of batch-thread.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { isProblem, type ProblemCode } from "../domain/problem.ts";
import { Archive } from "./archive.ts";
import { type ArchivedContent, type BatchFileOptions, type BatchFileRequest, LocalBatchFiles } from "./batch-files.ts";

export type BatchThreadSetup = Omit<BatchFileOptions, "archive"> & {
  /** The archive's. */
  readonly folder: string;
};

export type BatchThreadAnswer = { readonly batchId: number } & (
  | { readonly content: ArchivedContent }
  /** A class does not cross from thread to thread; what it says does. */
  | { readonly problem: { readonly code: ProblemCode; readonly message: string; readonly hint: string } }
  | { readonly error: unknown }
);

const { folder, ...options } = workerData as BatchThreadSetup;
const files = new LocalBatchFiles({ ...options, archive: new Archive(folder) });

async function answer(request: BatchFileRequest): Promise<BatchThreadAnswer> {
  const { batchId } = request;
  try {
    return { batchId, content: await files.write(request) };
  } catch (error) {
    if (!isProblem(error)) return { batchId, error };
    const { code, message, hint } = error;
    return { batchId, problem: { code, message, hint } };
  }
}

parentPort?.on("message", async (request: BatchFileRequest) => {
  parentPort?.postMessage(await answer(request));
});
