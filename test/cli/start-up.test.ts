/** What the built program costs before it does anything: cron and shells start it often. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const LIST_LOADED = `
import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { process.stderr.write(url + "\\n"); return next(url, context); } });`;

function loadedBy(...args: string[]): string[] {
  const hook = `data:text/javascript,${encodeURIComponent(LIST_LOADED)}`;
  const script = `exec "$0" --import "$1" bin/rescue.js ${args.join(" ")} 2>&1 >/dev/null`;
  return execFileSync("sh", ["-c", script, process.execPath, hook], { encoding: "utf8" }).trim().split("\n");
}

describe("starting", () => {
  it.each([["--version"], ["--help"], ["help cron"]])("%s loads no schema, SSH, CSV or database library", (args) => {
    const packages = new Set(loadedBy(args).flatMap((url) => url.match(/node_modules\/([^/]+)/)?.[1] ?? []));
    expect([...packages]).toEqual(["commander"]);
  });

  it("loads only the file of the command that is called", () => {
    const commands = loadedBy("help cron").flatMap((url) => url.match(/dist\/cli\/commands\/(.*)\.js/)?.[1] ?? []);
    expect(commands).toEqual(["help"]);
  });
});
