// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a config names a variable.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MerchantConfig } from "../../src/config/config.ts";
import { redactConfig } from "../../src/config/redact.ts";
import { DAY_MS } from "../../src/domain/instant.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import { loadText, merchant, PIN, rescueYaml } from "./documents.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rescue-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function loadOne(changes: Record<string, string>, env: Record<string, string> = {}): Promise<MerchantConfig> {
  const [only] = (await loadText(folder, rescueYaml([merchant("acme", changes)]), { env })).merchants;
  if (!only) throw new Error("no merchant");
  return only;
}

describe("a config that says only what it must", () => {
  test("has every default filled in and every path absolute", async () => {
    expect(await loadText(folder, rescueYaml())).toEqual({
      path: join(folder, "rescue.yaml"),
      dataDir: join(folder, "rescue-data"),
      ledger: "sqlite",
      merchants: [
        {
          id: "acme",
          provider: "flex",
          mid: "mid-1",
          timezone: "America/New_York",
          inbox: join(folder, "inbox-acme"),
          sftp: {
            host: "acme.example.com",
            port: 22,
            username: "acme",
            auth: { privateKeyPath: join(folder, "keys/key") },
            hostKeys: { pins: [PIN] },
            inbound: "/inbound",
            outbound: "/outbound",
            connectTimeoutMs: 20_000,
            idleTimeoutMs: 60_000,
            concurrency: 64,
          },
          exportShape: { columns: {}, amountUnit: "major" },
          policy: {
            timezone: "America/New_York",
            maxAgeDays: 1,
            rescueWindowMs: 21 * DAY_MS,
            minimumWindowMs: 14 * DAY_MS,
            maxRejectRatio: 0.2,
            maxAmountMinor: {},
            neverRetry: "skip",
            notCardNumbers: [],
          },
          resultsDue: [],
          expectRunBy: undefined,
        },
      ],
      notify: {},
      retentionDays: 400,
      warnings: [],
    });
  });

  test("fits what the SFTP transport must be told", async () => {
    const settings: SftpSettings = (await loadOne({})).sftp;
    expect(settings.port).toBe(22);
  });
});

describe("values", () => {
  test("limits are minor units by their currency", async () => {
    const { policy } = await loadOne({ "policy.max_amount": '{ USD: "5000.00", JPY: "800000", KWD: "1.005" }' });
    expect(policy.maxAmountMinor).toEqual({ USD: 500_000, JPY: 800_000, KWD: 1005 });
  });

  test("due times are in UTC with a Z, else in the merchant's zone", async () => {
    const { resultsDue, expectRunBy } = await loadOne({ results_due: '["15:00Z", "07:30"]', expect_run_by: "06:00" });
    expect(resultsDue).toEqual([
      { hour: 15, minute: 0, zone: "UTC" },
      { hour: 7, minute: 30, zone: "America/New_York" },
    ]);
    expect(expectRunBy).toEqual({ hour: 6, minute: 0, zone: "America/New_York" });
  });

  test("durations, days and sizes are numbers", async () => {
    const { sftp, policy } = await loadOne({
      "sftp.connect_timeout": "5s",
      "sftp.idle_timeout": "2m",
      "sftp.concurrency": "1",
      "policy.max_age": "0d",
      "policy.rescue_window": "14d",
      "policy.max_reject_ratio": "1",
    });
    expect(sftp).toMatchObject({ connectTimeoutMs: 5000, idleTimeoutMs: 120_000, concurrency: 1 });
    expect(policy).toMatchObject({ maxAgeDays: 0, rescueWindowMs: 14 * DAY_MS, maxRejectRatio: 1 });
  });

  test("there are three ways to say who we are", async () => {
    const agent = await loadOne({ "sftp.private_key": "-", "sftp.agent": "true" }, { SSH_AUTH_SOCK: "/run/agent" });
    expect(agent.sftp.auth).toEqual({ agentSocket: "/run/agent" });
    const password = await loadOne({ "sftp.private_key": "-", "sftp.password": "${PW}" }, { PW: "geheim" });
    expect(password.sftp.auth).toEqual({ password: "geheim" });
    const key = await loadOne({ "sftp.private_key": "~/.ssh/id", "sftp.passphrase": "${PW}" }, { PW: "x", HOME: "/h" });
    expect(key.sftp.auth).toEqual({ privateKeyPath: "/h/.ssh/id", passphrase: "x" });
    const plain = await loadOne({ "sftp.passphrase": "${PW}" }, { PW: "" });
    expect(plain.sftp.auth).toEqual({ privateKeyPath: join(folder, "keys/key") });
  });

  test("the server's key is one pin, several, or a known_hosts file", async () => {
    const several = await loadOne({ "sftp.host_key": `["ssh-ed25519 ${PIN}", "${PIN}"]` });
    expect(several.sftp.hostKeys).toEqual({ pins: [`ssh-ed25519 ${PIN}`, PIN] });
    const known = await loadOne({ "sftp.host_key": "-", "sftp.known_hosts": "./known_hosts" });
    expect(known.sftp.hostKeys).toEqual({ knownHostsPath: join(folder, "known_hosts") });
  });

  test("a provider is an id, or a path beside the config", async () => {
    expect((await loadOne({ provider: "./own.yaml" })).provider).toBe(join(folder, "own.yaml"));
    expect((await loadOne({ provider: "own.yml" })).provider).toBe(join(folder, "own.yml"));
    expect((await loadOne({ provider: "other" })).provider).toBe("other");
  });

  test("the shape of the export is what intake obeys", async () => {
    const changes = { columns: '{ order_id: "Order #" }', amount_unit: "minor", decline_code_source: "nmi" };
    expect((await loadOne(changes)).exportShape).toEqual({
      columns: { order_id: "Order #" },
      amountUnit: "minor",
      declineCodeSource: "nmi",
    });
  });

  test("what is left empty in notify is not wanted", async () => {
    const notify = ["notify:", "  heartbeat_url: https://hc.example.com/1", "  textfile: ./x.prom"];
    expect((await loadText(folder, rescueYaml([merchant()], ...notify))).notify).toEqual({
      heartbeatUrl: "https://hc.example.com/1",
      textfile: join(folder, "x.prom"),
    });
  });
});

