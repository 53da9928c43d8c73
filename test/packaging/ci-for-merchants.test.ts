/** docs/ci-for-merchants.md without Docker: its script, its sshd_config and its commands, with the sshd of this machine. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { exportOfCount, rescue, resultsOf } from "../support/e2e.ts";
import { type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";

const EXAMPLES = "docs/examples/sftp-server";
const compose = parse(readFileSync("compose.yaml", "utf8"));
const workflow = parse(readFileSync("docs/examples/github-workflow.yml", "utf8"));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rescue-ci-"));
  execFileSync(join(EXAMPLES, "prepare.sh"), [folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("compose.yaml", () => {
  it("mounts only what is there after prepare.sh", () => {
    for (const volume of compose.services.sftp.volumes as string[]) {
      const source = volume.replace(/^\$\{RESCUE_CI:-\.\/rescue-ci\}/, folder).split(":")[0] ?? "";
      expect(existsSync(source), source).toBe(true);
    }
  });

  it("names a fixed version, and is open to this machine only", () => {
    expect(compose.services.sftp.image).toMatch(/^[a-z]+:\d+\.\d+$/);
    expect(compose.services.sftp.ports).toEqual(["127.0.0.1:2222:2222"]);
  });
});

describe("the workflows", () => {
  it.each(["docs/examples/github-workflow.yml", ".github/workflows/ci.yml"])(
    "%s: reads only, and pins by hash",
    (path) => {
      const text = readFileSync(path, "utf8");
      expect(parse(text).permissions).toEqual({ contents: "read" });
      const uses = text.match(/uses: .*/g) ?? [];
      expect(uses.length).toBeGreaterThan(0);
      for (const line of uses) expect(line).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    },
  );
});

describe.runIf(openSshMissing() === undefined)("the example's server", () => {
  let server: OpenSsh;

  beforeAll(async () => {
    // Its own words; only the paths and the port are this machine's.
    const settings = readFileSync(join(EXAMPLES, "sshd_config"), "utf8")
      .replaceAll("/etc/rescue-sftp/host_key", join(folder, "keys/host_key"))
      .replaceAll("/etc/rescue-sftp/authorized_keys", join(folder, "keys/rescue_ed25519.pub"))
      .replaceAll("/srv/sftp", join(folder, "sftp"))
      .replace(/^Port .*$/m, "");
    server = await startOpenSsh({ onlyConfig: settings.split("\n") });
    const config = join(folder, "rescue.yaml");
    const here = readFileSync(config, "utf8")
      .replace("port: 2222", `port: ${server.port}`)
      .replace("username: rescue", `username: ${userInfo().username}`);
    writeFileSync(config, here);
  });
  afterAll(() => server.stop());

  it("takes the night of the workflow, and the morning after adds up", async () => {
    const env = { RESCUE_CONFIG: join(folder, "rescue.yaml") };
    const night = workflow.env.AS_OF as string;
    expect(await rescue(["doctor", "--write"], { env })).toMatchObject({ status: 0, stderr: "" });
    writeFileSync(join(folder, "inbox", "declined.csv"), exportOfCount(3));
    const submitted = await rescue(["run", "--json", "--as-of", night], { env });
    expect(submitted).toMatchObject({ status: 0, documents: [{ submission: { accepted: 3 } }] });
    expect(readdirSync(join(folder, "sftp/inbound"))).toHaveLength(1);
    const rows = [
      { order: "o-1", status: "APPROVED" },
      { order: "o-2", status: "DECLINED" },
    ];
    writeFileSync(
      join(folder, "sftp/outbound/results.csv"),
      resultsOf(rows.map((row) => ({ ...row, at: "2026-11-20T20:00:00Z" }))),
    );
    const { status, documents } = await rescue(["run", "--json", "--as-of", "2026-11-21T06:00:00Z"], { env });
    expect(status).toBe(0);
    expect(documents[0]?.["report"].currencies).toMatchObject([
      { currency: "USD", submitted: { count: 3 }, rescued: { count: 1 }, unrescued: { count: 1 }, balanced: true },
    ]);
  });
});
