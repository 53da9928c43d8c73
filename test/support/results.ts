/** Result files brought back to merchants of the e2e tests, and the figures that a report then prints. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { exportOf, type MerchantFolder, type ResultRow, resultsOf, type SharedServer } from "./e2e.ts";
import type { Json } from "./rescue.ts";

const PARTS = ["rescued", "pending", "unrescued", "cancelled", "unaccounted"] as const;

/** submitted = the sum of its parts, in count and in amount, reckoned here and not taken from `balanced`. */
export function expectBalanced(report: Json): void {
  for (const entry of report["currencies"]) {
    const sum = (figure: (part: Json) => bigint) => PARTS.reduce((total, part) => total + figure(entry[part]), 0n);
    expect(sum((part) => BigInt(part["count"]))).toBe(BigInt(entry.submitted.count));
    expect(sum((part) => BigInt(part["amount_minor"]))).toBe(BigInt(entry.submitted.amount_minor));
    expect(entry.balanced).toBe(true);
  }
}

/** `{"rescued":"1/1999"}`: count and amount of the parts that are not empty. */
export function partsOf(report: Json, currency = "USD"): Record<string, string> {
  const entry = report["currencies"].find((each: Json) => each["currency"] === currency);
  const named = [...PARTS, "refunded", "charged_back"].map((part) => [part, entry[part]] as const);
  return Object.fromEntries(
    named
      .filter(([, { count }]) => count > 0)
      .map(([part, { count, amount_minor }]) => [part, `${count}/${amount_minor}`]),
  );
}

/** Five rebills of USD 19.99 that were delivered: o-1 … o-5. */
export async function sentFive(shared: SharedServer): Promise<MerchantFolder> {
  const merchant = await shared.make();
  const rows = [1, 2, 3, 4, 5].map((number) => ({ order: `o-${number}` }));
  expect((await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOf(rows))])).status).toBe(0);
  return merchant;
}

export async function nextRun(merchant: MerchantFolder, ...args: string[]) {
  const ran = await merchant.rescue(["run", "--json", ...args]);
  const [document = {}] = ran.documents;
  expectBalanced(document["report"]);
  return { status: ran.status, document, report: document["report"], reconciliation: document["reconciliation"] };
}

/** Given from the local disk: for what does not depend on how it came. */
export async function apply(merchant: MerchantFolder, name: string, content: string | readonly ResultRow[]) {
  const path = join(merchant.folder, name);
  await writeFile(path, typeof content === "string" ? content : resultsOf(content as ResultRow[]));
  const applied = await merchant.rescue(["reconcile", path, "--json"]);
  const report = (await merchant.rescue(["report", "--json"])).documents[0] ?? {};
  if (applied.documents.length > 0) expectBalanced(report);
  return { ...applied, document: applied.documents[0] ?? {}, report };
}
