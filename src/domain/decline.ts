/**
 * Decline codes: which say that a card must not be tried again, and which say that nothing was declined at all.
 * A code means nothing without its source. Unknown codes are sent: the provider knows more of them than we do.
 */

interface NeverRetryRule {
  /** Whose codes, in lower case; `advice` is the Mastercard merchant advice code, whatever the row's source. */
  readonly source: string;
  readonly codes: readonly string[];
  readonly reason: string;
  readonly published: string;
  /** When we read it there. */
  readonly asOf: string;
}

/** Kept small on purpose: what sources contradict each other about (03, 14, 59, 62) is sent. */
export const NEVER_RETRY: readonly NeverRetryRule[] = [
  {
    source: "visa",
    codes: ["04", "07", "12", "15", "41", "43", "46", "57", "R0", "R1", "R3"],
    reason: "Visa category 1: the issuer will never approve it, and a retry costs a fee",
    published: "https://developers.getevolved.com/enterprise/docs/visas-processing-integrity-fee-program",
    asOf: "2026-11",
  },
  {
    source: "iso8583",
    // Without 12 and 57: outside Visa these also stand for passing faults.
    codes: ["04", "07", "15", "41", "43", "46", "R0", "R1", "R3"],
    reason: "the card is lost, stolen, closed or withdrawn, or its holder has revoked the permission",
    published: "https://developers.tabapay.com/reference/iso-network-codes",
    asOf: "2026-11",
  },
  {
    source: "advice",
    codes: ["03", "21"],
    reason: "Mastercard advice: do not try again, and a retry costs a fee",
    published: "https://docs.solidgate.com/payments/card-payments/card-payments-insights/merchant-advice-codes",
    asOf: "2026-11",
  },
  {
    source: "nmi",
    codes: ["250", "251", "252", "261", "262"],
    reason: "the card is lost, stolen or to be picked up, or its holder has stopped this subscription",
    published: "https://unipaygateway.info/codes/banks/28",
    asOf: "2026-11",
  },
  {
    source: "stripe",
    codes: [
      "LOST_CARD",
      "STOLEN_CARD",
      "PICKUP_CARD",
      "STOP_PAYMENT_ORDER",
      "REVOCATION_OF_AUTHORIZATION",
      "REVOCATION_OF_ALL_AUTHORIZATIONS",
    ],
    reason: "the card is lost, stolen or to be picked up, or its holder has revoked the permission",
    published: "https://docs.stripe.com/declines/codes",
    asOf: "2026-11",
  },
];

/** Sources whose codes have the two characters of ISO 8583. */
const TWO_CHARACTER_SOURCES = ["iso8583", "visa", "mastercard"];

/** `""` is a source nobody named. 08, 10, 11: approved with identification, in part, as VIP; 85: no reason to decline. */
const APPROVED: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...TWO_CHARACTER_SOURCES.map((source) => [source, ["0", "00", "000", "08", "10", "11", "85"]] as const),
  ["", ["00", "000"]],
  ["nmi", ["100"]],
  ["braintree", ["1000", "1001", "1002"]],
  ["flexpay", ["10000"]],
]);

/** Whoever writes one of these words means it. */
const APPROVED_WORDS = ["APPROVED", "APPROVAL", "AUTHORISED", "AUTHORIZED", "CAPTURED", "PAID", "SUCCEEDED", "SUCCESS"];

export interface DeclineWords {
  readonly declineCode: string;
  readonly declineCodeSource?: string | undefined;
  readonly adviceCode?: string | undefined;
}

/** Why it must not be tried again, in words that hold no cell value; undefined if it may. Letter case does not matter. */
export function findNeverRetryReason(decline: DeclineWords): string | undefined {
  const matches = (source: string | undefined, code: string | undefined): string | undefined =>
    NEVER_RETRY.find((rule) => rule.source === source?.toLowerCase() && rule.codes.includes(code?.toUpperCase() ?? ""))
      ?.reason;
  return matches(decline.declineCodeSource, decline.declineCode) ?? matches("advice", decline.adviceCode);
}

/** An approved payment has no place in a file of declines. Letter case does not matter. */
export function isApproved(declineCode: string, declineCodeSource = ""): boolean {
  const code = declineCode.toUpperCase();
  return APPROVED_WORDS.includes(code) || (APPROVED.get(declineCodeSource.toLowerCase())?.includes(code) ?? false);
}

/** A lone digit where every code has two: a spreadsheet has dropped the zero in front, and `4` may be `04`. */
export function hasLostLeadingZero(declineCode: string, declineCodeSource = ""): boolean {
  return /^[1-9]$/.test(declineCode) && TWO_CHARACTER_SOURCES.includes(declineCodeSource.toLowerCase());
}
