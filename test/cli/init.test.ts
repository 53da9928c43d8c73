import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/cli/main.ts";
import { loadConfig } from "../../src/config/load.ts";
import { flex } from "../../src/profiles/flex.ts";
import { openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { createTestIo } from "../support/test-io.ts";

const PIN = `SHA256:${"a".repeat(43)}`;
const KNOWN = ["--mid", "4711", "--host", "sftp.example.com", "--username", "acme", "--host-key", PIN];

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "rescue-init-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

async function rescue(...args: string[]) {
  const io = createTestIo({ cwd });
  const status = await main(args, io);
  return { status, out: io.out(), err: io.err() };
}

async function modeOf(path: string): Promise<number> {
  return (await stat(join(cwd, path))).mode & 0o777;
}

describe("init", () => {
  it("makes a config that loads, when the flags say everything", async () => {
    const { status, out, err } = await rescue("init", "--merchant", "acme", "--timezone", "America/New_York", ...KNOWN);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const { merchants } = await loadConfig(join(cwd, "rescue.yaml"), {});
    expect(merchants).toMatchObject([
      {
        id: "acme",
        provider: "flex",
        mid: "4711",
        timezone: "America/New_York",
        inbox: join(cwd, "inbox"),
        sftp: {
          host: "sftp.example.com",
          port: 22,
          username: "acme",
          auth: { privateKeyPath: join(cwd, "keys", "rescue_ed25519") },
          hostKeys: { pins: [PIN] },
          inbound: "/inbound",
          outbound: "/outbound",
        },
      },
    ]);
    expect(out).toMatch(/\nNext: rescue doctor\n$/);
  });

  it("lists what is still empty, and the config names the same gaps", async () => {
    const { out } = await rescue("init");
    const gaps = ["mid", "sftp.host", "sftp.username", "sftp.host_key"];
    for (const gap of gaps) expect(out).toContain(`  - ${gap}: `);
    const refusal = await rescue("doctor");
    expect(refusal.status).toBe(2);
    for (const gap of gaps) expect(refusal.err).toContain(`merchants.main.${gap} must`);
  });

  it("keeps the key to its owner, and prints the public line that ssh-keygen reads from it", async () => {
    const { out } = await rescue("init", ...KNOWN);
    expect(await modeOf("keys")).toBe(0o700);
    expect(await modeOf("keys/rescue_ed25519")).toBe(0o600);
    expect(await modeOf("rescue.yaml")).toBe(0o600);
    const derived = execFileSync("ssh-keygen", ["-y", "-f", join(cwd, "keys/rescue_ed25519")], { encoding: "utf8" });
    expect(out).toContain(derived.trim());
    expect(out).not.toContain("PRIVATE");
  });

  it("says for each thing that Flex does not publish: confirm", async () => {
    const { out } = await rescue("init", ...KNOWN);
    for (const item of flex.unconfirmed) expect(out).toContain(`  - ${item}\n`);
    expect(out).toContain("source IP");
  });

  it("keeps keys, exports and data out of a repository, beside what is ignored already", async () => {
    await writeFile(join(cwd, ".gitignore"), "node_modules/\nkeys/");
    await rescue("init", ...KNOWN);
    expect(await readFile(join(cwd, ".gitignore"), "utf8")).toBe("node_modules/\nkeys/\ninbox/\nrescue-data/\n");
  });

  it("touches nothing where a config is", async () => {
    await writeFile(join(cwd, "rescue.yaml"), "mine");
    const { status, err } = await rescue("init", ...KNOWN);
    expect(status).toBe(2);
    expect(err).toContain("exists and was not touched");
    expect(await readdir(cwd)).toEqual(["rescue.yaml"]);
  });

  it("keeps a key that is there, because the provider may have it already", async () => {
    await rescue("init", ...KNOWN);
    const before = await readFile(join(cwd, "keys/rescue_ed25519"), "utf8");
    await rm(join(cwd, "rescue.yaml"));
    const { status, out } = await rescue("init", ...KNOWN);
    expect(status).toBe(0);
    expect(out).toContain("it was there and is kept");
    expect(await readFile(join(cwd, "keys/rescue_ed25519"), "utf8")).toBe(before);
  });

  it("writes what it was given as plain text, whatever is in it", async () => {
    await rescue("init", "--merchant", "acme", ...KNOWN, "--inbound", 'to "flex": #1');
    const { merchants } = await loadConfig(join(cwd, "rescue.yaml"), {});
    expect(merchants[0]?.sftp.inbound).toBe('to "flex": #1');
  });

  it("makes everything in the folder it is given", async () => {
    const { out } = await rescue("init", "--dir", "shop", ...KNOWN);
    expect(await readdir(cwd)).toEqual(["shop"]);
    expect(out).toContain("Next: rescue doctor -c shop/rescue.yaml");
  });

  it("is one document with --json", async () => {
    const { out } = await rescue("init", "--json", "--merchant", "acme", ...KNOWN);
    expect(JSON.parse(out)).toMatchObject({
      type: "init",
      schema: 1,
      merchant: "acme",
      exit_status: 0,
      config: join(cwd, "rescue.yaml"),
      public_key: expect.stringMatching(/^ssh-ed25519 /),
      to_fill_in: [],
      to_confirm: flex.unconfirmed,
    });
  });

  it("names the nearest provider to one that does not exist, before anything is made", async () => {
    const { status, err } = await rescue("init", "--provider", "flx");
    expect(status).toBe(2);
    expect(err).toContain("Did you mean flex?");
    expect(await readdir(cwd)).toEqual([]);
  });

  it("says where it may not write", async () => {
    await writeFile(join(cwd, "file"), "");
    const { status, err } = await rescue("init", "--dir", "file/below", ...KNOWN);
    expect(status).toBe(1);
    expect(err).toContain(`cannot write in ${join(cwd, "file/below")}`);
  });
});

describe.runIf(openSshMissing() === undefined)("init with a host and no pin", () => {
  it("shows the server's keys to be compared, and writes none of them into the config", async () => {
    const server = await startOpenSsh();
    try {
      const { out } = await rescue("init", "--host", server.host, "--port", String(server.port));
      expect(out).toContain(`ssh-ed25519 ${server.hostKeyFingerprint}`);
      expect(await readFile(join(cwd, "rescue.yaml"), "utf8")).not.toContain(server.hostKeyFingerprint);
    } finally {
      await server.stop();
    }
  });

  it("does not fail where nobody answers", async () => {
    const { status, err } = await rescue("init", "--host", "127.0.0.1", "--port", "1");
    expect(status).toBe(0);
    expect(err).toContain("the host key could not be looked at");
  });
});
