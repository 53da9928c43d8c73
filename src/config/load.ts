/**
 * Reads `rescue.yaml`. Precedence: a flag, then the environment (RESCUE_…), then the file, then the default; of the keys
 * here only `data_dir` may come from the environment, and secrets come from it by `${…}`.
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { Problem } from "../domain/problem.ts";
import {
  type DocumentPath,
  documentProblem,
  type Issue,
  type PlainDocument,
  refuseLongDocument,
  toIssues,
  toPlainDocument,
  wordIssue,
} from "../domain/strict-document.ts";
import type { Config } from "./config.ts";
import { configSchema } from "./config-schema.ts";
import { type Environment, expandEnvironment, namesVariable } from "./expand.ts";
import { toConfig, warnOfSharedResults } from "./to-config.ts";

/** Problem `config_invalid` with every issue, each with its path and line; none repeats a value. */
export async function loadConfig(path: string, env: Environment): Promise<Config> {
  const file = resolve(path);
  const { config, document } = parseConfig(await readConfigFile(file), file, env);
  return {
    ...config,
    path: file,
    warnings: [...(await findWarnings(document.value, file)), ...warnOfSharedResults(config.merchants)],
  };
}

/** The text alone, with every issue; `file` is where it lies or will lie. */
export function parseConfig(
  text: string,
  file: string,
  env: Environment,
): { readonly config: Omit<Config, "path" | "warnings">; readonly document: PlainDocument } {
  refuseLongDocument("config_invalid", file, text);
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const document = toPlainDocument(parsed, (offset) => lines.linePos(offset).line);
  if (document.issues.length > 0) throw documentProblem("config_invalid", file, document.issues);
  return { config: buildConfig(document, file, env), document };
}

function buildConfig(document: PlainDocument, file: string, env: Environment): Omit<Config, "path" | "warnings"> {
  const expanded = expandEnvironment(document.value, env);
  const missing = toIssues(expanded.missing, document.lineOf);
  const raw = configSchema.safeParse(expanded.value, { error: wordIssue });
  if (!raw.success) {
    // What a missing variable leaves behind is not a second issue.
    const others = toIssues(raw.error.issues, document.lineOf).filter(
      ({ path }) => !missing.some((one) => one.path === path),
    );
    throw documentProblem("config_invalid", file, [...missing, ...others]);
  }
  const together: Issue[] = [];
  const report = (path: DocumentPath, message: string) =>
    together.push(...toIssues([{ path, message }], document.lineOf));
  const config = toConfig(raw.data, { folder: dirname(file), env, report });
  const issues = [...missing, ...together];
  if (issues.length > 0) throw documentProblem("config_invalid", file, issues);
  return config;
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function cannotRead(file: string, error: unknown): Problem {
  const { code, message } = error as NodeJS.ErrnoException;
  const isMissing = code === "ENOENT";
  return new Problem(
    "config_invalid",
    isMissing ? `there is no config at ${file}` : `cannot read ${file}: ${message}`,
    {
      cause: error,
      hint: isMissing ? "`rescue init` makes one; `--config FILE` names another." : "Nothing was attempted.",
    },
  );
}

/** Of the document as it was written: a secret that comes from the environment does not lie in the file. */
async function findWarnings(document: unknown, file: string): Promise<string[]> {
  const { merchants = {} } = document as { merchants?: Record<string, { sftp?: Record<string, unknown> }> };
  const holders = Object.entries(merchants).flatMap(([id, { sftp = {} }]) =>
    ["password", "passphrase"].filter((key) => isSecret(sftp[key])).map((key) => `merchants.${id}.sftp.${key}`),
  );
  const { mode } = await stat(file).catch((error) => {
    throw cannotRead(file, error);
  });
  // Windows has no such bits and shows them all as set.
  if (holders.length === 0 || process.platform === "win32" || (mode & 0o077) === 0) return [];
  return [`${file} can be read by others and holds ${holders.join(", ")}: chmod 600 it, or use \${ENV}`];
}

function isSecret(value: unknown): boolean {
  return typeof value === "string" && value !== "" && !namesVariable(value);
}
