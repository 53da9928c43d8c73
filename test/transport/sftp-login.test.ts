/** Who we are: every form of user key, the agent, and what is said when a key is not fit or not wanted. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../src/domain/problem.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpAuth } from "../../src/transport/sftp-settings.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { fingerprintOf, type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { expectNothingOpen, settingsFor } from "./fixtures.ts";

describe.skipIf(openSshMissing() !== undefined)("the SFTP login", () => {
  const local = mkdtempSync(join(tmpdir(), "rescue-login-"));
  let server: OpenSsh;

  beforeAll(async () => {
    server = await startOpenSsh();
  });
  afterEach(() => expectNothingOpen(server));
  afterAll(async () => {
    rmSync(local, { recursive: true });
    await server.stop();
  });

  const connect = (auth: SftpAuth) => createSftpTransport(settingsFor(server, { auth })).connect();
  const logsIn = async (auth: SftpAuth) => {
    const drop = await connect(auth);
    expect((await drop.list("inbound")).length).toBe(0);
    await drop.close();
  };
  const refusal = async (auth: SftpAuth): Promise<Problem> =>
    connect(auth).then(
      () => expect.unreachable("it logged in"),
      (error) => error,
    );

  it.each([
    ["ed25519", {}],
    ["ecdsa", { type: "ecdsa" }],
    ["rsa", { type: "rsa" }],
    ["rsa in the old PEM form", { type: "rsa", format: "PEM" }],
    ["encrypted ed25519", { passphrase: "open sesame" }],
    ["encrypted rsa in the old PEM form", { type: "rsa", format: "PEM", passphrase: "open sesame" }],
  ] as const)("takes a key that is %s", async (_, key) => {
    const privateKeyPath = await server.makeUserKey(key);
    await logsIn("passphrase" in key ? { privateKeyPath, passphrase: key.passphrase } : { privateKeyPath });
  });

  it("takes keys from the agent, and says so when there is no agent", async () => {
    const agentSocket = join(local, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", agentSocket], { stdio: "ignore" });
    while (!existsSync(agentSocket)) await sleep(10);
    const env = { ...process.env, SSH_AUTH_SOCK: agentSocket };
    const add = (path: string) => execFileSync("ssh-add", ["-q", path], { env, stdio: "ignore" });
    expect(await refusal({ agentSocket })).toMatchObject({ code: "authentication_refused" });
    // The wrong one is tried first.
    add(await server.makeUserKey({ authorize: false }));
    add(await server.makeUserKey({ type: "rsa" }));
    await logsIn({ agentSocket });
    agent.kill();
    const problem = await refusal({ agentSocket: join(local, "nobody") });
    expect(problem).toMatchObject({ code: "key_unusable", hint: expect.stringContaining("ssh-add -l") });
  });

  it("names the user and the key that the server refused, without trying again", async () => {
    const privateKeyPath = await server.makeUserKey({ authorize: false });
    const begun = performance.now();
    const problem = await refusal({ privateKeyPath });
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(problem.code).toBe("authentication_refused");
    for (const word of [server.username, fingerprintOf(privateKeyPath), privateKeyPath, String(server.port)]) {
      expect(problem.message).toContain(word);
    }
    expect(problem.hint).toContain("will not help");
  });

  it("refuses a key that others can read, before connecting", async () => {
    const privateKeyPath = await server.makeUserKey();
    for (const mode of [0o644, 0o640, 0o660]) {
      chmodSync(privateKeyPath, mode);
      const problem = await refusal({ privateKeyPath });
      expect(problem).toMatchObject({
        code: "key_unusable",
        hint: expect.stringContaining(`chmod 600 ${privateKeyPath}`),
      });
    }
    chmodSync(privateKeyPath, 0o400);
    await logsIn({ privateKeyPath });
  });

  it.each(["OpenSSH", "PEM"])(
    "says whether the passphrase of an encrypted key (%s) is missing or wrong",
    async (form) => {
      const format = form === "PEM" ? ({ format: "PEM", type: "rsa" } as const) : {};
      const privateKeyPath = await server.makeUserKey({ passphrase: "open sesame", ...format });
      const missing = await refusal({ privateKeyPath });
      expect(missing).toMatchObject({ code: "key_unusable", message: expect.stringContaining("no passphrase is set") });
      const wrong = await refusal({ privateKeyPath, passphrase: "hunter2" });
      expect(wrong).toMatchObject({ code: "key_unusable", message: expect.stringContaining("does not open") });
      expect(`${wrong.message} ${wrong.hint} ${wrong.stack}`).not.toContain("hunter2");
    },
  );

  it("says how to rewrite a key in a form that cannot be read", async () => {
    const pkcs8 = join(local, "pkcs8");
    const { privateKey } = await import("node:crypto").then((crypto) => crypto.generateKeyPairSync("ed25519"));
    writeFileSync(pkcs8, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    const noKey = join(local, "no-key");
    writeFileSync(noKey, "this is not a key", { mode: 0o600 });
    for (const path of [pkcs8, noKey]) {
      const problem = await refusal({ privateKeyPath: path });
      expect(problem).toMatchObject({
        code: "key_unusable",
        hint: expect.stringContaining(`ssh-keygen -p -f ${path}`),
      });
    }
  });

  it("tells a public key and a missing file from a private key", async () => {
    const path = await server.makeUserKey();
    chmodSync(`${path}.pub`, 0o600);
    expect(await refusal({ privateKeyPath: `${path}.pub` })).toMatchObject({
      code: "key_unusable",
      message: expect.stringContaining("public key"),
    });
    expect(await problemCode(connect({ privateKeyPath: join(local, "missing") }))).toBe("key_unusable");
    expect(await problemCode(connect({ privateKeyPath: local }))).toBe("key_unusable");
  });

  it("works with a key pair of our own making, which ssh-keygen reads as well", async () => {
    const path = join(local, "rescue_ed25519");
    const line = await generateKeyPair(path, "rescue acme");
    expect(line).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ rescue acme$/);
    expect(readFileSync(`${path}.pub`, "utf8")).toBe(`${line}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(execFileSync("ssh-keygen", ["-y", "-P", "", "-f", path], { encoding: "utf8" }).trim()).toBe(line);
    await appendFile(join(server.root, "..", "authorized_keys"), `${line}\n`);
    await logsIn({ privateKeyPath: path });
  });

  it("never writes over a key", async () => {
    const path = join(local, "kept");
    writeFileSync(`${path}.pub`, "theirs");
    expect(await problemCode(generateKeyPair(path, ""))).toBe("key_unusable");
    expect(existsSync(path)).toBe(false);
    rmSync(`${path}.pub`);
    writeFileSync(path, "theirs");
    expect(await problemCode(generateKeyPair(path, ""))).toBe("key_unusable");
    expect(readFileSync(path, "utf8")).toBe("theirs");
    expect(existsSync(`${path}.pub`)).toBe(false);
  });

  it("makes 1000 key pairs that can all be read", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rescue-keys-"));
    for (let index = 0; index < 1000; index += 1) {
      await generateKeyPair(join(folder, String(index)), "x".repeat(index % 9));
      const key = ssh2.utils.parseKey(readFileSync(join(folder, String(index)), "utf8"));
      if (key instanceof Error) expect.unreachable(`${index}: ${key.message}`);
    }
    rmSync(folder, { recursive: true });
  });
});
