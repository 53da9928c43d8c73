/**
 * How likely a decline is to be rescued in the end, by its code. The numbers are ours, made to look like a merchant's
 * year; only their order has sources: funds and outages come back, a plain "do not honor" often does, a code by which
 * the issuer says "never" (Visa category 1, lost, stolen, closed, revoked) does not.
 */

interface Chance {
  readonly chance: number;
  readonly because: string;
  readonly codes: string;
}

const NETWORK: readonly Chance[] = [
  { chance: 0.7, because: "a fault of the moment", codes: "19 86 91 96" },
  { chance: 0.45, because: "funds come back with payday", codes: "51" },
  { chance: 0.4, because: "limits are counted anew each day or month", codes: "61 65" },
  { chance: 0.28, because: "the issuer gave no reason", codes: "01 05" },
  { chance: 0.1, because: "the card may be renewed within the window", codes: "54" },
  { chance: 0.05, because: "suspicion seldom fades in three weeks", codes: "59" },
  { chance: 0.02, because: "rarely a mistake", codes: "03 13 14 55 62 75 82 1A N7" },
  { chance: 0, because: "the issuer will never approve it", codes: "04 07 12 15 41 43 46 57 78 93 R0 R1 R3" },
];

const NMI: readonly Chance[] = [
  { chance: 0.6, because: "a fault of the processor", codes: "264 400 420 421 440 441" },
  { chance: 0.45, because: "funds come back with payday", codes: "202" },
  { chance: 0.4, because: "limits are counted anew", codes: "203" },
  { chance: 0.28, because: "the issuer gave no reason", codes: "200 201 240 260 263" },
  { chance: 0.1, because: "the card may be renewed within the window", codes: "204 223 224" },
  { chance: 0.02, because: "rarely a mistake", codes: "220 225 300 410 411 430 460 461" },
  { chance: 0, because: "never", codes: "221 222 250 251 252 253 261 262" },
];

const STRIPE: readonly Chance[] = [
  {
    chance: 0.7,
    because: "a fault of the moment",
    codes: "ISSUER_NOT_AVAILABLE PROCESSING_ERROR TRY_AGAIN_LATER REENTER_TRANSACTION",
  },
  { chance: 0.45, because: "funds come back with payday", codes: "INSUFFICIENT_FUNDS" },
  { chance: 0.4, because: "limits are counted anew", codes: "CARD_VELOCITY_EXCEEDED WITHDRAWAL_COUNT_LIMIT_EXCEEDED" },
  { chance: 0.28, because: "the issuer gave no reason", codes: "DO_NOT_HONOR GENERIC_DECLINE CALL_ISSUER" },
  { chance: 0.1, because: "the card may be renewed within the window", codes: "EXPIRED_CARD" },
  {
    chance: 0,
    because: "never",
    codes:
      "LOST_CARD STOLEN_CARD PICKUP_CARD FRAUDULENT DO_NOT_TRY_AGAIN TRANSACTION_NOT_ALLOWED " +
      "REVOCATION_OF_AUTHORIZATION REVOCATION_OF_ALL_AUTHORIZATIONS STOP_PAYMENT_ORDER",
  },
];

/** A code nobody listed: sent by the merchant all the same, so it is worth something. */
const UNKNOWN_CHANCE = 0.2;

/** What the tables come to for an ordinary night (about half funds, a third "do not honor", some outages). */
export const ORDINARY_SHARE = 0.38;

const network = toMap(NETWORK);
const bySource: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map([
  ["nmi", toMap(NMI)],
  ["stripe", toMap(STRIPE)],
]);

/**
 * The chance, 0 to 1, that a decline is rescued within its window. `shareRescued` moves all chances together, so that
 * about this share of an ordinary night is rescued: 0 is nobody, 1 is everybody but the hopeless.
 */
export function rescueChance(code: string, source: string, shareRescued: number): number {
  const table = bySource.get(source.toLowerCase()) ?? network;
  const chance = table.get(code.toUpperCase()) ?? UNKNOWN_CHANCE;
  if (shareRescued >= 1) return chance > 0 ? 1 : 0;
  // Odds, not chances, are scaled: the result stays between 0 and 1, and likelier codes stay likelier.
  const factor = shareRescued / (1 - shareRescued) / (ORDINARY_SHARE / (1 - ORDINARY_SHARE));
  const odds = (chance / (1 - chance)) * factor;
  return odds / (1 + odds);
}

function toMap(chances: readonly Chance[]): ReadonlyMap<string, number> {
  return new Map(chances.flatMap(({ chance, codes }) => codes.split(" ").map((code) => [code, chance] as const)));
}
