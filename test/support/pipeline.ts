/** A merchant with a real ledger and archive on disk and a drop in memory, whose clock a test sets. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Instant, parseInstant } from "../../src/domain/instant.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { Archive } from "../../src/pipeline/archive.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { RemoteSession } from "../../src/pipeline/session.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { Profile } from "../../src/profiles/profile.ts";
import { createMemoryDrop, type MemoryDrop, type MemoryDropOptions } from "../../src/transport/memory.ts";
import { testContext } from "./context.ts";

export const NIGHT = parseInstant("2026-11-20T06:00:00Z") as Instant;

export interface TestMerchant {
  readonly folder: string;
  readonly drop: MemoryDrop;
  readonly notes: string[];
  now: Instant;
  /** A fresh start, as a new process would make it; the one before is closed (or, with `kill`, forgotten). */
  open(): Promise<PipelineContext>;
  writeExport(name: string, csv: string): Promise<string>;
  close(): Promise<void>;
}

export interface TestMerchantOptions extends MemoryDropOptions {
  readonly profile?: Profile;
  readonly maxAgeDays?: number;
  readonly batchesAtOnce?: number;
}

export async function makeMerchant(options: TestMerchantOptions = {}): Promise<TestMerchant> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-pipeline-"));
  await mkdir(join(folder, "inbox"));
  let ledger: Ledger | undefined;
  let ids = 0;
  const merchant: TestMerchant = {
    folder,
    drop: createMemoryDrop(options),
    notes: [],
    now: NIGHT,
    open: async () => {
      await ledger?.close();
      const archive = new Archive(join(folder, "data"));
      ledger = await openSqliteLedger({
        folder: archive.folder,
        merchant: "acme",
        host: "test",
        clock: () => merchant.now,
      });
      await archive.prepare();
      await ledger.acquireLock("test");
      const parts = {
        inbox: join(folder, "inbox"),
        profile: options.profile ?? flex,
        ledger,
        archive,
        remote: new RemoteSession(merchant.drop.transport, new AbortController().signal),
        now: () => merchant.now,
        batchesAtOnce: options.batchesAtOnce ?? 8,
        // Time passes for the looks, not for the test.
        delay: async (ms: number) => {
          merchant.now += ms;
        },
        uniqueId: () => String(++ids).padStart(8, "0"),
        note: (message: string) => merchant.notes.push(message),
      };
      return testContext(parts, { maxAgeDays: options.maxAgeDays });
    },
    writeExport: async (name, csv) => {
      const path = join(folder, "inbox", name);
      await writeFile(path, csv);
      return path;
    },
    close: async () => {
      await ledger?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return merchant;
}

export const EXPORT_HEADER =
  "order_id,transaction_id,subscription_id,customer_id,declined_at,amount,currency,decline_code,payment_token";

/** Good rows, `o-1` … `o-n` (or from another first number), declined an hour before the night. */
export function exportCsv(count: number, { from = 1, transaction = "t" } = {}): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const id = from + index;
    return `o-${id},${transaction}-${id},s-${id},c-${id},2026-11-20T05:00:00Z,19.99,USD,51,tok_${id}`;
  });
  return [EXPORT_HEADER, ...rows, ""].join("\n");
}

export function resultCsv(...rows: readonly string[]): string {
  return ["orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message", ...rows, ""].join("\n");
}
