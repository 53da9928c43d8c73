/**
 * AES-GCM has a nonce of its own for each packet, so ssh2 makes a cipher for each; Node prepares its key every time anew if it is given as
 * bytes, which takes longer than enciphering a small packet. A KeyObject is prepared once.
 */
import { createSecretKey } from "node:crypto";
import type { Client } from "ssh2";

/**
 * To be called after each key exchange, the later ones too. These fields of ssh2's are private: if they go, packets only cost more
 * (test/transport/sftp-requests.test.ts tells).
 */
export function prepareCipherKeys(client: Client): void {
  const { _protocol } = client as { _protocol?: Partial<Record<"_cipher" | "_decipher", Record<string, unknown>>> };
  prepare(_protocol?._cipher, "_encKey");
  prepare(_protocol?._decipher, "_decipherKey");
}

function prepare(cipher: Record<string, unknown> | undefined, field: string): void {
  const key = cipher?.[field];
  if (cipher && Buffer.isBuffer(key)) cipher[field] = createSecretKey(key);
}
