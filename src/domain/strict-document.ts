/**
 * Documents that people write (config, profiles) are read strictly: a misspelt key is an error that names the nearest one,
 * never a default in silence, and every issue is reported at once with its path and line. Values are never repeated in an
 * issue: one of them may be a password. Knows neither YAML nor the schema library, only the shapes of what they hand over.
 */
import { findNearest } from "./nearest.ts";
import { Problem, type ProblemCode } from "./problem.ts";

export interface Issue {
  /** `merchants.acme.sftp.host`; empty: the document as a whole. */
  readonly path: string;
  /** 1 is the first line; 0: unknown. */
  readonly line: number;
  readonly message: string;
}

export type DocumentPath = readonly PropertyKey[];

/** What zod hands to an error map. */
interface RawIssue {
  readonly code?: string | undefined;
  readonly input?: unknown;
  readonly expected?: unknown;
  readonly values?: readonly unknown[];
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly origin?: string;
  readonly issues?: readonly { readonly message: string }[];
  readonly keys?: readonly string[];
}

/** What zod reports. */
interface FoundIssue {
  readonly code?: string | undefined;
  readonly path: DocumentPath;
  readonly message: string;
  readonly keys?: readonly string[];
}

/** Second argument of a strict object: an unknown key is answered with the nearest known one. */
export function knownKeys(shape: object): { error: (issue: RawIssue) => string | undefined } {
  const known = Object.keys(shape);
  return {
    error: ({ code, input, keys = [] }) => {
      if (code !== "unrecognized_keys")
        return input === undefined ? undefined : "must be a section with keys of its own";
      return keys.map((key) => unknownKey(key, known)).join("\n");
    },
  };
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = findNearest(key, known);
  return nearest ? `is not known here; did you mean ${nearest}?` : `is not known here; known are ${known.join(", ")}`;
}

/** Error map for a whole document, in words for the person who wrote it. */
export function wordIssue({
  code,
  input,
  expected,
  values,
  minimum,
  maximum,
  origin,
  issues,
}: RawIssue): string | undefined {
  if (input === undefined) return "is missing";
  if (code === "invalid_value") return `must be ${(values ?? []).map(String).join(" or ")}`;
  if (code === "invalid_key") return issues?.[0]?.message;
  const unit = origin === "string" ? " characters" : "";
  if (code === "too_small" && minimum === 1 && (unit || origin === "array")) return "must not be empty";
  if (code === "too_small") return `must be at least ${String(minimum)}${unit}`;
  if (code === "too_big") return `must be at most ${String(maximum)}${unit}`;
  if (code !== "invalid_type") return undefined;
  if (expected === "string" && typeof input !== "object") return `must be text; put it in quotes`;
  return `must be ${TYPES[String(expected)] ?? String(expected)}`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a section with keys of its own",
  record: "a section with keys of its own",
};

/** What the YAML library makes of a text. */
interface ParsedYaml {
  readonly contents: unknown;
  readonly errors: readonly YamlMessage[];
  readonly warnings: readonly YamlMessage[];
  toJS(): unknown;
}

interface YamlMessage {
  readonly message: string;
  readonly pos: readonly [number, number];
}

export interface PlainDocument {
  readonly value: unknown;
  readonly lineOf: (path: DocumentPath) => number;
  /** What YAML itself has to say: without the source beside it, because a secret may stand there. */
  readonly issues: readonly Issue[];
}

/** Tags and aliases that lead nowhere are issues too: the document is plain data or it is not read. */
export function toPlainDocument(parsed: ParsedYaml, lineAt: (offset: number) => number): PlainDocument {
  const lineOf = lineFinder(parsed.contents, lineAt);
  const ofYaml = [...parsed.errors, ...parsed.warnings];
  const messages = ofYaml.length > 0 ? ofYaml : checkKeys(parsed.contents);
  const issues = messages.map(({ message, pos }) => notPlain(message, lineAt(pos[0])));
  if (issues.length > 0) return { value: undefined, lineOf, issues };
  try {
    const value = parsed.toJS();
    const isPlain = !holdsPrototypeKey(value);
    return { value, lineOf, issues: isPlain ? [] : [notPlain("__proto__ cannot be a key", 0)] };
  } catch (error) {
    return { value: undefined, lineOf, issues: [notPlain(error instanceof Error ? error.message : "", 0)] };
  }
}

/**
 * Plain names, each once in its map. The YAML library would compare each key with each, and turn one that is a list into text
 * of its own, with a warning that shows it.
 */
