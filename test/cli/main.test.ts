import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/main.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { createTestIo, type TestIoOptions } from "../support/test-io.ts";

async function rescue(args: readonly string[], options: TestIoOptions = {}) {
  const io = createTestIo(options);
  const status = await main(args, io);
  return { status, out: io.out(), err: io.err() };
}

describe("main", () => {
  it("prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(await rescue(["--version"])).toEqual({ status: 0, out: `${version}\n`, err: "" });
  });

  it("prints help on stdout when asked, and on stderr with status 2 when nothing was said", async () => {
    const asked = await rescue(["--help"]);
    expect(asked).toMatchObject({ status: 0, err: "" });
    const silent = await rescue([]);
    expect(silent).toMatchObject({ status: 2, out: "", err: asked.out });
  });

  it("names every command once, in its group", async () => {
    const { out } = await rescue(["--help"]);
    for (const { name } of COMMANDS) expect(out.match(new RegExp(`^  ${name} `, "gm")), name).toHaveLength(1);
    expect(out.match(/^\w.*:$/gm)).toEqual(["Options:", "Everyday:", "Money:", "Look:", "Set up:"]);
  });

  it.each([
    [["sumbit"], "fail: unknown command 'sumbit'\nnext: Did you mean submit?\n"],
    [["submit", "--dry-rn", "x.csv"], "fail: unknown option '--dry-rn'\nnext: Did you mean --dry-run?\n"],
    [["explain"], "fail: missing required argument 'order'\nnext: Run `rescue --help` or `rescue COMMAND --help`.\n"],
    [["help", "jsn"], 'fail: there is no help on "jsn"\nnext: Did you mean json?\n'],
  ])("answers %j with status 2, the mistake and the next step", async (args, err) => {
    expect(await rescue(args)).toEqual({ status: 2, out: "", err });
  });

  it.each([
    ["before", ["--json", "-c", "/nowhere/rescue.yaml", "status"]],
    ["after", ["status", "--json", "-c", "/nowhere/rescue.yaml"]],
  ])("takes global options %s the command, and tells a failure as one JSON line on stderr", async (_place, args) => {
    const { status, out, err } = await rescue(args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(err)).toEqual({
      type: "error",
      schema: 1,
      merchant: null,
      code: "config_invalid",
      message: expect.stringContaining("/nowhere/rescue.yaml"),
      hint: expect.any(String),
      exit_status: 2,
    });
  });

  it("tells wrong usage as JSON too, before anything was parsed", async () => {
    const { status, err } = await rescue(["--json", "status", "--jsn"]);
    expect(status).toBe(2);
    expect(JSON.parse(err)).toMatchObject({ code: "usage", exit_status: 2 });
  });

  it("lets the environment stand in for a flag, and a flag win", async () => {
    const env = { RESCUE_CONFIG: "/from/env.yaml" };
    expect((await rescue(["status"], { env })).err).toContain("/from/env.yaml");
    expect((await rescue(["status", "-c", "/from/flag.yaml"], { env })).err).toContain("/from/flag.yaml");
  });

  it("says which environment variable is wrong", async () => {
    const { status, err } = await rescue(["status"], { env: { RESCUE_DEADLINE: "soon" } });
    expect(status).toBe(2);
    expect(err).toContain("RESCUE_DEADLINE");
  });

  it.each([
    ["--deadline", "20"],
    ["--deadline", "0s"],
    ["--deadline", "25d"],
    ["--as-of", "2026-11-20"],
    ["--color", "blue"],
  ])("refuses %s %s", async (flag, value) => {
    expect(await rescue(["status", flag, value])).toMatchObject({ status: 2, out: "" });
  });
});

describe("the help of every command", () => {
  it.each(COMMANDS.map(({ name }) => name))("%s: ends with examples and its exit statuses", async (name) => {
    const { status, out } = await rescue([name, "--help"]);
    expect(status).toBe(0);
    expect(out).toMatch(/\nExamples:\n {2}rescue [\s\S]*\n\nExit statuses:\n {4}0 {2}ok/);
    expect(await rescue(["help", name])).toEqual({ status, out, err: "" });
  });

  it.each(COMMANDS.map((entry) => [entry.name, entry] as const))(
    "%s: has examples that use only options it has",
    async (name, entry) => {
      const { command } = await entry.load();
      const { out } = await rescue([name, "--help"]);
      for (const example of command.examples) {
        expect(example.split(" ")[0]).toBe(name);
        for (const flag of example.match(/(?<= )--?[a-z][a-z-]*/g) ?? [])
          expect(out).toMatch(new RegExp(`[ ,]${flag}[ ,<]`));
      }
    },
  );
});
