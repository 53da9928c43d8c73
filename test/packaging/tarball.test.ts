/** What `npm pack` makes is what a merchant runs: it must hold all it needs, and nothing of ours beside it. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/registry.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
let folder: string;
let program: string;
let packed: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rescue-pack-"));
  // Without scripts: `prepare` would build into the dist that other tests are running. `npm test` has built it.
  const args = ["pack", "--json", "--ignore-scripts", "--loglevel=error", "--pack-destination", folder];
  const [pack] = JSON.parse(execFileSync("npm", args, { encoding: "utf8" }));
  packed = pack.files.map((file: { path: string }) => file.path);
  const home = join(folder, "node_modules", "rescue");
  mkdirSync(home, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, pack.filename), "-C", home, "--strip-components=1"]);
  // Only what the manifest says it needs, so that a forgotten dependency is missed here and not at a merchant's.
  for (const name of Object.keys(manifest.dependencies)) {
    symlinkSync(resolve("node_modules", name), join(folder, "node_modules", name));
  }
  program = join(home, "bin", "rescue.js");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(node: string, ...args: string[]): { status: number; out: string; err: string } {
  const script = 'out=$("$@" 2>"$ERR"); status=$?; printf "%s" "$out"; exit $status';
  const err = join(folder, "stderr");
  const env = { PATH: process.env["PATH"], HOME: folder, ERR: err };
  try {
    const out = execFileSync("sh", ["-c", script, "sh", node, program, ...args], {
      encoding: "utf8",
      cwd: folder,
      env,
    });
    return { status: 0, out, err: readFileSync(err, "utf8") };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { status, out: stdout, err: readFileSync(err, "utf8") };
  }
}

describe("the packed program", () => {
  it("holds the program, its licence and the example config, and no source or test", () => {
    for (const path of ["bin/rescue.js", "dist/cli/main.js", "config.example.yaml", "LICENSE", "README.md"]) {
      expect(packed).toContain(path);
    }
    expect(packed.filter((path) => /^(src|test|fixtures|docs|scripts)\//.test(path))).toEqual([]);
  });

  it("runs from where it was installed", () => {
    expect(run(process.execPath, "--version")).toEqual({ status: 0, out: manifest.version, err: "" });
  });

  it.each(COMMANDS.map(({ name }) => name))("can load %s with its declared dependencies alone", (name) => {
    expect(run(process.execPath, name, "--help")).toMatchObject({ status: 0, err: "" });
  });

  it("makes a config and reads it back", () => {
    expect(run(process.execPath, "init", "--merchant", "acme")).toMatchObject({ status: 0, err: "" });
    expect(run(process.execPath, "doctor")).toMatchObject({ status: 2, err: expect.stringContaining("rescue.yaml") });
  });

  // test/cli/bin.test.ts shows the same with a pretended version; here it is a Node that really is too old, if there is one.
  const older = findOlderNode();
  it.runIf(older !== undefined)("tells a Node that is too old so, in one line", () => {
    const { status, out, err } = run(older ?? "", "--version");
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^rescue needs Node 22\.22 or newer; this is Node \d+\.\d+\.\d+\n$/);
  });
});

function findOlderNode(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((place) => join(place, "node"))
    .filter((path) => existsSync(path))
    .find((path) => Number(execFileSync(path, ["--version"], { encoding: "utf8" }).match(/\d+/)?.[0]) < 22);
}
