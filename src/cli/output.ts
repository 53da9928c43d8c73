/**
 * How a command speaks. stdout carries the result, stderr the conversation. Colour only doubles a word; it is applied
 * here alone, after the text was made harmless, so that no byte of a provider's message can steer a terminal.
 */
import { styleText } from "node:util";
import { PLAIN, type Style } from "../report/layout.ts";
import { printable } from "../report/printable.ts";
import type { Io, Output } from "./io.ts";

export type ColorMode = "auto" | "always" | "never";
/** How a line is meant; its mark is a word, so that nothing is lost without colour. */
export type Level = "ok" | "warn" | "fail" | "next";

export interface SpeechOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: ColorMode;
}

/** Lines stay lines; within them nothing can steer a terminal. */
function printableLines(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part) => (part === "\n" || part === "\t" ? part : printable(part)))
    .join("");
}

/** For `result` and `text`: each entry stays one line, whatever name or message of others it holds. */
export function linesOf(entries: readonly string[]): string {
  return entries.map((entry) => `${printable(entry)}\n`).join("");
}

/** Indented lines go on with a message (issues, a stack). Any other line break came in with a name, to forge a line. */
function oneMessage(text: string): string {
  return text
    .split(/\n(?= {2})/)
    .map(printable)
    .join("\n");
}

/** One line; what JSON.stringify lets through and a terminal would obey (`\u009b`, marks of direction) is escaped too. */
export function jsonLine(document: object): string {
  return `${harmlessJson(JSON.stringify(document))}\n`;
}

/** The same for a person's eyes, indented. */
export function jsonPage(document: object): string {
  const lines = JSON.stringify(document, undefined, 2).split("\n");
  return lines.map((line) => `${harmlessJson(line)}\n`).join("");
}

function harmlessJson(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeUnits);
}

function escapeUnits(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

const COLORS = { ok: "green", warn: "yellow", fail: "red", next: "cyan" } as const;

const ROLE_STYLES = { heading: "bold", good: "green", bad: "red", dim: "dim" } as const;

export class Speech {
  readonly #io: Io;
  readonly #options: SpeechOptions;
  #progressShown = false;

  constructor(io: Io, options: SpeechOptions) {
    this.#io = io;
    this.#options = options;
  }

  /** What was asked for: always printed, `--quiet` or not. A file or pipe gets it as it is, a terminal made harmless. */
  async result(text: string): Promise<void> {
    await this.#toStdout(this.#io.stdout.isTTY ? printableLines(text) : text);
  }

  /** The same for text of src/report, which makes what it shows harmless by itself and is styled with `style`. */
  async rendered(text: string): Promise<void> {
    await this.#toStdout(text);
  }

  /** How src/report may emphasise on stdout. */
  get style(): Style {
    return usesColor(this.#options.color, this.#io.env, this.#io.stdout)
      ? (role, text) => styleText(ROLE_STYLES[role], text, { validateStream: false })
      : PLAIN;
  }

  /** One JSON document on a line of its own. */
  async document(document: object): Promise<void> {
    await this.#toStdout(jsonLine(document));
  }

  /** Explanation beside the result; silent under `--quiet`. */
  async text(text: string): Promise<void> {
    if (!this.#options.quiet) await this.#toStdout(printableLines(text));
  }

  /** The last line of a run: what came of it, in one sentence. Under `--quiet` only if it is not `ok`. */
  async verdict(level: Level, sentence: string): Promise<void> {
    if (this.#options.quiet && level === "ok") return;
    await this.#toStdout(`${this.#mark(level, this.#io.stdout)}${printable(sentence)}\n`);
  }

  /** A line of the conversation; silent under `--quiet`, and under `--json` unless `--verbose` asks for it. */
  note(message: string): void {
    if (this.#options.quiet || (this.#options.json && !this.#options.verbose)) return;
    this.#toStderr(`${oneMessage(message)}\n`);
  }

  /** Only under `--verbose`: why something was decided. */
  detail(message: string): void {
    if (this.#options.verbose) this.#toStderr(`${oneMessage(message)}\n`);
  }

  /** Always said: something is wrong, or must be known before it happens. */
  complain(level: Level, message: string): void {
    this.#toStderr(`${this.#mark(level, this.#io.stderr)}${oneMessage(message)}\n`);
  }

  /** A failure as one JSON line on stderr. */
  errorDocument(document: object): void {
    this.#toStderr(jsonLine(document));
  }

  /** A line that is overwritten by what follows; only on a terminal that somebody looks at. */
  progress(message: string): void {
    if (!this.#showsProgress()) return;
    void this.#io.stderr.write(`\r\u001b[K${printable(message).slice(0, this.#io.stderr.columns - 1)}`);
    this.#progressShown = true;
  }

  #showsProgress(): boolean {
    const { quiet, json } = this.#options;
    return this.#io.stderr.isTTY && !quiet && !json && !this.#io.env["CI"] && this.#io.env["TERM"] !== "dumb";
  }

  clearProgress(): void {
    if (this.#progressShown) void this.#io.stderr.write("\r\u001b[K");
    this.#progressShown = false;
  }

  async #toStdout(text: string): Promise<void> {
    this.clearProgress();
    await this.#io.stdout.write(text);
  }

  #toStderr(text: string): void {
    this.clearProgress();
    void this.#io.stderr.write(text);
  }

  #mark(level: Level, output: Output): string {
    const word = `${level}: `;
    if (!usesColor(this.#options.color, this.#io.env, output)) return word;
    return styleText(COLORS[level], word, { validateStream: false });
  }
}

/** `--color` wins, then NO_COLOR (no-color.org), then FORCE_COLOR, then whether it is a terminal. */
export function usesColor(mode: ColorMode, env: Io["env"], output: Pick<Output, "isTTY">): boolean {
  if (mode !== "auto") return mode === "always";
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "") return env["FORCE_COLOR"] !== "0";
  return output.isTTY && env["TERM"] !== "dumb";
}
