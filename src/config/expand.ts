/**
 * `${NAME}` in values → the environment's value. Done after YAML is parsed, so that nothing in a password can change the
 * document. `$${` stands for a plain `${`; a `$` alone means nothing.
 */
import type { DocumentPath } from "../domain/strict-document.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ExpandedDocument {
  readonly value: unknown;
  readonly missing: readonly { readonly path: DocumentPath; readonly message: string }[];
}

/** Texts anywhere in the document, not its keys. A variable that is set to nothing is set. */
export function expandEnvironment(document: unknown, env: Environment): ExpandedDocument {
  const missing: { path: DocumentPath; message: string }[] = [];
  const expand = (value: unknown, path: DocumentPath): unknown => {
    if (typeof value === "string") {
      return expandText(value, env, (message) => missing.push({ path, message }));
    }
    if (Array.isArray(value)) return value.map((item, index) => expand(item, [...path, index]));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item, [...path, key])]));
  };
  return { value: expand(document, []), missing };
}

function expandText(text: string, env: Environment, report: (message: string) => void): string {
  return text.replace(/\$(\$?)\{([^}]*)(\}?)/g, (whole, escaped: string, name: string, end: string) => {
    if (escaped !== "") return whole.slice(1);
    if (end === "" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report("holds a ${ that names no environment variable; write $${ for a plain ${");
      return "";
    }
    const value = env[name];
    if (value === undefined) report(`needs the environment variable ${name}, which is not set`);
    return value ?? "";
  });
}

/** Does this text take anything from the environment? */
export function namesVariable(text: string): boolean {
  return /(?<!\$)\$\{/.test(text);
}
