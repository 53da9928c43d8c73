/**
 * The one suite of the zoo: a whole night, asked of every server alike. What a server does differently is its own file's
 * business; here it is only a merchant, a place where results are put, and what was delivered.
 */
import { expect } from "vitest";
import { stringify } from "yaml";
import { flex } from "../../src/profiles/flex.ts";
import { exportOf, type MerchantFolder, resultsOf } from "../support/e2e.ts";
import type { Json } from "../support/rescue.ts";
import { expectBalanced, partsOf } from "../support/results.ts";

export type NightMerchant = Pick<MerchantFolder, "rescue" | "writeExport" | "writeResults" | "delivered">;

/** Programs and servers start many times in it, and everybody else's tests run beside it. */
export const NIGHT_LIMIT_MS = 120_000;

/** Two batches out; a second run that brings their results back, balances the books, and sends nothing again. */
export async function playNight(merchant: NightMerchant): Promise<void> {
  await merchant.writeExport("first.csv", exportOf([{ order: "o-1" }, { order: "o-2" }, { order: "o-3" }]));
  await merchant.writeExport("second.csv", exportOf([{ order: "o-4" }, { order: "o-5", amount: "7.50" }]));
  const sent = await runOf(merchant);
  expect(sent).toMatchObject({ status: 0, submission: { accepted: 5, batches: [{ rows: 3 }, { rows: 2 }] } });
  expect(sent["submission"].batches.map((batch: Json) => batch["state"])).toEqual(["delivered", "delivered"]);
  expect(ordersOf(await merchant.delivered())).toEqual(["o-1", "o-2", "o-3", "o-4", "o-5"]);

  await merchant.writeResults("results.csv", RESULTS);
  const answered = await runOf(merchant);
  expect(answered).toMatchObject({ status: 0, reconciliation: { rows: 5, applied: 5, repeated: 0, breaks: [] } });
  expect(answered["collection"].files).toMatchObject([{ name: "results.csv", state: "collected" }]);
  expect(partsOf(answered["report"])).toEqual({
    ...{ rescued: "2/3998", unrescued: "1/1999" },
    ...{ pending: "1/1999", cancelled: "1/750" },
  });

  expect(answered["submission"].batches).toEqual([]);
  expect(await merchant.delivered()).toHaveLength(2);
  expect((await merchant.rescue(["verify"])).status).toBe(0);
}

export const RESULTS = resultsOf([
  { order: "o-1", status: "APPROVED" },
  { order: "o-2", status: "DECLINED" },
  { order: "o-3", status: "PENDING" },
  { order: "o-4", status: "COMPLETED" },
  { order: "o-5", status: "CANCELLED", amount: "750" },
]);

/** The document of a whole run and its status; the report in it adds up. */
export async function runOf(merchant: NightMerchant, ...args: string[]): Promise<Json> {
  const ran = await merchant.rescue(["run", "--json", ...args]);
  const [document] = ran.documents;
  if (document === undefined) throw new Error(`no document, status ${ran.status}: ${ran.stderr}`);
  expectBalanced(document["report"]);
  return { ...document, status: ran.status, errors: ran.errors };
}

/** Of all files under final names, in order, as often as they are there. */
export function ordersOf(files: readonly { readonly name: string; readonly text: string }[]): string[] {
  return files
    .filter(({ name }) => name.endsWith(".csv"))
    .flatMap(({ text }) => {
      const [header = "", ...rows] = text.trim().split("\n");
      const at = header.split(",").indexOf("orderId");
      return rows.map((row) => row.split(",")[at] ?? "");
    })
    .toSorted();
}

/** The text of a profile file: Flex's columns and words, delivered in another way. */
export function profileWith(
  delivery: Readonly<Record<string, unknown>>,
  results: Readonly<Record<string, unknown>> = {},
  nameTemplate = flex.batch.nameTemplate,
): string {
  const { columns, statuses } = flex.results;
  return stringify({
    id: "zoo",
    title: "Zoo",
    batch: { max_rows: 2000, name_template: nameTemplate, columns: flex.batch.columns },
    delivery: { read_back: true, ...delivery },
    results: { patterns: ["*.csv"], columns, amount_unit: "minor", statuses, ...results },
    window: { after_window: "presume_unrescued", grace: "2d", minimum: "14d" },
  });
}
