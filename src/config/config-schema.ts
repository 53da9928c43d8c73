/**
 * The keys of `rescue.yaml`, strictly: names, forms and defaults. What needs the file's folder, the environment or two
 * merchants at once is left to the next step (to-config.ts). No issue repeats a value.
 */
import { z } from "zod";
import { COLUMNS } from "../domain/columns.ts";
import { currencyExponent } from "../domain/currency.ts";
import { DAY_MS, parseDuration } from "../domain/instant.ts";
import { parseAmount } from "../domain/money.ts";
import { knownKeys } from "../domain/strict-document.ts";

/** Flex's own page; a profile may ask for more, never a merchant for less. */
export const MINIMUM_WINDOW_MS = 14 * DAY_MS;

const ID = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const ID_WORDS = "1 to 64 of A-Z a-z 0-9 . _ -, not beginning with . or -";

function section<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, knownKeys(shape));
}

const text = z.string().min(1);

/** A number, or the digits that `${ENV}` was expanded to. */
function integer(least: number, most: number) {
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.int().min(least).max(most),
  );
}

function duration(leastMs: number, words: string) {
  return z.string().transform((value, context) => {
    const durationMs = parseDuration(value);
    if (durationMs !== undefined && durationMs >= leastMs) return durationMs;
    context.addIssue(durationMs === undefined ? `must be a duration such as ${words}` : `must be at least ${words}`);
    return z.NEVER;
  });
}

/** Calendar days, as `1d`. */
const days = z
  .string()
  .regex(/^\d{1,5}d$/, { error: "must be whole days such as 1d" })
  .transform((value) => Number(value.slice(0, -1)));

/** `SHA256:` and the 43 digits of base64 that `ssh-keygen -l` prints, the key type in front if wanted. */
const pinError = {
  error:
    "must be a fingerprint as ssh-keygen -l prints it (SHA256: and 43 characters, the key type in front), or a list",
};
const pin = z.string().regex(/^(?:(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ )?SHA256:[A-Za-z0-9+/]{43}$/, pinError);
const pins = z.union([pin.transform((one) => [one]), z.array(pin).min(1)], pinError);

/** Absolute, or relative to the login folder; compared and joined as it is, so it must be plain. */
const remoteFolder = z
  .string()
  .regex(/^\/?[^/\\\p{Cc}]+(?:\/[^/\\\p{Cc}]+)*\/?$/u, { error: "must be a folder on the server such as /inbound" })
  .refine((folder) => !folder.split("/").includes(".."), { error: "must not hold .." })
  .transform((folder) => folder.replace(/\/$/, ""));

const sftp = section({
  host: text.regex(/^[A-Za-z0-9.:_-]+$/, { error: "must be a host name or an address" }),
  port: integer(1, 65_535).default(22),
  username: text,
  private_key: text.optional(),
  // Empty where the variable it comes from is: the key is not encrypted.
  passphrase: z.string().optional(),
  agent: z.literal(true).optional(),
  password: text.optional(),
  host_key: pins.optional(),
  known_hosts: text.optional(),
  inbound: remoteFolder,
  outbound: remoteFolder,
  connect_timeout: duration(1_000, "1s").default(20_000),
  idle_timeout: duration(1_000, "1s").default(60_000),
  concurrency: integer(1, 256).default(64),
})
  .refine((given) => count(given, "private_key", "agent", "password") === 1, {
    error: "must have exactly one of private_key, agent: true and password",
    when: isSection,
  })
  .refine((given) => count(given, "host_key", "known_hosts") === 1, {
    error: "must have exactly one of host_key and known_hosts: a server that is not verified is not connected to",
    when: isSection,
  })
  .refine((given) => !given.passphrase || count(given, "private_key") === 1, {
    error: "passphrase goes with private_key",
    when: isSection,
  })
  .refine(({ inbound, outbound }) => inbound !== outbound, {
    error: "inbound and outbound must be two folders: our own batches would be taken for results",
  });

const maxAmount = z.record(z.string(), z.string()).transform((given, context) => {
  const entries = Object.entries(given).map(([currency, amount]): [string, number] => {
    if (currencyExponent(currency) === undefined) {
      context.addIssue({ code: "custom", message: "is not an active ISO 4217 currency", path: [currency] });
      return [currency, 0];
    }
    const parsed = parseAmount(amount, currency, "major");
    if ("amountMinor" in parsed) return [currency, parsed.amountMinor];
    const message = 'must be a positive amount in major units, in quotes, such as "5000.00"';
    context.addIssue({ code: "custom", message, path: [currency] });
    return [currency, 0];
  });
  return Object.fromEntries(entries);
});

const policy = section({
  max_age: days.default(1),
  rescue_window: duration(MINIMUM_WINDOW_MS, "14d: the provider takes no shorter window").default(21 * DAY_MS),
  max_reject_ratio: z.number().min(0).max(1).default(0.2),
  max_amount: maxAmount.default({}),
  never_retry: z.enum(["skip", "send"]).default("skip"),
  not_card_numbers: z.array(text).default([]),
});

/** Hours and minutes, in UTC with a Z, else in the merchant's zone. */
const timeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\dZ?$/, { error: 'must be a time of day in quotes, such as "06:00" or "15:00Z"' });

