/** Writes a provider's result file (profile `flex`) for one night's accepted rebills, in no order. */
import { formatInstant } from "./cells.ts";
import { Dice } from "./dice.ts";
import { identityOf, type NightOfData } from "./export.ts";
import { FileWriter } from "./files.ts";

const HOUR_MS = 3_600_000;
/** Status word, response code, message. */
const WORDS = [
  ["APPROVED", "00", "approved"],
  ["APPROVED", "00", "approved, second try"],
  ["COMPLETED", "00", "approved"],
  ["DECLINED", "51", "insufficient funds"],
  ["DECLINED", "05", "do not honor"],
  ["DECLINED", "54", 'issuer said "expired"'],
  ["EXPIRED", "", "window over – abgelaufen"],
  ["CANCELLED", "", "cancelled by merchant"],
] as const;

/** One outcome for each accepted rebill; and, as providers do, some told twice: as many as rows were rejected. */
export async function writeResults(path: string, night: NightOfData): Promise<void> {
  const file = new FileWriter(path);
  file.write("orderId,orderSessionKey,status,amount,currency,processedAtUtc,responseCode,message\n");
  for (const row of shuffledRows(night)) {
    const full = file.write(`${formatResult(night, row)}\n`);
    if (full) await full;
  }
  await file.end();
}

export function outcomeOf(night: NightOfData, row: number) {
  const identity = identityOf(night, row);
  const dice = new Dice(night.seed * 1_000 + night.night + 500, row);
  const [status, responseCode, message] = dice.pick(WORDS);
  const processedAtMs = night.nowMs + dice.below(40 * HOUR_MS);
  return { ...identity, status, responseCode, message, processedAtMs, sessionKey: `sk-${dice.hex(2)}` };
}

export function shuffledRows(night: NightOfData): Uint32Array {
  const order = new Uint32Array(night.rows);
  let accepted = 0;
  for (let row = 0; row < night.rows; row++) if (!identityOf(night, row).isBad) order[accepted++] = row;
  for (let at = accepted; at < night.rows; at++) order[at] = order[at - accepted] ?? 0;
  const dice = new Dice(night.seed, 0);
  for (let at = night.rows - 1; at > 0; at--) {
    const other = dice.below(at + 1);
    const row = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = row;
  }
  return order;
}

function formatResult(night: NightOfData, row: number): string {
  const { orderId, sessionKey, status, amountMinor, currency, processedAtMs, responseCode, message } = outcomeOf(
    night,
    row,
  );
  const words = /[",]/.test(message) ? `"${message.replaceAll('"', '""')}"` : message;
  return `${orderId},${sessionKey},${status},${amountMinor},${currency},${formatInstant(processedAtMs)},${responseCode},${words}`;
}
