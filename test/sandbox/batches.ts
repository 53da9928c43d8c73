/** Batch files written by hand: the header as typed from the agreement, never from the profile or our encoder. */

export const HEADER =
  "sequenceNumber,mid,isDeclined,isMIT,isRecurring,orderId,expiryDateUtc,transaction.id,transaction.timestampUtc," +
  "transaction.amount,transaction.currency,transaction.responseCode,transaction.responseCodeSource," +
  "transaction.responseDescription,paymentMethod.Token,paymentMethod.cardNumber,paymentMethod.cardBinNumber," +
  "paymentMethod.cardLast4Digits,paymentMethod.cardBrand,paymentMethod.expirationMonth,paymentMethod.expirationYear," +
  "payer.id,payer.email,billingInformation.firstName,billingInformation.lastName,billingInformation.addressLine1," +
  "billingInformation.city,billingInformation.state,billingInformation.zipCode,billingInformation.countryCode," +
  "subscription.id,senseKey,siteId,customerIp";

const NAMES = HEADER.split(",");

/** One good row; cells that differ are given by their header. */
export function row(
  sequence: number,
  cells: Readonly<Record<string, string>> & { readonly orderId?: string } = {},
): string {
  const good: Record<string, string> = {
    sequenceNumber: String(sequence),
    mid: "M1",
    isDeclined: "true",
    isMIT: "true",
    isRecurring: "true",
    orderId: `order-${sequence}`,
    expiryDateUtc: "2026-03-30T22:10:00Z",
    "transaction.id": `tx-${cells.orderId ?? sequence}`,
    "transaction.timestampUtc": "2026-03-09T22:10:00Z",
    "transaction.amount": "1999",
    "transaction.currency": "USD",
    "transaction.responseCode": "51",
    "transaction.responseCodeSource": "iso8583",
    "transaction.responseDescription": '"Insufficient funds, try later"',
    "paymentMethod.Token": "true",
    "paymentMethod.cardNumber": "tok_5f2a",
    "payer.id": "c-1",
    "subscription.id": "s-1",
  };
  const unknown = Object.keys(cells).filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`no column ${unknown.join(", ")}`);
  return NAMES.map((name) => cells[name] ?? good[name] ?? "").join(",");
}

export function batch(...rows: readonly string[]): string {
  return `${[HEADER, ...rows].join("\n")}\n`;
}

export function batchName(number: number, mid = "M1"): string {
  return `evaluate_${mid}_20260310060000_${String(number).padStart(4, "0")}.csv`;
}
