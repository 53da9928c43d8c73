/**
 * What no program can beat here: read the file, hash what came in and what goes out, write it. `node limit.ts IN [OUT]`;
 * without OUT the bytes go nowhere.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";

const [input = "", output] = process.argv.slice(2);
const [hashIn, hashOut] = [createHash("sha256"), createHash("sha256")];
const from = openSync(input, "r");
const to = output === undefined ? undefined : openSync(output, "w");
const buffer = Buffer.allocUnsafe(1 << 20);
for (let length = readSync(from, buffer); length > 0; length = readSync(from, buffer)) {
  const chunk = buffer.subarray(0, length);
  hashIn.update(chunk);
  hashOut.update(chunk);
  if (to !== undefined) writeSync(to, chunk);
}
closeSync(from);
if (to !== undefined) {
  fsyncSync(to);
  closeSync(to);
}
console.log(JSON.stringify({ sha256: hashIn.digest("hex"), written: hashOut.digest("hex") }));
