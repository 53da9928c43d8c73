/** One way to spoil a row for each code with which a row can be rejected; each gives exactly one problem. */
import { type Cells, formatInstant } from "./cells.ts";

export interface Fault {
  readonly code: string;
  /** Changes the cells of a good row. */
  readonly spoil?: (cells: Cells, night: Night) => void;
  /** Changes the written row, without its line end. */
  readonly damage?: (line: string, delimiter: string) => string | Buffer;
}

export interface Night {
  readonly nowMs: number;
  /** The last accepted order before this row; undefined on the first. */
  readonly before: string | undefined;
}

const HOUR_MS = 3_600_000;
const dollars = (amount: string) => (cells: Cells) => {
  cells.currency = "USD";
  cells.amount = amount;
};

/** The config of the benchmark allows at most 5,000.00 USD. */
export const FAULTS: readonly Fault[] = [
  { code: "missing", spoil: (cells) => set(cells, { transaction_id: "" }) },
  { code: "malformed", spoil: (cells) => set(cells, { country: "UK" }) },
  { code: "too_long", spoil: (cells) => set(cells, { city: "x".repeat(101) }) },
  { code: "bad_currency", spoil: (cells) => set(cells, { currency: "USX", amount: "19.99" }) },
  { code: "amount_precision", spoil: dollars("19.999") },
  { code: "amount_not_positive", spoil: dollars("0.00") },
  { code: "amount_over_limit", spoil: dollars("9999.00") },
  { code: "not_declined", spoil: (cells) => set(cells, { decline_code: "00", decline_code_source: "visa" }) },
  {
    code: "stale_decline",
    spoil: (cells, { nowMs }) => set(cells, { declined_at: formatInstant(nowMs - 96 * HOUR_MS), expires_at: "" }),
  },
  {
    code: "future_decline",
    spoil: (cells, { nowMs }) => set(cells, { declined_at: formatInstant(nowMs + 2 * HOUR_MS), expires_at: "" }),
  },
  {
    code: "window_too_short",
    spoil: (cells, { nowMs }) => set(cells, { expires_at: formatInstant(nowMs + 120 * HOUR_MS) }),
  },
  // A public test number.
  { code: "card_number", spoil: (cells) => set(cells, { decline_message: "card 4111111111111111 declined" }) },
  { code: "duplicate_in_file", spoil: (cells, { before }) => set(cells, { order_id: before ?? "" }) },
  { code: "column_count", damage: (line, delimiter) => `${line}${delimiter}${delimiter}one too many` },
  // In the order id, where readers that let it pass find a rule broken.
  { code: "bad_quoting", damage: (line) => line.replace("ord-", 'ord"') },
  { code: "bad_encoding", spoil: (cells) => set(cells, { first_name: "Zo?" }), damage: (line) => breakEncoding(line) },
];

function set(cells: Cells, changes: Cells): void {
  Object.assign(cells, changes);
}

/** `ë` as Latin-1 writes it. */
function breakEncoding(line: string): Buffer {
  const [before = "", after = ""] = line.split("Zo?");
  return Buffer.concat([Buffer.from(`${before}Zo`), Buffer.from([0xeb]), Buffer.from(after)]);
}
