/**
 * Makes the merchant's key pair for `init`: ed25519 in OpenSSH's own form. Written here from Node's crypto, because
 * ssh2 1.17's generator writes about one key in 400 that no one can read again.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { lstat, writeFile } from "node:fs/promises";
import { Problem } from "../domain/problem.ts";
import { errnoOf } from "./local-file.ts";

const TYPE = "ssh-ed25519";
/** The private section is padded to the cipher's block; "none" counts as 8. */
const BLOCK = 8;

/**
 * Writes `path` (mode 0600) and `path.pub`, and resolves with the public line. Never overwrites: Problem `key_unusable` if
 * either is there. The key has no passphrase, because cron has nobody to ask for one.
 */
export async function generateKeyPair(path: string, comment: string): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const seed = Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url");
  const point = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const publicBlob = Buffer.concat([sshString(TYPE), sshString(point)]);
  const publicLine = `${TYPE} ${publicBlob.toString("base64")} ${comment}`;
  for (const taken of [path, `${path}.pub`]) await refuseToOverwrite(taken);
  await writeNew(path, encodePrivateKey(publicBlob, seed, point, comment), 0o600);
  await writeNew(`${path}.pub`, `${publicLine}\n`, 0o644);
  return publicLine;
}

/** The format is described in OpenSSH's PROTOCOL.key. */
function encodePrivateKey(publicBlob: Buffer, seed: Buffer, point: Buffer, comment: string): string {
  // The same number twice: how a reader knows that it decrypted rightly.
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, publicBlob, sshString(Buffer.concat([seed, point])), sshString(comment)]);
  const padding = Buffer.from(
    Array.from({ length: (BLOCK - (secret.length % BLOCK)) % BLOCK }, (_, index) => index + 1),
  );
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0", "latin1"),
    sshString("none"),
    sshString("none"),
    sshString(""),
    Buffer.from([0, 0, 0, 1]),
    sshString(publicBlob),
    sshString(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString("base64").replace(/.{70}/g, "$&\n").trimEnd();
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

async function refuseToOverwrite(path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new Problem("key_unusable", `${path} exists and was not touched`, { hint: "Use it, or move it away first." });
}

/** Exclusive all the same: between the look and the write somebody may have made it. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: "wx", flush: true });
  } catch (cause) {
    throw new Problem("key_unusable", `cannot write the key ${path} (${errnoOf(cause)})`, {
      hint: "Check that the folder exists and that you may write there.",
      cause,
    });
  }
}
