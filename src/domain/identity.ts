/** Has this rebill been sent before? The rule that keeps every rebill sent exactly once. */
import type { Bucket } from "./bucket.ts";
import type { Instant } from "./instant.ts";
import type { RebillIdentity } from "./rebill.ts";
import type { SkipCode } from "./row-verdict.ts";

/** An earlier sending that shares the order id or the transaction id. */
export interface EarlierSending extends RebillIdentity {
  readonly attemptNumber: number;
  readonly bucket: Bucket;
  readonly expiresAt: Instant;
}

export type IdentityVerdict<Sending extends EarlierSending> =
  | { readonly verdict: "new" }
  | {
      readonly verdict: "skip";
      readonly code: SkipCode;
      readonly earlier: Sending;
      /** The same order was declined again inside a running window: the merchant retried what is on hold. */
      readonly retriedWhileHeld: boolean;
    };

/**
 * The same transaction is never sent twice, under whatever order id. The same order may be sent again with a new
 * transaction once the earlier sending ended without money. A released sending (its batch was proven not delivered)
 * does not count.
 */
export function judgeIdentity<Sending extends EarlierSending>(
  identity: RebillIdentity,
  earlier: readonly Sending[],
  now: Instant,
): IdentityVerdict<Sending> {
  const counting = earlier.filter((sending) => sending.bucket !== "released");
  const sameTransaction = counting.filter((sending) => sending.transactionId === identity.transactionId);
  const sameOrder = counting.filter((sending) => sending.orderId === identity.orderId);
  const blocking = heaviest(sameTransaction) ?? heaviest(sameOrder.filter(blocksOrder));
  if (!blocking) return { verdict: "new" };
  const code = skipCodeFor(blocking.bucket);
  const retriedWhileHeld =
    code === "already_pending" &&
    blocking.orderId === identity.orderId &&
    blocking.transactionId !== identity.transactionId &&
    blocking.expiresAt > now;
  return { verdict: "skip", code, earlier: blocking, retriedWhileHeld };
}

function blocksOrder(sending: EarlierSending): boolean {
  return skipCodeFor(sending.bucket) !== "already_closed";
}

function skipCodeFor(bucket: Bucket): SkipCode {
  if (bucket === "rescued") return "already_rescued";
  return bucket === "unrescued" || bucket === "cancelled" ? "already_closed" : "already_pending";
}

const WEIGHT: Record<string, number> = { already_rescued: 2, already_pending: 1 };

/** Where several block, money already collected is the strongest word, then what is still running. */
function heaviest<Sending extends EarlierSending>(sendings: readonly Sending[]): Sending | undefined {
  const weight = (sending: Sending) => WEIGHT[skipCodeFor(sending.bucket)] ?? 0;
  return sendings.reduce<Sending | undefined>(
    (best, sending) => (best === undefined || weight(sending) >= weight(best) ? sending : best),
    undefined,
  );
}