const columns = section(
  Object.fromEntries(COLUMNS.map(({ name }) => [name, text.optional()])) as Record<
    (typeof COLUMNS)[number]["name"],
    z.ZodOptional<typeof text>
  >,
);

const merchant = section({
  provider: text,
  // It stands in the names of batch files.
  mid: z.string().regex(ID, { error: `must be ${ID_WORDS}` }),
  timezone: z.string().refine(isTimeZone, { error: "must be an IANA time zone such as America/New_York" }),
  inbox: text,
  sftp,
  columns: columns.default({}),
  amount_unit: z.enum(["major", "minor"]).default("major"),
  decline_code_source: z
    .string()
    .regex(/^[!-~]{1,32}$/, { error: "must be 1 to 32 characters of printable ASCII" })
    .optional(),
  results_due: z.array(timeOfDay).default([]),
  expect_run_by: timeOfDay.optional(),
  policy: policy.prefault({}),
});

const url = z.url({ protocol: /^https?$/, error: "must be an http or https address" });

export const configSchema = section({
  version: z.literal(1),
  data_dir: text.default("./rescue-data"),
  ledger: z.literal("sqlite").default("sqlite"),
  // A merchant's id is a folder of its data.
  merchants: z
    .record(z.string().regex(ID, { error: `a merchant's id must be ${ID_WORDS}` }), merchant)
    .refine((merchants) => Object.keys(merchants).length > 0, { error: "must have at least one merchant" }),
  notify: section({
    heartbeat_url: z.union([z.literal(""), url], { error: "must be an http or https address, or empty" }).default(""),
    on_problem: z.string().default(""),
    textfile: z.string().default(""),
  }).prefault({}),
  retention: days.refine((given) => given > 0, { error: "must be at least 1d" }).default(400),
});

export type RawConfig = z.output<typeof configSchema>;
export type RawMerchant = z.output<typeof merchant>;

function count(given: unknown, ...keys: string[]): number {
  return keys.filter((key) => (given as Record<string, unknown>)[key] !== undefined).length;
}

/** Rules between keys are checked even where one of the keys has an issue of its own, so that all come at once. */
function isSection({ value }: { value: unknown }): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTimeZone(zone: string): boolean {
  // Offsets such as +02:00 are taken by Intl too, but know no summer.
  if (!/^[A-Za-z]/.test(zone)) return false;
  // A format knows older names as well, but making the first one takes ten times as long.
  if (zone === "UTC" || Intl.supportedValuesOf("timeZone").includes(zone)) return true;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
