/** The helper other tests stand on: OpenSSH's own client must be able to use the server it starts. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSshMissing, startOpenSsh } from "../support/openssh.ts";

const noSftpClient = openSshMissing() !== undefined;

describe.skipIf(noSftpClient)("the OpenSSH server of the tests", () => {
  it("takes a file from OpenSSH's own sftp, by relative and by absolute path, and leaves nothing behind", async () => {
    const server = await startOpenSsh({ hostKeyTypes: ["ed25519", "rsa"] });
    const folder = join(server.root, "..");
    writeFileSync(join(folder, "known_hosts"), server.hostPublicKeys.map((key) => `* ${key}\n`).join(""));
    writeFileSync(join(folder, "batch"), `put ${folder}/batch inbound/a\nput ${folder}/batch ${server.outbound}/b\n`);
    execFileSync("sftp", [
      ...["-q", "-b", join(folder, "batch"), "-P", String(server.port), "-i", server.privateKeyPath],
      ...["-o", "IdentitiesOnly=yes", "-o", `UserKnownHostsFile=${folder}/known_hosts`, "-F", "none"],
      `${server.username}@${server.host}`,
    ]);
    expect(readFileSync(join(server.inbound, "a"), "utf8")).toContain("put");
    expect(existsSync(join(server.outbound, "b"))).toBe(true);
    expect(server.hostKeyFingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    await server.stop();
    expect(server.connectionPids()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});
