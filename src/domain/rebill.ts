/** One declined rebill, as accepted from an export, and what identifies it. */
import type { Instant } from "./instant.ts";

/** Property names and order follow COLUMNS; optional ones are absent when the export left them empty. */
export interface Rebill {
  readonly orderId: string;
  readonly transactionId: string;
  readonly subscriptionId: string;
  readonly customerId: string;
  readonly declinedAt: Instant;
  readonly amountMinor: number;
  readonly currency: string;
  readonly declineCode: string;
  readonly declineCodeSource?: string;
  readonly declineMessage?: string;
  readonly adviceCode?: string;
  readonly paymentToken: string;
  readonly cardBin?: string;
  readonly cardLast4?: string;
  readonly cardBrand?: string;
  /** As the export writes it: `4` and `04` are both right. */
  readonly cardExpMonth?: string;
  readonly cardExpYear?: string;
  readonly customerEmail?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly address1?: string;
  readonly city?: string;
  readonly state?: string;
  readonly postalCode?: string;
  readonly country?: string;
  /** Always there once accepted: the export's own, or `declinedAt` + the policy's window. */
  readonly expiresAt: Instant;
  readonly attempt: number;
  readonly senseKey?: string;
  readonly siteId?: string;
  readonly customerIp?: string;
}

/** Where a row stood in its export: `row` 1 is the first data row, `line` the physical line its record starts on. */
export interface RowPlace {
  readonly row: number;
  readonly line: number;
}

export interface AcceptedRow extends RowPlace {
  readonly rebill: Rebill;
}

/** The same transaction under a new order id is the same money, so either of the two identifies a rebill. */
export interface RebillIdentity {
  readonly orderId: string;
  readonly transactionId: string;
}
