import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownHostsPolicy, readHostKey } from "../../src/transport/host-key.ts";
import { openSshMissing } from "../support/openssh.ts";

/** Made for this test; nobody has the private halves. */
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICpQQ4WAeoDgLhGzvGqJmUSfMgHwBhq6oAIp1Ft1UvS/";
const OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBl4mNl3pWUNbNRRXHSrT1WVRmWPUzKcVXuGk0VJPm1S";
const ED25519_KEY = readHostKey(Buffer.from(ED25519.split(" ")[1] ?? "", "base64"));

function judge(text: string, host = "sftp.example.com", port = 22) {
  return knownHostsPolicy("known_hosts", text, host, port).judge(ED25519_KEY);
}

describe("known_hosts", () => {
  it.each([
    ["a plain name", `sftp.example.com ${ED25519}`],
    ["a name among others, with a comment", `other.example.com,sftp.example.com,192.0.2.1 ${ED25519} the provider`],
    ["capitals", `SFTP.Example.COM ${ED25519}`],
    ["a wildcard", `*.example.com ${ED25519}`],
    ["a question mark", `sft?.example.com ${ED25519}`],
    ["tabs, blank lines, comments and CRLF", `# ours\r\n\r\nsftp.example.com\t${ED25519}\r\n`],
    ["the second of two keys", `sftp.example.com ${OTHER}\nsftp.example.com ${ED25519}`],
    ["a negated pattern that does not match", `*.example.com,!test.example.com ${ED25519}`],
  ])("accepts %s", (_, text) => {
    expect(judge(text)).toBe("accepted");
  });

  it.each([
    ["an empty file", ""],
    ["another name", `sftp.example.org ${ED25519}`],
    ["another key", `sftp.example.com ${OTHER}`],
    ["a dot that would match any character", `sftpXexample.com ${ED25519}`],
    ["a negated pattern, wherever it stands", `*.example.com,!sftp.example.com ${ED25519}`],
    ["a certificate authority", `@cert-authority *.example.com ${ED25519}`],
    ["a marker nobody knows", `@trusted sftp.example.com ${ED25519}`],
    ["a comment", `#sftp.example.com ${ED25519}`],
    ["a key whose two types disagree", `sftp.example.com ${ED25519.replace("ssh-ed25519", "ssh-rsa")}`],
    ["a line without a key", "sftp.example.com ssh-ed25519"],
    ["the same name on another port", `[sftp.example.com]:2222 ${ED25519}`],
  ])("refuses %s", (_, text) => {
    expect(judge(text)).toBe("refused");
  });

  it("tells ports apart", () => {
    expect(judge(`[sftp.example.com]:2222 ${ED25519}`, "sftp.example.com", 2222)).toBe("accepted");
    expect(judge(`[sftp.example.com]:2222 ${ED25519}`, "sftp.example.com", 2223)).toBe("refused");
    expect(judge(`sftp.example.com ${ED25519}`, "sftp.example.com", 2222)).toBe("refused");
    expect(judge(`[*.example.com]:2222 ${ED25519}`, "sftp.example.com", 2222)).toBe("accepted");
  });

  it("lets a revoked key weigh more than any line that knows it", () => {
    expect(judge(`sftp.example.com ${ED25519}\n@revoked * ${ED25519}`)).toBe("revoked");
    expect(judge(`sftp.example.com ${ED25519}\n@revoked other.example.com ${ED25519}`)).toBe("accepted");
    expect(judge(`sftp.example.com ${ED25519}\n@revoked * ${OTHER}`)).toBe("accepted");
  });

  it.skipIf(openSshMissing() !== undefined)("reads what ssh-keygen -H has hashed", () => {
    const folder = mkdtempSync(join(tmpdir(), "rescue-known-hosts-"));
    const path = join(folder, "known_hosts");
    writeFileSync(path, `sftp.example.com ${ED25519}\n[sftp.example.com]:2222 ${ED25519}\n`);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", path], { stdio: "ignore" });
    const hashed = readFileSync(path, "utf8");
    rmSync(folder, { recursive: true });
    expect(hashed).not.toContain("example");
    expect(judge(hashed)).toBe("accepted");
    expect(judge(hashed, "sftp.example.com", 2222)).toBe("accepted");
    expect(judge(hashed, "sftp.example.com", 2223)).toBe("refused");
    expect(judge(hashed, "sftp.example.org")).toBe("refused");
  });
});
