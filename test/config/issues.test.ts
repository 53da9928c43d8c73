// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a config names a variable.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import type { Problem } from "../../src/domain/problem.ts";
import { issuesIn, loadText, merchant, PIN, rescueYaml } from "./documents.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rescue-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

const issuesOf = (text: string) => issuesIn(folder, text);
const issuesOfOne = (changes: Record<string, string>) => issuesOf(rescueYaml([merchant("acme", changes)]));

describe("issues", () => {
  test("come all at once, with path and line, an unknown key with the nearest known one", async () => {
    const text = [
      "version: 2",
      "datadir: x",
      "merchants:",
      "  acme:",
      "    provider: flex",
      "    mid: 12345",
      "    timezone: Mars/Olympus",
      "    sftp:",
      "      hots: sftp.example.com",
      "      port: 70000",
      "      username: acme",
      "      private_key: k",
      "      password: hunter2",
      "      inbound: /in/../out",
      "      connect_timeout: 20",
      "    policy:",
      "      rescue_window: 13d",
      "      max_reject_ratio: 20",
      "      max_amount: { USD: 5 }",
      "    results_due: [15:00Z, noon]",
      "retention: 5w",
    ].join("\n");
    expect(await issuesOf(text)).toEqual([
      "  line 1: version must be 1",
      "  line 2: datadir is not known here; did you mean data_dir?",
      "  line 4: merchants.acme.inbox is missing",
      "  line 6: merchants.acme.mid must be text; put it in quotes",
      "  line 7: merchants.acme.timezone must be an IANA time zone such as America/New_York",
      "  line 8: merchants.acme.sftp.host is missing",
      "  line 8: merchants.acme.sftp.outbound is missing",
      "  line 8: merchants.acme.sftp must have exactly one of private_key, agent: true and password",
      "  line 8: merchants.acme.sftp must have exactly one of host_key and known_hosts: a server that is not verified is not connected to",
      "  line 9: merchants.acme.sftp.hots is not known here; did you mean host?",
      "  line 10: merchants.acme.sftp.port must be at most 65535",
      "  line 14: merchants.acme.sftp.inbound must not hold ..",
      "  line 15: merchants.acme.sftp.connect_timeout must be text; put it in quotes",
      "  line 17: merchants.acme.policy.rescue_window must be at least 14d: the provider takes no shorter window",
      "  line 18: merchants.acme.policy.max_reject_ratio must be at most 1",
      "  line 19: merchants.acme.policy.max_amount.USD must be text; put it in quotes",
      '  line 20: merchants.acme.results_due.1 must be a time of day in quotes, such as "06:00" or "15:00Z"',
      "  line 21: retention must be whole days such as 1d",
    ]);
  });

  test("of missing variables come one for each, and with the others", async () => {
    const changes = {
      mid: "${MID}",
      inbox: "5",
      "sftp.inbound": "/in/${A",
      "sftp.port": "${PORT}",
      "sftp.passphrase": "${A-B}",
    };
    expect(await issuesOfOne(changes)).toEqual([
      "  line 5: merchants.acme.mid needs the environment variable MID, which is not set",
      "  line 7: merchants.acme.inbox must be text; put it in quotes",
      "  line 13: merchants.acme.sftp.inbound holds a ${ that names no environment variable; write $${ for a plain ${",
      "  line 15: merchants.acme.sftp.port needs the environment variable PORT, which is not set",
      "  line 16: merchants.acme.sftp.passphrase holds a ${ that names no environment variable; write $${ for a plain ${",
    ]);
  });

  test("never repeat a value, because it may be a secret", async () => {
    const changes = { "sftp.port": "hunter2", "sftp.password": "hunter2", "sftp.agent": "hunter2", mid: "hunter 2" };
    const issues = await issuesOf(rescueYaml([merchant("acme", changes)], "notify: { heartbeat_url: hunter2 }"));
    expect(issues.length).toBeGreaterThan(3);
    expect(issues.join()).not.toMatch(/hunter/);
    expect((await issuesOf('merchants: "hunter2\nversion: {')).join()).not.toMatch(/hunter/);
  });

  test.each<[string, Record<string, string>, string]>([
    ["no way in", { "sftp.private_key": "-" }, "sftp must have exactly one of private_key"],
    ["two ways in", { "sftp.agent": "true" }, "sftp must have exactly one of private_key"],
    ["an agent that is not there", { "sftp.private_key": "-", "sftp.agent": "true" }, "SSH_AUTH_SOCK is not set"],
    [
      "a passphrase without a key",
      { "sftp.private_key": "-", "sftp.password": "x", "sftp.passphrase": "y" },
      "goes with private_key",
    ],
    ["no host key", { "sftp.host_key": "-" }, "exactly one of host_key and known_hosts"],
    ["a pin and known_hosts", { "sftp.known_hosts": "k" }, "exactly one of host_key and known_hosts"],
    ["a short pin", { "sftp.host_key": "SHA256:abc" }, "must be a fingerprint"],
    ["an MD5 pin", { "sftp.host_key": "MD5:00:11:22" }, "must be a fingerprint"],
    ["one bad pin of several", { "sftp.host_key": `["${PIN}", "${PIN}="]` }, "must be a fingerprint"],
    ["no pin at all", { "sftp.host_key": "[]" }, "sftp.host_key must"],
    ["one folder for both ways", { "sftp.outbound": "/inbound/" }, "must be two folders"],
    ["an offset for a zone", { timezone: '"+02:00"' }, "must be an IANA time zone"],
    ["a window too short", { "policy.rescue_window": "335h" }, "must be at least 14d"],
    ["an unknown currency", { "policy.max_amount": '{ XYZ: "5" }' }, "policy.max_amount.XYZ is not an active"],
    ["too fine an amount", { "policy.max_amount": '{ JPY: "5.0" }' }, "must be a positive amount"],
    ["a ratio below zero", { "policy.max_reject_ratio": "-0.1" }, "must be at least 0"],
    ["an age of hours", { "policy.max_age": "36h" }, "must be whole days"],
    ["an hour that is none", { expect_run_by: '"24:00"' }, "must be a time of day"],
    ["a column that is none", { columns: "{ order: x }" }, "columns.order is not known here"],
    ["a mid that is no file name", { mid: '"a/b"' }, "mid must be 1 to 64"],
  ])("%s is refused", async (_what, changes, words) => {
    const issues = await issuesOfOne(changes);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toContain(words);
  });

  test.each(["..", ".hidden", "-x", "a/b", "a b", "x".repeat(65), ""])(
    'the merchant id "%s" is refused',
    async (id) => {
      const issues = await issuesOf(rescueYaml([merchant(`"${id}"`, { inbox: "x", "sftp.host": "h" })]));
      expect(issues).toHaveLength(1);
      expect(issues[0]).toContain("a merchant's id must be");
    },
  );

  test("two merchants do not share an inbox, a data folder, or a folder under the same mid", async () => {
    const two = rescueYaml([
      merchant("acme", { inbox: "./in", "sftp.host": "sftp.example.com" }),
      merchant("ACME", { inbox: "in/.", "sftp.host": "SFTP.example.com", "sftp.inbound": "/inbound/" }),
    ]);
    expect(await issuesOf(two)).toEqual([
      "  line 15: merchants.ACME has the same id but for letter case, so on many disks the same folder, as acme",
      "  line 17: merchants.ACME.mid sends under the same mid into the same folder as acme",
      "  line 19: merchants.ACME.inbox is also the inbox of acme",
    ]);
    const shared = { "sftp.host": "h", "sftp.outbound": "/out" };
    const together = await loadText(
      folder,
      rescueYaml([merchant("a", { ...shared, mid: "m1" }), merchant("b", { ...shared, mid: "m2" })]),
    );
    expect(together.warnings.join()).toContain("merchants a, b read the same outbound folder");
    const apart = await loadText(folder, rescueYaml([merchant("a"), merchant("b")]));
    expect(apart.merchants.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("a key that is no plain name is an issue, and no warning of the YAML library shows it", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    onTestFinished(() => warned.mockRestore());
    for (const key of ["? [hunter2]\n: 1", "? {a: hunter2}\n: 1", "a: &k hunter2\n*k : 1"]) {
      const issues = await issuesOf(`version: 1\n${key}`);
      expect(issues.join()).toMatch(/line [23]: is not plain YAML: a key must be plain text/);
      expect(issues.join()).not.toContain("hunter2");
    }
    expect(warned).not.toHaveBeenCalled();
  });

  test("a key that is there twice is an issue in every map, in whatever form it is written", async () => {
    expect(await issuesOf("version: 1\na: [{b: 1, 'b': 2}]\n1: x\n'1': y")).toEqual([
      "  line 2: is not plain YAML: Map keys must be unique",
      "  line 4: is not plain YAML: Map keys must be unique",
    ]);
  });

  test("an empty, a damaged or a missing file is named", async () => {
    expect(await issuesOf("")).toHaveLength(1);
    expect(await issuesOf("- a list")).toHaveLength(1);
    expect(await issuesOf("version: 1\nmerchants: {}")).toEqual([
      "  line 2: merchants must have at least one merchant",
    ]);
    expect(await issuesOf(rescueYaml([merchant()], "ledger: mysql"))).toEqual(["  line 15: ledger must be sqlite"]);
    expect(await issuesOf("version: 1\nversion: 1")).toEqual(["  line 2: is not plain YAML: Map keys must be unique"]);
    const path = join(folder, "none.yaml");
    const missing = { code: "config_invalid", message: `there is no config at ${path}` };
    await expect(loadConfig(path, {})).rejects.toMatchObject(missing);
    await expect(loadConfig(folder, {})).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("YAML that is not what it seems", () => {
  const refusal = async (text: string) => {
    const error = await Promise.resolve()
      .then(() => parseConfig(text, "/etc/rescue.yaml", {}))
      .then(
        () => undefined,
        (problem: Problem) => problem,
      );
    expect(error).toMatchObject({ code: "config_invalid" });
    return error?.message ?? "";
  };

  test.each(["|hunter2", "*hunter2", "!hunter2", "%hunter2", '"hunter2', "{hunter2: [}"])(
    "a secret in a place that YAML trips over is not repeated: %s",
    async (value) => {
      expect(await refusal(`version: 1\npassword: ${value}\n`)).not.toContain("hunter2");
    },
  );

  test("a value that holds itself is an issue, not a crash", async () => {
    await refusal("version: &a [*a]\n");
  });

  test("a key that schemas pass over in silence is an issue", async () => {
    expect(await refusal('version: 1\n"__proto__": {}\n')).toContain("__proto__");
  });

  test("a text far longer than any config is refused before it is read", async () => {
    expect(await refusal(`# ${"x".repeat(200_000)}\nversion: 1\n`)).toContain("longer than 128 KiB");
  });
});
