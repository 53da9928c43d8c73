/**
 * Chance that repeats: each question about each order has its own draw, fixed by the seed alone. No generator is
 * advanced, so neither the order of rows, files or steps nor a question added later changes what befalls an order.
 */
import { createHash } from "node:crypto";

/** Uniform in [0, 1), with 48 bits. */
export function draw(seed: string, key: string, question: string): number {
  return digest(seed, key, question).readUIntBE(0, 6) / 2 ** 48;
}

/** An id in the form of a UUID, as providers hand them out. */
export function drawUuid(seed: string, key: string, question: string): string {
  const hex = digest(seed, key, question).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function digest(...parts: readonly string[]): Buffer {
  return createHash("sha256").update(JSON.stringify(parts)).digest();
}
