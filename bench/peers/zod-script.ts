/**
 * The script that people write: csv-parse with named columns, a zod schema that coerces and transforms, csv-stringify.
 * `node zod-script.ts data.json FOLDER` writes accepted.csv and rejected.csv. It knows the rules that rescue knows.
 */
import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";
import { stringify } from "csv-stringify";
import { z } from "zod";
import type { Data } from "../make-data.ts";
import { COUNTRIES, CURRENCY_DECIMALS } from "./iso.ts";

const [describedIn = "", folder = ""] = process.argv.slice(2);
const data: Data = JSON.parse(readFileSync(describedIn, "utf8"));
const now = Date.parse(data.asOf);
const DAY_MS = 86_400_000;
const MAX_USD = 5_000;

const CARD_NUMBER =
  /(?<![0-9A-Za-z_.])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{5})(?![0-9A-Za-z_.])/g;
const APPROVED: Readonly<Record<string, readonly string[]>> = {
  visa: ["0", "00", "000", "08", "10", "11", "85"],
  mastercard: ["0", "00", "000", "08", "10", "11", "85"],
  iso8583: ["0", "00", "000", "08", "10", "11", "85"],
  nmi: ["100"],
};

const id = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[!-~](?:[ -~]*[!-~])?$/);
const text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\t\n\r\P{Cc}]*$/u)
    // What is left of bytes that are not UTF-8.
    .refine((cell) => !cell.includes("\ufffd"));
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((cell) => (cell === "" ? undefined : cell), schema.optional());
const instant = z.iso.datetime({ offset: true }).transform((cell) => new Date(cell));

const Row = z
  .object({
    order_id: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[A-Za-z0-9._:-]+$/),
    transaction_id: id(64),
    subscription_id: id(64),
    customer_id: id(64),
    declined_at: instant,
    amount: z
      .string()
      .max(20)
      .regex(/^\d+(?:\.\d+)?$/),
    currency: z.string().refine((code) => CURRENCY_DECIMALS.has(code)),
    decline_code: id(32),
    decline_code_source: optional(id(32)),
    decline_message: optional(text(256)),
    advice_code: optional(id(2)),
    payment_token: id(128),
    card_bin: optional(z.string().regex(/^\d{6,8}$/)),
    card_last4: optional(z.string().regex(/^\d{4}$/)),
    card_brand: optional(text(32)),
    card_exp_month: optional(z.coerce.number().int().min(1).max(12)),
    card_exp_year: optional(z.coerce.number().int().min(1000).max(9999)),
    customer_email: optional(text(254)),
    first_name: optional(text(100)),
    last_name: optional(text(100)),
    address1: optional(text(200)),
    city: optional(text(100)),
    state: optional(text(100)),
    postal_code: optional(text(20)),
    country: optional(z.enum(COUNTRIES)),
    expires_at: optional(instant),
    attempt: optional(z.coerce.number().int().min(1)),
    sense_key: optional(text(128)),
    site_id: optional(text(64)),
    customer_ip: optional(text(45)),
  })
  .superRefine((row, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    const decimals = row.amount.split(".")[1]?.length ?? 0;
    if (decimals > (CURRENCY_DECIMALS.get(row.currency) ?? 2)) fault("amount", "too many decimals");
    if (Number(row.amount) <= 0) fault("amount", "not positive");
    if (row.currency === "USD" && Number(row.amount) > MAX_USD) fault("amount", "over the limit");
    if (APPROVED[row.decline_code_source ?? ""]?.includes(row.decline_code)) fault("decline_code", "approved");
    const declined = row.declined_at.getTime();
    if (Math.floor(now / DAY_MS) - Math.floor(declined / DAY_MS) > 1) fault("declined_at", "stale");
    if (declined > now + 300_000) fault("declined_at", "in the future");
    const expires = row.expires_at?.getTime() ?? declined + 21 * DAY_MS;
    if (expires <= now || expires - declined < 14 * DAY_MS) fault("expires_at", "window too short");
    if ((row.card_exp_month === undefined) !== (row.card_exp_year === undefined))
      fault("card_exp_year", "half an expiry");
  });

const counts = { accepted: 0, rejected: 0 };
const seen = { orders: new Set<string>(), transactions: new Set<string>() };
const ourName = new Map(data.shape.columns.map(({ name, header }) => [header, name ?? header]));
const rejects = createWriteStream(join(folder, "rejected.csv"));

function reject(reason: string): void {
  counts.rejected += 1;
  rejects.write(`${reason}\n`);
}

function holdsCardNumber(cells: Record<string, string>): boolean {
  return Object.values(cells).some((cell) => [...cell.matchAll(CARD_NUMBER)].some(([found]) => passesLuhn(found)));
}

function passesLuhn(found: string): boolean {
  const digits = [...found.replaceAll(/\D/g, "")].map(Number).reverse();
  const sum = digits.reduce(
    (total, digit, at) => total + (at % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2),
    0,
  );
  return sum % 10 === 0;
}

const check = new Transform({
  objectMode: true,
  transform(cells: Record<string, string>, _encoding, done) {
    if (holdsCardNumber(cells)) {
      reject("card_number");
      return done();
    }
    const result = Row.safeParse(cells);
    if (!result.success) {
      reject(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
      return done();
    }
    const row = result.data;
    if (seen.orders.has(row.order_id) || seen.transactions.has(row.transaction_id)) {
      reject("duplicate");
      return done();
    }
    seen.orders.add(row.order_id);
    seen.transactions.add(row.transaction_id);
    counts.accepted += 1;
    done(null, { ...row, declined_at: row.declined_at.toISOString(), expires_at: row.expires_at?.toISOString() });
  },
});

await pipeline(
  createReadStream(data.exportPath),
  parse({
    delimiter: data.shape.delimiter,
    columns: (header: string[]) => header.map((cell) => ourName.get(cell) ?? cell),
    skip_records_with_error: true,
    on_skip: (error) => {
      reject(error?.code ?? "unreadable");
      return undefined;
    },
  }),
  check,
  stringify({ header: true }),
  createWriteStream(join(folder, "accepted.csv")),
);
rejects.end();
console.log(JSON.stringify(counts));
