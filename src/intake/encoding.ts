/**
 * Whatever encoding an export has → UTF-8 bytes. Only what can be known for sure is turned: a byte order mark, or the
 * zero bytes that UTF-16 leaves beside every plain letter. Other encodings stay as they are, and their rows are found to be
 * `bad_encoding`.
 */
import { StringDecoder } from "node:string_decoder";
import { Problem } from "../domain/problem.ts";

export interface Encoding {
  readonly name: "UTF-8" | "UTF-16LE" | "UTF-16BE";
  /** Bytes of the byte order mark; 0 without one. */
  readonly markBytes: number;
}

/** A byte that UTF-8 never holds: stands for what was broken in UTF-16, so that its row is found as any other. */
const BROKEN = Buffer.from([0xff]);

function detectEncoding(start: Uint8Array): Encoding {
  const [a, b, c] = start;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { name: "UTF-8", markBytes: 3 };
  if (a === 0xff && b === 0xfe) return { name: "UTF-16LE", markBytes: 2 };
  if (a === 0xfe && b === 0xff) return { name: "UTF-16BE", markBytes: 2 };
  if (a !== undefined && a !== 0 && b === 0) return { name: "UTF-16LE", markBytes: 0 };
  if (a === 0 && b !== undefined && b !== 0) return { name: "UTF-16BE", markBytes: 0 };
  return { name: "UTF-8", markBytes: 0 };
}

const LONGEST_SIGNATURE = 4;

const OTHER_FORMATS: ReadonlyArray<readonly [start: number[], what: string]> = [
  [[0x50, 0x4b, 0x03, 0x04], "an Excel workbook or a zip file"],
  [[0xd0, 0xcf, 0x11, 0xe0], "an old Excel workbook"],
  [[0x1f, 0x8b], "a gzip file"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF file"],
];

/** Problem `export_unreadable` for a file that is plainly something else than text. */
function refuseOtherFormats(start: Uint8Array, path: string): void {
  const found = OTHER_FORMATS.find(([signature]) => signature.every((byte, at) => start[at] === byte));
  if (!found) return;
  throw new Problem("export_unreadable", `${path}: this is ${found[1]}, not a CSV file`, {
    hint: "Nothing of it was sent. Export it as CSV (UTF-8).",
  });
}

export interface Utf8Chunk {
  readonly bytes: Buffer;
  readonly encoding: Encoding;
  /** The last one may be empty. */
  readonly isLast: boolean;
}

/** Without the byte order mark. An empty file gives one empty chunk. Problem `export_unreadable` for other formats. */
export async function* toUtf8(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Utf8Chunk> {
  let start: Buffer = Buffer.alloc(0);
  let encoding: Encoding | undefined;
  let convert = (bytes: Buffer): Buffer => bytes;
  let finish = (): Buffer => Buffer.alloc(0);
  const begin = (): Encoding => {
    refuseOtherFormats(start, path);
    const found = detectEncoding(start);
    if (found.name !== "UTF-8") ({ convert, finish } = convertUtf16(found.name));
    return found;
  };
  for await (const chunk of chunks) {
    if (encoding) {
      yield { bytes: convert(chunk), encoding, isLast: false };
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < LONGEST_SIGNATURE) continue;
    encoding = begin();
    yield { bytes: convert(start.subarray(encoding.markBytes)), encoding, isLast: false };
  }
  if (encoding) {
    yield { bytes: finish(), encoding, isLast: true };
  } else {
    encoding = begin();
    const bytes = convert(start.subarray(encoding.markBytes));
    yield { bytes: Buffer.concat([bytes, finish()]), encoding, isLast: true };
  }
}

function convertUtf16(name: Encoding["name"]): { convert(bytes: Buffer): Buffer; finish(): Buffer } {
  const decoder = new StringDecoder("utf16le");
  let odd: Buffer = Buffer.alloc(0);
  return {
    convert(chunk) {
      const bytes = Buffer.concat([odd, chunk]);
      const pairs = bytes.subarray(0, bytes.length - (bytes.length % 2));
      odd = bytes.subarray(pairs.length);
      return encodeText(decoder.write(name === "UTF-16BE" ? pairs.swap16() : pairs));
    },
    finish: () => Buffer.concat([encodeText(decoder.end()), odd.length > 0 ? BROKEN : Buffer.alloc(0)]),
  };
}

/** A surrogate without its partner becomes a broken byte. */
function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts = text.split(/\p{Surrogate}/u).flatMap((part) => [BROKEN, Buffer.from(part, "utf8")]);
  return Buffer.concat(parts.slice(1));
}
