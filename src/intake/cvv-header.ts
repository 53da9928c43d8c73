/** Is a column a card verification code's? Such a column stops its file: the codes may not be kept after a payment. */

/**
 * Letters and digits only, lower case. The names of the promise (cvv, cvc, cvv2, cvc2, cid, csc, security_code, card_code,
 * verification_value), alone or with the words that exports put around them (card_cvv, CVV Code, cc_csc). The short ones
 * that also mean other things (cid: a campaign or a customer) only with a card in front. Results of the check
 * (cvv_result, cvv_response, cvv_status) are another thing, and fall through.
 */
const CVV_HEADER = new RegExp(
  [
    "^(?:(?:credit|debit|payment)?(?:card|cc)?)(?:cvv2?|cvc2?|csc|securitycode|verificationvalue)(?:code|number|no|value)?$",
    "^(?:(?:credit|debit)?card|cc)?cid$",
    "^(?:credit|debit)?cardcode$",
  ].join("|"),
);

export function isCvvHeader(header: string): boolean {
  return CVV_HEADER.test(header.toLowerCase().replace(/[^a-z0-9]/g, ""));
}
