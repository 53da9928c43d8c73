/** What the built program costs before it does anything: cron and shells start it often. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const LIST_LOADED = `
import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { process.stderr.write(url + "\\n"); return next(url, context); } });`;

function loadedBy(...args: string[]): string[] {
  const hook = `data:text/javascript,${encodeURIComponent(LIST_LOADED)}`;
  const script = `exec "$0" --import "$1" bin/rescue.js ${args.join(" ")} 2>&1 >/dev/null`;
  return execFileSync("sh", ["-c", script, process.execPath, hook], { encoding: "utf8" }).trim().split("\n");
}

function packagesLoadedBy(...args: string[]): string[] {
  return [...new Set(loadedBy(...args).flatMap((url) => url.match(/node_modules\/([^/]+)/)?.[1] ?? []))];
}

describe("starting", () => {
  it.each([["--help"], ["help cron"]])("%s loads no schema, SSH, CSV or database library", (args) => {
    expect(packagesLoadedBy(args)).toEqual(["commander"]);
  });

  it("--version loads no library at all, and four files of ours", () => {
    expect(packagesLoadedBy("--version")).toEqual([]);
    expect(loadedBy("--version").filter((url) => url.includes("/dist/")).length).toBeLessThan(5);
  });

  it("what needs no connection loads no SSH", () => {
    const folder = mkdtempSync(join(tmpdir(), "rescue-start-up-"));
    const sftp = `{ host: h, username: u, password: p, host_key: "SHA256:${"A".repeat(43)}", inbound: /i, outbound: /o }`;
    const merchant = `{ provider: flex, mid: m, timezone: UTC, inbox: ./inbox, sftp: ${sftp} }`;
    writeFileSync(join(folder, "rescue.yaml"), `version: 1\ndata_dir: ./data\nmerchants: { acme: ${merchant} }\n`);
    try {
      const packages = packagesLoadedBy("status", "--config", join(folder, "rescue.yaml"));
      expect(packages).toContain("better-sqlite3");
      expect(packages.filter((name) => name.startsWith("ssh2"))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("loads only the file of the command that is called", () => {
    const commands = loadedBy("help cron").flatMap((url) => url.match(/dist\/cli\/commands\/(.*)\.js/)?.[1] ?? []);
    expect(commands).toEqual(["help"]);
  });
});
