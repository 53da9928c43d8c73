/** First steps and long runs: help, init, doctor, sandbox, demo, watch. */
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exists, exportOf, exportOfCount, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import { rescue, startRescue } from "../support/rescue.ts";

const missing = openSshMissing();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rescue-setting-up-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const COMMANDS = [
  ...["run", "watch", "validate", "submit", "collect", "reconcile", "settle", "report", "status", "explain"],
  ...["holds", "breaks", "init", "doctor", "sandbox", "demo", "help"],
];

describe("help", () => {
  test("lists every command; each one explains itself with examples and exit statuses", async () => {
    const all = await rescue(["--help"]);
    expect(all).toMatchObject({ status: 0, stderr: "" });
    for (const name of COMMANDS) expect(all.stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    const helps = await Promise.all(COMMANDS.map((name) => rescue([name, "--help"])));
    for (const help of helps) {
      expect(help).toMatchObject({ status: 0, stderr: "" });
      expect(help.stdout).toMatch(/Examples:\n {2}rescue /);
      expect(help.stdout).toMatch(/Exit statuses:\n +0 {2}ok/);
    }
  });

  test("nothing at all is wrong usage, shown on stderr; the version is the package's", async () => {
    const nothing = await rescue([]);
    const version = await rescue(["--version"]);
    const { version: packed } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));

    expect(nothing).toMatchObject({ status: 2, stdout: "" });
    expect(nothing.stderr).toContain("Usage: rescue");
    expect(version).toMatchObject({ status: 0, stdout: `${packed}\n` });
  });

  test.each(["exit-statuses", "json", "config", "cron", "states"])("topic %s", async (topic) => {
    expect(await rescue(["help", topic])).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(/\S/) });
  });
});

describe("sandbox and demo", () => {
  test("the sandbox's own config works at once, and what was sent comes back until nothing is pending", async () => {
    const root = join(folder, "sandbox");
    const sandbox = startRescue([
      "sandbox",
      "--folder",
      root,
      "--speed",
      "100ms",
      "--share-rescued",
      "0.5",
      "--seed",
      "7",
    ]);
    await sandbox.until("its address", () => sandbox.stdout().includes("a signal (Ctrl-C) ends it"));
    const config = ["-c", join(root, "rescue.yaml")];
    const declinedAt = new Date(Date.now() - 60_000).toISOString();
    const rows = Array.from({ length: 40 }, (_, index) => ({ order: `o-${index}`, declinedAt, amount: "10.00" }));
    await writeFile(join(root, "inbox", "rebills.csv"), exportOf(rows));

    const ran = await rescue(["run", "--json", ...config]);
    const waited = await rescue(["collect", "--wait", "30s", "--poll", "1s", ...config]);
    const report = await rescue(["report", "--json", ...config]);
    sandbox.child.kill("SIGTERM");
    const ended = await sandbox.ended;

    expect(ran.documents[0]).toMatchObject({
      merchant: "sandbox",
      submission: { accepted: 40, batches: [{ state: "delivered" }] },
    });
    expect([0, 3]).toContain(waited.status);
    const [usd] = report.documents[0]?.["currencies"] ?? [];
    expect(usd).toMatchObject({
      submitted: { count: 40, amount_minor: "40000" },
      pending: { count: 0 },
      balanced: true,
    });
    expect(usd.rescued.count).toBeGreaterThan(0);
    expect(usd.unrescued.count).toBeGreaterThan(0);
    expect(ended).toMatchObject({ status: 0, signal: null });
  });

  // The README's first screen is compared with this output in test/docs/readme.test.ts.
  test("the demo plays from export to report, ends with 0, and leaves a folder to look around in", async () => {
    const place = join(folder, "demo");
    const played = await rescue(["demo", "--days", "2", "--folder", place]);

    expect(played).toMatchObject({ status: 0, stderr: "" });
    expect(played.stdout).toMatch(/USD [\d,.]+ rescued of [\d,.]+ submitted \([\d.]+ %\); balanced: yes/);
    expect(played.stdout).toContain(join(place, "rescue.yaml"));
    const looked = await rescue(["explain", "ord-0001", "-c", join(place, "rescue.yaml")]);
    expect(looked.status).toBe(0);
    const other = join(folder, "somebody-elses");
    await writeFile(other, "");
    expect((await rescue(["demo", "--folder", other])).status).toBe(2);
  });
});

