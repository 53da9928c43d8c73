/** Whom we talk to: nothing is offered to a server that is not the expected one. Against OpenSSH with three host keys. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../src/domain/problem.ts";
import { fetchHostKeys } from "../../src/transport/fetch-host-keys.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { TrustedHostKeys } from "../../src/transport/sftp-settings.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { startEmbeddedServer } from "./embedded-server.ts";
import { expectNothingOpen, settingsFor } from "./fixtures.ts";

const NOBODY = `SHA256:${"A".repeat(43)}`;

describe.skipIf(openSshMissing() !== undefined)("the SFTP server's host key", () => {
  const local = mkdtempSync(join(tmpdir(), "rescue-host-keys-"));
  const knownHosts = join(local, "known_hosts");
  let server: OpenSsh;
  let rsaOnly: OpenSsh;

  beforeAll(async () => {
    server = await startOpenSsh({ hostKeyTypes: ["ed25519", "rsa", "ecdsa"] });
    rsaOnly = await startOpenSsh({ hostKeyTypes: ["rsa"] });
  });
  afterEach(async () => {
    await expectNothingOpen(server);
    await expectNothingOpen(rsaOnly);
  });
  afterAll(async () => {
    rmSync(local, { recursive: true });
    await server.stop();
    await rsaOnly.stop();
  });

  const connect = (hostKeys: TrustedHostKeys, to = server) =>
    createSftpTransport(settingsFor(to, { hostKeys })).connect();
  const connects = async (hostKeys: TrustedHostKeys, to = server) => {
    const drop = await connect(hostKeys, to);
    await drop.close();
    return drop.about.hostKeyFingerprint;
  };
  const refusal = async (hostKeys: TrustedHostKeys, to = server): Promise<Problem> => {
    const begun = performance.now();
    const problem: Problem = await connect(hostKeys, to).then(
      () => expect.unreachable("it connected"),
      (error) => error,
    );
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(problem).toMatchObject({ name: "Problem", code: "host_key_refused" });
    return problem;
  };
  const writeKnownHosts = (lines: readonly string[]): TrustedHostKeys => {
    writeFileSync(knownHosts, `${lines.join("\n")}\n`);
    return { knownHostsPath: knownHosts };
  };
  const name = (of = server) => `[127.0.0.1]:${of.port}`;

  it.each(["ed25519", "rsa", "ecdsa"] as const)(
    "is accepted by a pin of its %s key, whichever it would show first",
    async (type) => {
      const fingerprint = server.hostKeyFingerprints[type] ?? "";
      expect(await connects({ pins: [fingerprint] })).toBe(fingerprint);
      expect(await connects({ pins: [NOBODY, fingerprint] })).toBe(fingerprint);
    },
  );

  it("is accepted by a pin that names the type, and asked for that type only", async () => {
    const rsa = server.hostKeyFingerprints.rsa ?? "";
    expect(await connects({ pins: [`ssh-rsa ${rsa}`] })).toBe(rsa);
    expect(await connects({ pins: [`ssh-rsa ${rsa}=`] })).toBe(rsa);
    const problem = await refusal({ pins: [`ssh-ed25519 ${rsa}`] });
    expect(problem.message).toContain(`ssh-ed25519 ${server.hostKeyFingerprint}`);
    expect(problem.message.match(/SHA256:/g)).toHaveLength(2);
  });

  it("is refused with every fingerprint expected and offered, and how to compare them", async () => {
    const problem = await refusal({ pins: [NOBODY] });
    expect(problem.message).toContain(NOBODY);
    expect(problem.message).toContain(`127.0.0.1:${server.port}`);
    for (const fingerprint of Object.values(server.hostKeyFingerprints)) expect(problem.message).toContain(fingerprint);
    for (const type of ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"]) expect(problem.message).toContain(type);
    expect(problem.hint).toContain("Nothing was sent");
    expect(problem.hint).toContain("by another way");
  });

  it("is refused when it has only a type that no pin names, and shown all the same", async () => {
    const problem = await refusal({ pins: [`ssh-ed25519 ${NOBODY}`] }, rsaOnly);
    expect(problem.message).toContain(rsaOnly.hostKeyFingerprint);
  });

  it("is not offered the user's name or key when it is refused", async () => {
    await generateKeyPair(join(local, "host"), "embedded");
    const embedded = await startEmbeddedServer(readFileSync(join(local, "host"), "utf8"));
    const settings = { ...settingsFor(server, { hostKeys: { pins: [NOBODY] } }), port: embedded.port };
    expect(await problemCode(createSftpTransport(settings).connect())).toBe("host_key_refused");
    expect(embedded.logins).toEqual([]);
    await embedded.stop();
  });

  it("is found in known_hosts by any of its keys, even if the file knows it by RSA only", async () => {
    for (const key of server.hostPublicKeys) {
      expect(await connects(writeKnownHosts([`${name()} ${key}`]))).toMatch(/^SHA256:/);
    }
    expect(await connects(writeKnownHosts([`[127.0.0.*]:${server.port} ${server.hostPublicKeys[1]}`]))).toBe(
      server.hostKeyFingerprints.rsa,
    );
  });

  it("is refused when known_hosts has another key, none, or a revoked one", async () => {
    const [key = ""] = server.hostPublicKeys;
    const changed = await refusal(writeKnownHosts([`${name(rsaOnly)} ${server.hostPublicKeys[1]}`]), rsaOnly);
    expect(changed.message).toContain(server.hostKeyFingerprints.rsa);
    expect(changed.message).toContain(rsaOnly.hostKeyFingerprint);
    const unknown = await refusal(writeKnownHosts([`elsewhere ${key}`, `@cert-authority * ${key}`]));
    expect(unknown.message).toContain("no key at all for this host");
    expect(unknown.message).toContain(server.hostKeyFingerprint);
    const revoked = await refusal(writeKnownHosts([`${name()} ${key}`, `@revoked * ${key}`]));
    expect(revoked.message).toContain("revoked");
    const rotated = await refusal(writeKnownHosts([`${name(rsaOnly)} ${key}`]), rsaOnly);
    expect(rotated.message).toContain(rsaOnly.hostKeyFingerprint);
  });

  it("cannot be verified without a known_hosts file or a proper pin, so no connection is made", async () => {
    await refusal({ knownHostsPath: join(local, "missing") });
    expect(await problemCode(connect({ pins: [] }))).toBe("config_invalid");
    for (const pin of ["", "SHA256:short", "MD5:00:11", `ssh-dss ${NOBODY}`, NOBODY.slice(7)]) {
      expect(await problemCode(connect({ pins: [pin] }))).toBe("config_invalid");
    }
  });

  it("is shown whole, without logging in, to be compared by a person", async () => {
    const shown = await fetchHostKeys("127.0.0.1", server.port, 5_000);
    expect(shown).toEqual([
      { type: "ssh-ed25519", fingerprint: server.hostKeyFingerprints.ed25519 },
      { type: "ecdsa-sha2-nistp256", fingerprint: server.hostKeyFingerprints.ecdsa },
      { type: "ssh-rsa", fingerprint: server.hostKeyFingerprints.rsa },
    ]);
  });

  it("is waited for only as long as was allowed", async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const begun = performance.now();
    expect(await problemCode(fetchHostKeys("127.0.0.1", port, 300))).toBe("remote_unreachable");
    expect(performance.now() - begun).toBeLessThan(1_000);
    silent.close();
    expect(await problemCode(fetchHostKeys("127.0.0.1", port, 300))).toBe("remote_unreachable");
  });
});