function checkKeys(contents: unknown): YamlMessage[] {
  const found: YamlMessage[] = [];
  const nodes = [contents];
  // It grows on the way: nesting as deep as the text is long must not overflow the stack.
  for (const node of nodes) {
    const seen = new Set<string>();
    for (const item of itemsOf(node)) {
      if (!isPair(item)) {
        nodes.push(item);
        continue;
      }
      const key = keyOf(item);
      const at = offsetOf(item.key) ?? offsetOf(node) ?? 0;
      if (key === undefined) found.push({ message: "a key must be plain text", pos: [at, at] });
      else if (seen.size === seen.add(key).size) found.push({ message: "Map keys must be unique", pos: [at, at] });
      nodes.push(item.value);
    }
  }
  return found;
}

/** Schemas pass over such a key in silence. Throws for what holds itself, or is nested too deep to be walked. */
function holdsPrototypeKey(value: unknown): boolean {
  let isFound = false;
  JSON.stringify(value, (key, part) => {
    isFound ||= key === "__proto__";
    return part;
  });
  return isFound;
}

/** Some messages end in a piece of the source, behind a colon or one of these words; a secret may stand there. */
const QUOTED_SOURCE = /(?:(?<=\S):|(?<=directive|sequence|character)) .*|\n.*/s;

function notPlain(message: string, line: number): Issue {
  return { path: "", line, message: `is not plain YAML: ${message.replace(QUOTED_SOURCE, "")}` };
}

/** More than a hundred merchants need. */
const MAX_DOCUMENT_LENGTH = 128 * 1024;

/** Problem `code` for a text that is too long to be one of these documents; before it is parsed. */
export function refuseLongDocument(code: ProblemCode, file: string, text: string): void {
  if (text.length <= MAX_DOCUMENT_LENGTH) return;
  throw documentProblem(code, file, [{ path: "", line: 0, message: "is longer than 128 KiB" }]);
}

/** One issue per unknown key, each at its own line; the others as they are. */
export function toIssues(found: readonly FoundIssue[], lineOf: (path: DocumentPath) => number): Issue[] {
  return found.flatMap(({ code, path, message, keys }) => {
    const messages = message.split("\n");
    const paths = code === "unrecognized_keys" ? (keys ?? []).map((key) => [...path, key]) : [path];
    return paths.map((at, index) => ({
      path: at.map(String).join("."),
      line: lineOf(at),
      message: messages[index] ?? message,
    }));
  });
}

/** All issues in one Problem, in the order of the document. */
export function documentProblem(code: ProblemCode, file: string, issues: readonly Issue[]): Problem {
  const lines = issues
    .toSorted((a, b) => a.line - b.line)
    .map(({ path, line, message }) => [line > 0 ? `line ${line}:` : "", path, message].filter(Boolean).join(" "));
  const count = issues.length === 1 ? "1 issue" : `${issues.length} issues`;
  return new Problem(code, `${file} has ${count}:`, {
    issues: lines,
    hint: "Nothing was attempted. Correct the file, then run the same command again.",
  });
}

interface YamlPair {
  readonly key: unknown;
  readonly value: unknown;
}

/**
 * Where the value at a path stands in a parsed YAML document: the line of its key, or of the deepest part of the path that
 * is there.
 */
function lineFinder(contents: unknown, lineAt: (offset: number) => number): (path: DocumentPath) => number {
  const pairs = new Map<unknown, ReadonlyMap<string | undefined, YamlPair>>();
  const pairsOf = (node: unknown): ReadonlyMap<string | undefined, YamlPair> => {
    const known =
      pairs.get(node) ??
      new Map(
        itemsOf(node)
          .filter(isPair)
          .map((pair) => [keyOf(pair), pair]),
      );
    pairs.set(node, known);
    return known;
  };
  return (path) => {
    let node = contents;
    let offset = offsetOf(node);
    for (const segment of path) {
      const item = typeof segment === "number" ? itemsOf(node)[segment] : pairsOf(node).get(String(segment));
      if (item === undefined) break;
      offset = offsetOf(isPair(item) ? item.key : item) ?? offset;
      node = isPair(item) ? item.value : item;
    }
    return offset === undefined ? 0 : lineAt(offset);
  };
}

function itemsOf(node: unknown): readonly unknown[] {
  const items = (node as { items?: unknown } | null | undefined)?.items;
  return Array.isArray(items) ? items : [];
}

function isPair(item: unknown): item is YamlPair {
  return typeof item === "object" && item !== null && "key" in item;
}

/** Undefined: a list, a map or an alias, and no name. */
function keyOf({ key }: YamlPair): string | undefined {
  const { value } = (key ?? { value: "" }) as { value?: unknown };
  return value === undefined ? undefined : String(value ?? "");
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] } | null | undefined)?.range?.[0];
}
