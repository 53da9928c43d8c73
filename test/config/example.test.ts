import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { z } from "zod";
import { configSchema } from "../../src/config/config-schema.ts";
import { loadConfig } from "../../src/config/load.ts";
import { COLUMNS } from "../../src/domain/columns.ts";

const EXAMPLE = new URL("../../config.example.yaml", import.meta.url).pathname;

test("config.example.yaml loads once its variables are set", async () => {
  const config = await loadConfig(EXAMPLE, { RESCUE_KEY_PASSPHRASE: "open sesame" });
  expect(config.warnings).toEqual([]);
  expect(config.merchants).toHaveLength(1);
  await expect(loadConfig(EXAMPLE, {})).rejects.toMatchObject({
    message: expect.stringContaining("RESCUE_KEY_PASSPHRASE, which is not set"),
  });
});

test("every key of the schema stands in config.example.yaml, and no other", async () => {
  const text = await readFile(EXAMPLE, "utf8");
  const known = new Set(keysOf(configSchema).map((path) => path.at(-1)));
  const columns = new Set<string>(COLUMNS.map(({ name }) => name));
  // A key that can only stand in place of another is there as a comment.
  const shown = [...text.matchAll(/^ *(?:# )?([a-z_]+):(?: |$)/gm)].map(([, key]) => key);
  expect([...known].filter((key) => key !== undefined && !columns.has(key) && !shown.includes(key))).toEqual([]);
  expect(shown.filter((key) => !known.has(key) && key !== "acme")).toEqual([]);
});

test("a key that config.example.yaml shows with a default has that default", async () => {
  const example = parse(await readFile(EXAMPLE, "utf8"));
  const { acme } = example.merchants;
  const least = {
    version: 1,
    merchants: {
      acme: {
        ...pick(acme, "provider", "mid", "timezone", "inbox"),
        // Examples, and not defaults: their comments say so.
        ...pick(acme, "decline_code_source", "expect_run_by"),
        sftp: pick(acme.sftp, "host", "username", "private_key", "passphrase", "host_key", "inbound", "outbound"),
      },
    },
  };
  expect(configSchema.parse(example)).toEqual(configSchema.parse(least));
});

function pick(from: Record<string, unknown>, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, from[key]]));
}

/** Every path of keys in a schema, without the ids that the merchant chooses. */
function keysOf(schema: unknown): string[][] {
  const { def } = (schema as z.ZodType)._zod as unknown as { def: Definition };
  if (def.shape) {
    return Object.entries(def.shape).flatMap(([key, inner]) => [[key], ...keysOf(inner).map((path) => [key, ...path])]);
  }
  const inner = def.valueType ?? def.innerType ?? def.in;
  return inner === undefined ? [] : keysOf(inner);
}

interface Definition {
  readonly shape?: Record<string, unknown>;
  readonly valueType?: unknown;
  readonly innerType?: unknown;
  readonly in?: unknown;
}
