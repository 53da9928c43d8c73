import { chmod, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Json, type MerchantFolder, type MerchantOverrides, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

describe.runIf(openSshMissing() === undefined)("doctor", () => {
  const shared = shareServer({ hostKeyTypes: ["ed25519", "ecdsa"] });

  async function look(overrides: MerchantOverrides = {}, ...flags: string[]) {
    const folder = await shared.make({ acme: overrides });
    return { folder, ...(await diagnose(folder, ...flags)) };
  }

  it("finds everything in order, says what to confirm with Flex, and leaves no trace", async () => {
    const { folder, status, checks, document } = await look();
    expect(status).toBe(0);
    expect(document).toMatchObject({ type: "doctor", schema: 1, merchant: "acme", exit_status: 0 });
    expect(statusesOf(checks)).toEqual({
      config: "ok",
      key: "ok",
      "data folder": "ok",
      "disk space": expect.stringMatching(/ok|warn/),
      inbox: "ok",
      timezone: "ok",
      profile: "warn",
      name: "ok",
      "host key": "ok",
      login: "ok",
      inbound: "ok",
      outbound: "ok",
      rename: "ok",
    });
    expect(checks["profile"]?.["next"]).toContain("Confirm with Flex");
    expect(checks["host key"]?.["message"]).toContain(shared.server.hostKeyFingerprint);
    expect(await readdir(folder.folder)).not.toContain("rescue-data");
    expect(await readdir(folder.inbound)).toEqual([]);
  });

  it("tries a rename with --write, tells the clocks apart, and removes its file", async () => {
    const { folder, status, checks } = await look({}, "--write");
    expect(status).toBe(0);
    expect(checks["rename"]).toMatchObject({ status: "ok", message: expect.stringContaining("renamed and removed") });
    expect(checks["clock"]).toMatchObject({ status: "ok" });
    expect(await readdir(folder.inbound)).toEqual([]);
  });

  it("names the expected and the offered host key when they differ", async () => {
    const wrong = `SHA256:${"b".repeat(43)}`;
    const { status, checks } = await look({ sftp: { host_key: wrong } });
    expect(status).toBe(11);
    expect(checks["host key"]?.["status"]).toBe("fail");
    for (const fingerprint of [wrong, shared.server.hostKeyFingerprint]) {
      expect(checks["host key"]?.["message"]).toContain(fingerprint);
    }
    expect(checks["login"]).toBeUndefined();
  });

  it("tells a key that the server does not know from one that others can read", async () => {
    const stranger = await shared.server.makeUserKey({ authorize: false });
    const unknown = await look({ sftp: { private_key: stranger } });
    expect(unknown.status).toBe(11);
    expect(statusesOf(unknown.checks)).toMatchObject({ key: "ok", login: "fail" });
    const readable = await shared.server.makeUserKey();
    await chmod(readable, 0o644);
    const open = await look({ sftp: { private_key: readable } });
    expect(open.status).toBe(11);
    expect(open.checks["key"]).toMatchObject({ status: "fail", next: expect.stringContaining("chmod 600") });
  });

  it("names the folder that is missing, and still looks at the other", async () => {
    const { status, checks } = await look({ sftp: { inbound: "/no/such/inbound" } }, "--write");
    expect(status).toBe(11);
    expect(checks["inbound"]).toMatchObject({ status: "fail", message: expect.stringContaining("/no/such/inbound") });
    expect(checks["outbound"]).toMatchObject({ status: "ok" });
    expect(checks["rename"]).toBeUndefined();
  });

  it("says that nobody answers, and that a name leads nowhere", async () => {
    const silent = await look({ sftp: { port: 1 } });
    expect(silent.status).toBe(10);
    expect(silent.checks["host key"]).toMatchObject({ status: "fail" });
    // One cause, one line: what cannot be known for the same reason is not told again.
    expect(silent.checks["login"]).toBeUndefined();
    const nameless = await look({ sftp: { host: "no-such-host.invalid" } });
    expect(nameless.status).toBe(10);
    expect(nameless.checks["name"]).toMatchObject({ status: "fail" });
    expect(nameless.checks["host key"]).toBeUndefined();
  });

  it("finds a missing inbox, and shows the ledger once there is one", async () => {
    const { folder } = await look();
    await folder.rescue(["run"]);
    await rm(folder.inbox, { recursive: true });
    const { status, checks } = await diagnose(folder);
    expect(status).toBe(2);
    expect(checks["inbox"]).toMatchObject({ status: "fail", next: expect.stringContaining("mkdir -p") });
    expect(checks["data folder"]?.["message"]).toMatch(/schema \d+, belongs to host /);
  });

  it("refuses a ledger of another host", async () => {
    const { folder } = await look();
    await folder.rescue(["run"]);
    const { status, checks } = await diagnose(folder, { RESCUE_HOST: "elsewhere" });
    expect(status).toBe(1);
    expect(checks["data folder"]).toMatchObject({ status: "fail", message: expect.stringContaining("elsewhere") });
  });

  it("reads well: a line for each check, the next step below it, one verdict", async () => {
    const folder = await shared.make();
    const { stdout } = await folder.rescue(["doctor"]);
    expect(stdout).toMatch(/^ok {4}config +\/.*rescue\.yaml$/m);
    expect(stdout).toMatch(/^warn {2}profile +Flex; .*\n +next: Confirm with Flex/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^ok: 13 checks: no failure, \d warnings?; nothing was sent$/);
  });

  it("goes through all merchants, and ends with the worst", async () => {
    const folder = await shared.make({ acme: {}, bright: { sftp: { port: 1 } } });
    const { status, documents } = await folder.rescue(["doctor", "--json"]);
    expect(status).toBe(10);
    expect(documents.map(({ merchant, exit_status }) => [merchant, exit_status])).toEqual([
      ["acme", 0],
      ["bright", 10],
    ]);
  });

  it("shows the config in force without its secrets", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the config's own way to name a variable
    const folder = await shared.make({ acme: { sftp: { private_key: undefined, password: "${SFTP_PASSWORD}" } } });
    const { status, stdout } = await folder.rescue(["doctor", "--show-config"], { env: { SFTP_PASSWORD: "hunter2!" } });
    expect(status).toBe(0);
    expect(stdout).not.toContain("hunter2");
    expect(JSON.parse(stdout)).toMatchObject({ merchants: [{ id: "acme", sftp: { host: shared.server.host } }] });
  });

  it("lists every mistake of a config, with status 2", async () => {
    const folder = await shared.make();
    await writeFile(folder.config, "version: 1\nmerchnts: {}\n");
    const { status, stderr } = await folder.rescue(["doctor"]);
    expect(status).toBe(2);
    expect(stderr).toContain("did you mean merchants?");
    expect(await readdir(folder.folder)).not.toContain(join("rescue-data"));
  });
});

async function diagnose(folder: MerchantFolder, ...rest: (string | Record<string, string>)[]) {
  const flags = rest.filter((item) => typeof item === "string");
  const env = Object.assign({}, ...rest.filter((item) => typeof item !== "string"));
  const { status, documents } = await folder.rescue(["doctor", "--json", ...flags], { env });
  const document = documents[0] as Json;
  const checks: Record<string, Json> = Object.fromEntries(
    document["checks"].map((check: Json) => [check["name"], check]),
  );
  return { status, document, checks };
}

function statusesOf(checks: Record<string, Json>): Record<string, string> {
  return Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check["status"]]));
}
