/**
 * bin/rescue.js around a small stand-in for the program: what is tested here is the starting and the ending of the process,
 * which no command could show in such moments.
 */
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** In the stand-in: `MODE` says how it behaves. */
const STAND_IN = `
export async function main(args, { stop }) {
  const stopped = new Promise((resolve) => stop.addEventListener("abort", resolve));
  const alive = setInterval(() => {}, 1000);
  if (args[0] === "obey") {
    process.stdout.write("ready\\n");
    await stopped;
    process.stdout.write("finished the step\\n");
    clearInterval(alive);
    return 130;
  }
  if (args[0] === "hang") {
    process.stdout.write("ready\\n");
    await new Promise(() => {});
  }
  clearInterval(alive);
  if (args[0] === "never answer") await new Promise(() => {});
  if (args[0] === "much") process.stdout.write("x".repeat(800_000) + "\\n");
  return Number(args[1] ?? 0);
}`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rescue-bin-"));
  await mkdir(join(folder, "bin"));
  await mkdir(join(folder, "dist", "cli"), { recursive: true });
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await copyFile("bin/rescue.js", join(folder, "bin", "rescue.js"));
  await writeFile(join(folder, "dist", "cli", "main.js"), STAND_IN);
  await writeFile(join(folder, "dist", "cli", "io.js"), "export const processIo = (_process, stop) => ({ stop });");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], nodeFlags: readonly string[] = []) {
  const child = spawn(process.execPath, [...nodeFlags, join(folder, "bin", "rescue.js"), ...args], {
    env: { PATH: process.env["PATH"], HOME: folder },
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once("close", (status) => resolve({ status, out, err })));
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return {
    child,
    ended,
    ready: () => until(() => out.includes("ready")),
    said: (w: string) => until(() => err.includes(w)),
  };
}

describe("bin/rescue.js", () => {
  it("ends with the status of the program", async () => {
    expect((await start(["answer", "13"]).ended).status).toBe(13);
  });

  it("loses nothing of what was printed to a pipe", async () => {
    expect((await start(["much"]).ended).out).toHaveLength(800_001);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("lets the program finish its step on the first %s", async (signal) => {
    const running = start(["obey"]);
    await running.ready();
    running.child.kill(signal);
    const { status, out, err } = await running.ended;
    expect(status).toBe(130);
    expect(out).toContain("finished the step");
    expect(err).toBe(`${signal}: finishing the current step; again to stop at once\n`);
  });

  it("stops at once on the second signal", async () => {
    const running = start(["hang"]);
    await running.ready();
    running.child.kill("SIGINT");
    await running.said("finishing");
    running.child.kill("SIGTERM");
    expect((await running.ended).status).toBe(130);
  });

  it("never looks like success, or like an uncertain delivery, when the program does not answer", async () => {
    expect((await start(["never answer"]).ended).status).toBe(1);
  });

  it("says in one line that Node is too old, without loading anything", async () => {
    const old = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.21.1"}})';
    const { status, out, err } = await start(
      ["answer"],
      ["--import", `data:text/javascript,${encodeURIComponent(old)}`],
    ).ended;
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toBe("rescue needs Node 22.22 or newer; this is Node 22.21.1\n");
  });

  it("says how to build what was not built", async () => {
    const bare = await mkdtemp(join(tmpdir(), "rescue-bare-"));
    await mkdir(join(bare, "bin"));
    await writeFile(join(bare, "package.json"), '{"type":"module"}');
    await copyFile("bin/rescue.js", join(bare, "bin", "rescue.js"));
    const child = spawn(process.execPath, [join(bare, "bin", "rescue.js")], { env: { HOME: bare } });
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      err += text;
    });
    const status = await new Promise((resolve) => child.once("close", resolve));
    await rm(bare, { recursive: true });
    expect({ status, err }).toEqual({ status: 1, err: "rescue is not built here; run: npm run build\n" });
  });
});
