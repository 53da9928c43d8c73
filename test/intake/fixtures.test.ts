import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { REJECT_CODES } from "../../src/domain/row-verdict.ts";
import { type Overrides, readAll } from "./read-all.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/exports");

interface Expected {
  /** Row numbers. */
  readonly accepted: readonly number[];
  readonly skipped?: readonly number[];
  /** `row line column code` */
  readonly rejects?: readonly string[];
  readonly overrides?: Overrides;
}

const EXPECTED: Record<string, Expected> = {
  "all-columns": { accepted: [1, 2] },
  "amount-not-positive": {
    accepted: [1],
    rejects: ["2 3 amount amount_not_positive", "3 4 amount amount_not_positive"],
  },
  "amount-over-limit": { accepted: [1, 3], rejects: ["2 3 amount amount_over_limit"] },
  "amount-precision": { accepted: [1, 4], rejects: ["2 3 amount amount_precision", "3 4 amount amount_precision"] },
  "bad-currency": {
    accepted: [1],
    rejects: ["2 3 currency bad_currency", "3 4 currency bad_currency", "4 5 currency bad_currency"],
  },
  "bad-encoding": { accepted: [1, 3], rejects: ["2 3 - bad_encoding"] },
  "bad-quoting": {
    accepted: [1, 4, 6],
    rejects: ["2 3 - bad_quoting", "3 4 - bad_quoting", "5 6 - bad_quoting"],
  },
  "card-number": {
    accepted: [1],
    rejects: [
      "2 3 payment_token card_number",
      "3 4 decline_message card_number",
      "4 5 plan card_number",
      "5 6 order_id card_number",
      "5 6 payment_token card_number",
    ],
  },
  "column-count": { accepted: [1, 4], rejects: ["2 3 - column_count", "3 4 - column_count"] },
  "cut-off-in-a-quote": { accepted: [1], rejects: ["2 3 - bad_quoting"] },
  "cut-off-in-a-row": { accepted: [1], rejects: ["2 3 - column_count"] },
  "duplicate-in-file": {
    accepted: [1, 5],
    skipped: [6],
    rejects: [
      "2 3 order_id duplicate_in_file",
      "3 4 transaction_id duplicate_in_file",
      "4 5 amount amount_not_positive",
      "7 8 order_id duplicate_in_file",
      "7 8 transaction_id duplicate_in_file",
      "8 9 order_id duplicate_in_file",
      "8 9 transaction_id duplicate_in_file",
    ],
  },
  "future-decline": { accepted: [1], rejects: ["2 3 declined_at future_decline"] },
  "header-only": { accepted: [] },
  malformed: {
    accepted: [1],
    rejects: [
      "2 3 order_id malformed",
      "3 4 transaction_id malformed",
      "4 5 declined_at malformed",
      "5 6 amount malformed",
      "6 7 country malformed",
      "7 8 card_last4 malformed",
      "8 9 card_exp_month malformed",
      "9 10 attempt malformed",
      "10 11 advice_code malformed",
      "11 12 decline_code malformed",
    ],
  },
  "mapped-headers": {
    accepted: [1],
    overrides: {
      shape: {
        columns: {
          order_id: "Order No",
          transaction_id: "Gateway Txn",
          subscription_id: "Sub",
          customer_id: "Customer",
          declined_at: "Failed (UTC)",
          amount: "Total",
          currency: "Cur",
          decline_code: "Reason",
          payment_token: "Token",
        },
      },
    },
  },
  "minor-units": { accepted: [1, 3], rejects: ["2 3 amount malformed"], overrides: { shape: { amountUnit: "minor" } } },
  missing: {
    accepted: [1],
    rejects: ["2 3 amount missing", "3 4 order_id missing", "3 4 payment_token missing", "4 5 card_exp_year missing"],
  },
  "never-retry": { accepted: [1, 3], skipped: [2, 4, 5] },
  "no-last-line-end": { accepted: [1, 2] },
  "not-declined": {
    accepted: [1, 4],
    rejects: ["2 3 decline_code not_declined", "3 4 decline_code not_declined", "5 6 decline_code not_declined"],
  },
  "quoted-newlines": { accepted: [1, 2], rejects: ["3 6 amount malformed"] },
  "spreadsheet-damage": {
    accepted: [5],
    rejects: [
      "1 2 order_id malformed",
      "1 2 transaction_id malformed",
      "1 2 amount malformed",
      "2 3 declined_at malformed",
      "3 4 amount malformed",
      "4 5 card_bin malformed",
      "4 5 card_last4 malformed",
    ],
  },
  "stale-decline": { accepted: [1], rejects: ["2 3 declined_at stale_decline", "3 4 declined_at stale_decline"] },
  "too-long": {
    accepted: [1, 4],
    rejects: ["2 3 order_id too_long", "3 4 amount too_long", "5 6 city too_long"],
  },
  "utf-16": { accepted: [1] },
  "window-too-short": {
    accepted: [1],
    rejects: ["2 3 expires_at window_too_short", "3 4 expires_at window_too_short", "4 5 expires_at window_too_short"],
  },
};

/** What stops the whole file. */
const PROBLEMS: Record<string, string> = {
  "columns-duplicate": "columns_duplicate",
  "columns-missing": "columns_missing",
  "cvv-column": "cvv_column",
  empty: "export_empty",
};

describe("fixtures", () => {
  test.each(Object.entries(EXPECTED))("%s.csv", async (name, { accepted, skipped = [], rejects = [], overrides }) => {
    const read = await readAll(join(FOLDER, `${name}.csv`), overrides);
    expect(read.rejects).toEqual(rejects);
    expect(read.acceptedRows.map(({ row }) => row)).toEqual(accepted);
    expect(read.skippedRows.map(({ row }) => row)).toEqual(skipped);
    expect(read).toMatchObject({ accepted: accepted.length, skipped: skipped.length });
    expect(read.rejected).toBe(new Set(rejects.map((reject) => reject.split(" ")[0])).size);
    expect(read.rows).toBe(read.accepted + read.skipped + read.rejected);
  });

  test.each(Object.entries(PROBLEMS))("%s.csv stops with %s", async (name, code) => {
    await expect(readAll(join(FOLDER, `${name}.csv`))).rejects.toMatchObject({ code });
  });

  test("every fixture is used, and every reject code has the fixture of its name that yields it", () => {
    const files = readdirSync(FOLDER).map((file) => file.replace(/\.csv$/, ""));
    expect(files.sort()).toEqual([...Object.keys(EXPECTED), ...Object.keys(PROBLEMS)].sort());
    for (const code of REJECT_CODES) {
      const rejects = EXPECTED[code.replaceAll("_", "-")]?.rejects ?? [];
      expect(
        rejects.some((reject) => reject.endsWith(` ${code}`)),
        code,
      ).toBe(true);
    }
  });
});
