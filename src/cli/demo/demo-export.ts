/**
 * A night's export as a merchant's system might write it: 500 rows, most of them good, a few bad in different ways. The
 * same seed makes the same bytes. Card data is made of tokens and a public test number.
 */
import { stringify } from "csv-stringify/sync";
import { formatInstant, type Instant, MINUTE_MS } from "../../domain/instant.ts";
import { formatMajor } from "../../domain/money.ts";
import { draw } from "../../sandbox/draw.ts";

const ROWS = 500;
/** A number every card network publishes for tests. */
const TEST_CARD = ["4111", "1111", "1111", "1111"].join("");
const PLANS: readonly (readonly [currency: string, amountMinor: number])[] = [
  ["USD", 1999],
  ["USD", 4900],
  ["USD", 9900],
  ["JPY", 1980],
];
/** Half of them funds, a third no reason given, as on an ordinary night. */
const CODES = ["51", "51", "51", "51", "51", "05", "05", "05", "91", "65"] as const;
const WORDS: Readonly<Record<string, string>> = {
  "05": "Do not honor",
  "51": "Insufficient funds",
  "65": "Exceeds frequency limit",
  "91": "Issuer unavailable",
  "41": "Lost card",
};

type Row = Record<string, string>;

/** @param night when the declines happened: the hours before this instant */
export function makeDemoExport(seed: string, night: Instant): string {
  const rows: Row[] = [];
  for (let index = 0; index < ROWS; index++) rows.push(makeRow(seed, index, night));
  spoil(rows);
  return stringify(rows, { header: true });
}

function makeRow(seed: string, index: number, night: Instant): Row {
  const id = String(index + 1).padStart(4, "0");
  const pick = <T>(items: readonly T[], question: string): T =>
    items[Math.floor(draw(seed, id, question) * items.length)] as T;
  const [currency, amountMinor] = pick(PLANS, "plan");
  const code = pick(CODES, "code");
  return {
    order_id: `ord-${id}`,
    transaction_id: `txn-${id}`,
    subscription_id: `sub-${id}`,
    customer_id: `cus-${id}`,
    declined_at: formatInstant(night - Math.floor(draw(seed, id, "minute") * 300) * MINUTE_MS),
    amount: formatMajor(amountMinor, currency),
    currency,
    decline_code: code,
    decline_message: WORDS[code] ?? "",
    payment_token: `tok_${id}`,
    card_last4: "1111",
    note: "",
  };
}

/** What exports really hold: each of these rows is stopped, and says why. */
function spoil(rows: Row[]): void {
  const change = (index: number, cells: Row) => Object.assign(rows[index] as Row, cells);
  change(40, { amount: "19,99" });
  change(90, { amount: "1.23E+03" });
  change(140, { currency: "usd" });
  change(190, { payment_token: "" });
  change(240, { decline_code: "41", decline_message: WORDS["41"] ?? "" });
  change(290, { decline_code: "00", decline_message: "Approved" });
  change(340, { declined_at: "2026-10-01T08:00:00Z" });
  change(390, { note: `customer read out ${TEST_CARD}` });
  change(440, { order_id: "ord-0001", transaction_id: "txn-0001" });
}
