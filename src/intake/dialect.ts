/** How an export is written: which delimiter, which line ends. Told from its header line, with quotes respected. */

const DELIMITERS = [",", ";", "\t"] as const;
export type Delimiter = (typeof DELIMITERS)[number];

export interface Dialect {
  readonly delimiter: Delimiter;
  /** `\n` (with or without `\r` in front of it), or a lone `\r` as old Macs wrote it. */
  readonly newline: "\n" | "\r";
  /** Cells of the header line. */
  readonly columns: number;
}

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** Undefined: the header line has not ended within these bytes (`isWhole`: and there are no more). */
export function sniffDialect(bytes: Buffer, isWhole: boolean): Dialect | undefined {
  const start = skipBlankLines(bytes);
  // A stray quote in the header must not hide its end for ever.
  const end = findLineEnd(bytes, start, true) ?? (isWhole ? findLineEnd(bytes, start, false) : undefined);
  if (end === undefined && !isWhole) return undefined;
  const at = end ?? bytes.length;
  // A CR as the last byte may be half of a CRLF.
  if (bytes[at] === CR && at + 1 === bytes.length && !isWhole) return undefined;
  const newline = bytes[at] === CR && bytes[at + 1] !== LF ? "\r" : "\n";
  return { newline, ...findDelimiter(bytes.subarray(start, at)) };
}

function skipBlankLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === LF || bytes[at] === CR) at += 1;
  return at;
}

function findLineEnd(bytes: Buffer, start: number, respectQuotes: boolean): number | undefined {
  let quoted = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) quoted = respectQuotes && !quoted;
    else if (!quoted && (byte === LF || byte === CR)) return at;
  }
  return undefined;
}

/** The one that stands most often outside of quotes; a comma if none does. */
function findDelimiter(line: Buffer): Pick<Dialect, "delimiter" | "columns"> {
  const counts = new Map<number, number>();
  let quoted = false;
  for (const byte of line) {
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  }
  const count = (delimiter: Delimiter): number => counts.get(delimiter.charCodeAt(0)) ?? 0;
  const delimiter = DELIMITERS.reduce((best, other) => (count(other) > count(best) ? other : best));
  return { delimiter, columns: count(delimiter) + 1 };
}