describe("the environment", () => {
  test("is put into values after parsing, so a secret cannot change the document", async () => {
    const secret = '"}: #\n- ${HOME} \\ & *x';
    const { sftp } = await loadOne({ "sftp.private_key": "-", "sftp.password": '"a${PW}b"' }, { PW: secret });
    expect(sftp.auth).toEqual({ password: `a${secret}b` });
  });

  test("gives numbers too, and a doubled dollar is a plain one", async () => {
    const changes = { "sftp.port": "${PORT}", "sftp.username": '"$${X}$ $Y"' };
    expect((await loadOne(changes, { PORT: "2222" })).sftp).toMatchObject({ port: 2222, username: "${X}$ $Y" });
  });

  test("outranks the file with RESCUE_DATA_DIR", async () => {
    const text = rescueYaml([merchant()], "data_dir: ./there");
    expect((await loadText(folder, text)).dataDir).toBe(join(folder, "there"));
    expect((await loadText(folder, text, { env: { RESCUE_DATA_DIR: "/elsewhere" } })).dataDir).toBe("/elsewhere");
    expect((await loadText(folder, text, { env: { RESCUE_DATA_DIR: "" } })).dataDir).toBe(join(folder, "there"));
  });
});

describe("secrets", () => {
  const withPassword = (value: string) =>
    rescueYaml([merchant("acme", { "sftp.private_key": "-", "sftp.password": value })]);
  const warningsFor = async (text: string, mode: number) =>
    (await loadText(folder, text, { env: { PW: "x" }, mode })).warnings;

  test("in a file that others can read are warned of, but not those of the environment", async () => {
    const [warning] = await warningsFor(withPassword("hunter2"), 0o640);
    expect(warning).toContain("merchants.acme.sftp.password");
    expect(warning).not.toContain("hunter2");
    expect(await warningsFor(withPassword("hunter2"), 0o600)).toEqual([]);
    expect(await warningsFor(withPassword("${PW}"), 0o644)).toEqual([]);
    expect(await warningsFor(withPassword("pw$${x}"), 0o644)).toHaveLength(1);
  });

  test("are hidden in a config that is shown, by their field", async () => {
    const notify = "notify: { heartbeat_url: https://hc.example.com/hunter2, on_problem: post hunter2, textfile: t }";
    const merchants = [
      merchant("a", { "sftp.private_key": "-", "sftp.password": "hunter2" }),
      merchant("b", { "sftp.passphrase": "hunter2" }),
    ];
    const shown = redactConfig(await loadText(folder, rescueYaml(merchants, notify)));
    expect(JSON.stringify(shown)).not.toContain("hunter2");
    expect(shown.merchants.map(({ sftp }) => sftp.auth)).toEqual([
      { password: "[hidden]" },
      { privateKeyPath: join(folder, "keys/key"), passphrase: "[hidden]" },
    ]);
    expect(shown.notify).toEqual({ heartbeatUrl: "[hidden]", onProblem: "[hidden]", textfile: join(folder, "t") });
  });
});