describe.skipIf(missing !== undefined)("against a real server", () => {
  const shared = shareServer();

  test("init makes key, config and the list for the provider, overwrites nothing; filled in, doctor and run are content", async () => {
    const merchant = await shared.make();
    const dir = join(merchant.folder, "fresh");
    const args = [
      ...[
        "init",
        "--dir",
        dir,
        "--merchant",
        "acme",
        "--mid",
        "m-1",
        "--timezone",
        "UTC",
        "--host",
        shared.server.host,
      ],
      ...["--port", String(shared.server.port), "--username", shared.server.username],
      ...["--inbound", merchant.inbound, "--outbound", merchant.outbound],
    ];

    const made = await rescue([...args, "--json"]);
    const again = await rescue(args);

    expect(made).toMatchObject({ status: 0, stderr: "" });
    expect(made.documents[0]).toMatchObject({
      type: "init",
      merchant: "acme",
      public_key: expect.stringMatching(/^ssh-ed25519 AAAA/),
      host_keys_shown: [{ type: "ssh-ed25519", fingerprint: shared.server.hostKeyFingerprint }],
    });
    const key = join(dir, "keys/rescue_ed25519");
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect(again.status).not.toBe(0);
    const config = join(dir, "rescue.yaml");
    expect((await rescue(["doctor", "-c", config])).status).toBe(2);
    await writeFile(
      config,
      (await readFile(config, "utf8")).replace(/host_key: *""/, `host_key: "${shared.server.hostKeyFingerprint}"`),
    );
    // The provider puts the public key in; here the server gets to know it by taking a key it knows.
    expect((await rescue(["doctor", "-c", config])).status).toBe(11);
    await copyFile(shared.server.privateKeyPath, key);

    const doctor = await rescue(["doctor", "--write", "--json", "-c", config]);
    await writeFile(join(dir, "inbox/a.csv"), exportOfCount(1));
    const ran = await rescue(["run", "--as-of", "2026-11-20T06:00:00Z", "-c", config]);

    expect(doctor.status).toBe(0);
    expect(doctor.documents[0]).toMatchObject({ type: "doctor", exit_status: 0 });
    expect(ran.status).toBe(0);
    expect((await merchant.delivered()).map(({ name }) => name)).toEqual([expect.stringMatching(/^evaluate_m-1_/)]);
  });

  test("doctor exits as a run would, sends nothing, and shows the config without its secrets", async () => {
    const merchant = await shared.make({
      acme: {},
      closed: { sftp: { port: 1 } },
      pinned: { sftp: { host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } },
      worded: { sftp: { private_key: undefined, password: "hunter2" } },
    });
    const look = async (id: string) => (await merchant.rescue(["doctor", "--merchant", id, "--json"])).status;

    expect(await look("acme")).toBe(0);
    expect(await look("closed")).toBe(10);
    expect(await look("pinned")).toBe(11);
    expect(await look("worded")).toBe(11);
    await rm(merchant.inbound, { recursive: true });
    expect(await look("acme")).toBe(11);
    const shown = await merchant.rescue(["doctor", "--show-config"]);
    expect(shown.status).toBe(0);
    expect(shown.stdout).not.toContain("hunter2");
  });

  test("watch takes an export when it arrives and results at its next look, and ends cleanly on SIGTERM", async () => {
    const merchant = await shared.make();
    const watching = merchant.start(["watch", "--poll", "2s", "--json"]);
    await watching.until("its first round", () => watching.stdout().split("\n").length > 1);
    await writeFile(join(merchant.folder, "a.csv"), exportOfCount(3));
    await rename(join(merchant.folder, "a.csv"), join(merchant.inbox, "a.csv"));
    await watching.until("the delivery", async () =>
      (await merchant.delivered()).some(({ name }) => name.endsWith(".csv")),
    );
    await merchant.writeResults("r.csv", resultsOf([{ order: "o-1", status: "APPROVED" }]));
    await watching.until("the results", () => watching.stdout().includes('"applied":1'));
    watching.child.kill("SIGTERM");
    const ended = await watching.ended;

    expect(ended).toMatchObject({ status: 130, signal: null });
    expect(ended.documents.every(({ type }) => type === "run")).toBe(true);
    expect(await readdir(join(merchant.inbox, "processed"))).toHaveLength(1);
    const next = await merchant.rescue(["run", "--json"]);
    expect(next.status).toBe(0);
    expect(next.documents[0]?.["report"].currencies).toMatchObject([
      { submitted: { count: 3 }, rescued: { count: 1 }, pending: { count: 2 }, balanced: true },
    ]);
    expect(await exists(join(merchant.inbox, "failed"))).toBe(false);
  });
});
