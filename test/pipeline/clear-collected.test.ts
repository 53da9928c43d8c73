/** Profiles that move or delete collected results: what a run that was cut off left behind, and what must never go unread. */
import { afterEach, describe, expect, test } from "vitest";
import { collect } from "../../src/pipeline/collect.ts";
import { flex } from "../../src/profiles/flex.ts";
import { makeMerchant, resultCsv, type TestMerchant, type TestMerchantOptions } from "../support/pipeline.ts";

const deleting = { ...flex, results: { ...flex.results, afterCollect: "delete" as const } };
const RESULTS = resultCsv("o-1,sk-1,APPROVED,1999,USD,2026-11-20T07:00:00Z,00,");
const OTHERS = resultCsv("o-2,sk-2,APPROVED,1999,USD,2026-11-20T07:00:00Z,00,");
const MODIFIED_AT = 1_763_600_000_000;

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

/** One collected file that lies on the server still, because the run lost its connection before it was deleted. */
async function leftBehind(options: TestMerchantOptions = {}): Promise<TestMerchant> {
  let isCut = true;
  const fault: TestMerchantOptions["fault"] = (request) =>
    isCut && request.operation === "remove" ? { code: "deadline_reached", when: "before" } : options.fault?.(request);
  const merchant = await makeMerchant({ ...options, profile: deleting, fault });
  merchants.push(merchant);
  putResults(merchant, RESULTS);
  await expect(collect(await merchant.open())).rejects.toMatchObject({ code: "deadline_reached" });
  expect(merchant.drop.files.has("/outbound/r.csv")).toBe(true);
  isCut = false;
  return merchant;
}

function putResults(merchant: TestMerchant, text: string): void {
  merchant.drop.files.set("/outbound/r.csv", { bytes: Buffer.from(text), modifiedAt: MODIFIED_AT });
}

describe("a collected file that an earlier run could not delete any more", () => {
  test("is deleted by the next look, and not collected again", async () => {
    const merchant = await leftBehind();

    const { files } = await collect(await merchant.open());

    expect(files).toMatchObject([{ name: "r.csv", state: "seen" }]);
    expect(merchant.drop.files.has("/outbound/r.csv")).toBe(false);
  });

  test("is never deleted unread when other bytes lie under the same name, size and time", async () => {
    const merchant = await leftBehind();
    putResults(merchant, OTHERS);

    const context = await merchant.open();
    const { files } = await collect(context);

    expect(files).toMatchObject([{ name: "r.csv", state: "collected" }]);
    expect(await context.ledger.resultFiles()).toHaveLength(2);
    expect(merchant.drop.files.has("/outbound/r.csv")).toBe(false);
  });

  test("stays, with one note for all of them, when the server refuses", async () => {
    const merchant = await leftBehind({
      fault: ({ operation }) => (operation === "remove" ? { code: "permission_denied", when: "before" } : undefined),
    });
    merchant.drop.files.set("/outbound/r-2.csv", { bytes: Buffer.from(OTHERS), modifiedAt: MODIFIED_AT });
    await collect(await merchant.open());
    merchant.notes.length = 0;

    const { files } = await collect(await merchant.open());

    expect(files.map((file) => file.state)).toEqual(["seen", "seen"]);
    expect(merchant.notes).toHaveLength(1);
    expect(merchant.drop.files.size).toBe(2);
  });
});
