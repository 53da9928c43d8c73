import { describe, expect, it } from "vitest";
import type { CommandContext, GlobalOptions } from "../../src/cli/context.ts";
import { ExitStatus } from "../../src/cli/exit-status.ts";
import { forEachMerchant, type MerchantResult, selectMerchants } from "../../src/cli/merchants.ts";
import { Speech } from "../../src/cli/output.ts";
import type { Config, MerchantConfig } from "../../src/config/config.ts";
import { Problem } from "../../src/domain/problem.ts";
import { createTestIo } from "../support/test-io.ts";

const MERCHANTS = ["acme", "bright", "coral"].map((id) => ({ id }) as MerchantConfig);
const CONFIG = { path: "/srv/rescue.yaml", merchants: MERCHANTS } as unknown as Config;
const OPTIONS: GlobalOptions = {
  config: undefined,
  merchant: undefined,
  json: false,
  quiet: false,
  verbose: false,
  color: "never",
  deadlineMs: undefined,
  asOf: undefined,
};

function createContext(options: Partial<GlobalOptions> = {}, deadline = new AbortController().signal) {
  const io = createTestIo();
  const given = { ...OPTIONS, ...options };
  const context: CommandContext = {
    io,
    options: given,
    speech: new Speech(io, given),
    clock: { now: io.now, wall: io.now },
    stop: io.stop,
    deadline,
    loadConfig: async () => CONFIG,
    rescue: async () => ExitStatus.ok,
  };
  return { io, context };
}

const fine = (id: string): MerchantResult => ({
  exitStatus: ExitStatus.ok,
  type: "thing",
  document: { id },
  verdict: "all well",
});

describe("selectMerchants", () => {
  it("takes all, or the one that is named", () => {
    expect(selectMerchants(CONFIG, undefined, "all")).toEqual(MERCHANTS);
    expect(selectMerchants(CONFIG, "bright", "one")).toEqual([MERCHANTS[1]]);
  });

  it("asks which merchant a file is of, where there are several", () => {
    expect(() => selectMerchants(CONFIG, undefined, "one")).toThrow(
      expect.objectContaining({ code: "usage", hint: "Say which with --merchant: acme, bright, coral." }),
    );
    const single = { ...CONFIG, merchants: MERCHANTS.slice(0, 1) };
    expect(selectMerchants(single, undefined, "one")).toEqual([MERCHANTS[0]]);
  });

  it("names the nearest to one that does not exist", () => {
    expect(() => selectMerchants(CONFIG, "acne", "all")).toThrow(
      expect.objectContaining({ code: "not_found", hint: "Did you mean acme?" }),
    );
  });
});

describe("forEachMerchant", () => {
  it("keeps one merchant's failure from stopping the next, and ends with the worst status", async () => {
    const { io, context } = createContext();
    const status = await forEachMerchant(context, "all", async ({ id }) => {
      if (id === "acme") throw new Problem("remote_unreachable", "no connection", { hint: "Run again." });
      if (id === "bright") throw new TypeError("undefined is not a function");
      return fine(id);
    });
    expect(status).toBe(10);
    expect(io.out()).toBe("ok: coral: all well\n");
    expect(io.err()).toContain("fail: acme: no connection\nnext: Run again.\n");
    expect(io.err()).toContain("fail: bright: this is a bug in rescue: undefined is not a function");
    expect(io.err()).not.toContain("merchants.test.ts");
  });

  it("shows where a bug is under --verbose", async () => {
    const { io, context } = createContext({ verbose: true });
    await forEachMerchant(context, "all", async () => {
      throw new TypeError("oops");
    });
    expect(io.err()).toContain("merchants.test.ts");
  });

  it("prints one JSON document per merchant, one a line, failures on stderr", async () => {
    const { io, context } = createContext({ json: true });
    const status = await forEachMerchant(context, "all", async ({ id }) => {
      if (id === "bright") throw new Problem("locked", "another run is busy");
      return { ...fine(id), exitStatus: id === "coral" ? ExitStatus.needsAttention : ExitStatus.ok };
    });
    expect(status).toBe(12);
    const lines = io
      .out()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { type: "thing", schema: 1, merchant: "acme", exit_status: 0, id: "acme" },
      { type: "thing", schema: 1, merchant: "coral", exit_status: 3, id: "coral" },
    ]);
    expect(JSON.parse(io.err())).toMatchObject({ type: "error", merchant: "bright", code: "locked", exit_status: 12 });
  });

  it("begins no other merchant after a signal", async () => {
    const { io, context } = createContext();
    const begun: string[] = [];
    const status = await forEachMerchant(context, "all", async ({ id }) => {
      begun.push(id);
      io.interrupt();
      return fine(id);
    });
    expect(begun).toEqual(["acme"]);
    expect(status).toBe(130);
  });

  it("begins no other merchant after the deadline", async () => {
    const { context } = createContext({}, AbortSignal.abort());
    const begun: string[] = [];
    const status = await forEachMerchant(context, "all", async ({ id }) => {
      begun.push(id);
      return fine(id);
    });
    expect(begun).toEqual([]);
    expect(status).toBe(10);
  });
});
