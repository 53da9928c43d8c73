/** What is to be said of a decline code: asked of the domain once for each combination, and a night has few of them. */
import { findNeverRetryReason, hasLostLeadingZero, isApproved } from "../../domain/decline.ts";

export type DeclineVerdict = "send" | "never_retry" | "look_closer";

/** Text of somebody else's choosing must not fill the memory. */
const MOST_REMEMBERED = 4096;
const SEPARATOR = 0x1f;
/** Three cells as long as the column table lets them be, and the default source of the config. */
const LONGEST_KEY = 1024;

interface Entry {
  readonly key: Uint8Array;
  readonly verdict: DeclineVerdict;
}

export class DeclineVerdicts {
  readonly #skipsNeverRetry: boolean;
  readonly #entries = new Map<number, Entry>();
  readonly #key = Buffer.alloc(LONGEST_KEY);
  #length = 0;
  #hash = 0;

  constructor(neverRetry: "skip" | "send") {
    this.#skipsNeverRetry = neverRetry === "skip";
  }

  begin(): void {
    this.#length = 0;
    this.#hash = 17;
  }

  /** Code, source and advice code, in this order. */
  add(bytes: Buffer, start: number, end: number): void {
    const key = this.#key;
    let length = this.#length;
    let hash = this.#hash;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      key[length++] = byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    key[length++] = SEPARATOR;
    this.#length = length;
    this.#hash = Math.imul(hash ^ SEPARATOR, 0x01000193);
  }

  judge(): DeclineVerdict {
    // A small integer: a larger one would be a new object for each row.
    const hash = this.#hash >>> 2;
    const known = this.#entries.get(hash);
    if (known !== undefined && this.#isKey(known.key)) return known.verdict;
    const verdict = this.#ask();
    if (known === undefined && this.#entries.size < MOST_REMEMBERED) {
      this.#entries.set(hash, { key: Uint8Array.from(this.#key.subarray(0, this.#length)), verdict });
    }
    return verdict;
  }

  #isKey(key: Uint8Array): boolean {
    if (key.length !== this.#length) return false;
    for (let at = 0; at < key.length; at++) if (key[at] !== this.#key[at]) return false;
    return true;
  }

  #ask(): DeclineVerdict {
    const text = this.#key.toString("latin1", 0, this.#length);
    const [declineCode = "", source, advice] = text.split(String.fromCharCode(SEPARATOR));
    const declineCodeSource = source === "" ? undefined : source;
    if (isApproved(declineCode, declineCodeSource) || hasLostLeadingZero(declineCode, declineCodeSource)) {
      return "look_closer";
    }
    const reason = findNeverRetryReason({ declineCode, declineCodeSource, adviceCode: advice });
    return reason !== undefined && this.#skipsNeverRetry ? "never_retry" : "send";
  }
}
