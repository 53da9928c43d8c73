/** What a test puts into the sandbox and reads out of it, by hand and with csv-parse. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { batch, batchName, row } from "./batches.ts";

export const END = Date.parse("2026-03-30T22:10:00Z");
/** Everybody but the hopeless is rescued, nobody cancels or is paid back. */
export const PLAIN = { shareRescued: 1, shareCancelled: 0, shareRefunded: 0 } as const;

export interface Result {
  readonly orderId: string;
  readonly orderSessionKey: string;
  readonly status: string;
  readonly amount: string;
  readonly currency: string;
  readonly processedAtUtc: string;
}

export function readResults(sandbox: Sandbox, name: string): Result[] {
  return parse<Result>(readFileSync(join(sandbox.outbound, name)), { columns: true });
}

export function resultNames(sandbox: Sandbox): string[] {
  return readdirSync(sandbox.outbound).sort();
}

export function allResults(sandbox: Sandbox): Result[] {
  return resultNames(sandbox).flatMap((name) => readResults(sandbox, name));
}

export function submit(sandbox: Sandbox, text: string, name = batchName(1)): void {
  writeFileSync(join(sandbox.inbound, name), text);
}

export function money(count: number, amountMinor: number, currency = "USD") {
  return count === 0 ? [] : [{ currency, count, amountMinor: BigInt(amountMinor) }];
}

/** Ten rows of insufficient funds, to be rescued, and two of stolen cards, never to be. */
export function night(): string {
  const stolen = { "transaction.responseCode": "43" };
  return batch(...Array.from({ length: 12 }, (_, n) => row(n + 1, n < 10 ? {} : stolen)));
}
