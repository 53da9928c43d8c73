/** What stops before anything is sent: each status with a real cause, and what is said of it. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { exportOfCount, type MerchantFolder, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("a server that does not let us", () => {
  const shared = shareServer();

  async function submitOne(merchant: MerchantFolder) {
    const file = await merchant.writeExport("a.csv", exportOfCount(2));
    return merchant.rescue(["submit", file, "--json"]);
  }

  test("nobody listens: 10, nothing sent, and the next run sends it", async () => {
    const port = await freePort();
    const merchant = await shared.make({ acme: { sftp: { port } } });

    const sent = await submitOne(merchant);

    expect(sent.status).toBe(10);
    expect(sent.errors).toEqual([
      expect.objectContaining({
        type: "error",
        schema: 1,
        merchant: "acme",
        code: "remote_unreachable",
        exit_status: 10,
        message: expect.stringContaining(`127.0.0.1:${port}`),
        hint: expect.stringContaining("Nothing was sent"),
      }),
    ]);
    expect(sent.documents[0]).toMatchObject({
      exit_status: 10,
      accepted: 2,
      batches: [{ state: "archived", rows: 2 }],
    });
    const config = await readFile(merchant.config, "utf8");
    await writeFile(merchant.config, config.replace(`port: ${port}`, `port: ${shared.server.port}`));
    const again = await merchant.rescue(["submit", "--json"]);
    expect(again.status).toBe(0);
    expect(again.documents[0]?.["batches"]).toMatchObject([{ batch_id: 1, state: "delivered", rows: 2 }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("another host key: 11 within a second, naming expected and offered fingerprints; the user key is not offered", async () => {
    const expected = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const merchant = await shared.make({ acme: { sftp: { host_key: expected } } });
    const logged = shared.server.log().length;
    const file = await merchant.writeExport("a.csv", exportOfCount(1));
    const begun = performance.now();

    const sent = await merchant.rescue(["submit", file, "--json"]);

    expect(performance.now() - begun).toBeLessThan(2_500);
    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "host_key_refused", exit_status: 11 });
    expect(sent.errors[0]?.["message"]).toContain(expected);
    expect(sent.errors[0]?.["message"]).toContain(shared.server.hostKeyFingerprint);
    expect(shared.server.log().slice(logged)).not.toContain("Accepted");
    expect(await merchant.delivered()).toEqual([]);
  });

  test("a key that the server does not know: 11, naming the user and the key's fingerprint", async () => {
    const stranger = await shared.server.makeUserKey({ authorize: false });
    const merchant = await shared.make({ acme: { sftp: { private_key: stranger } } });

    const sent = await submitOne(merchant);

    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "authentication_refused" });
    expect(sent.errors[0]?.["message"]).toContain("SHA256:");
  });

  test("a key that others can read: 11, with the command that mends it, and no connection", async () => {
    const merchant = await shared.make();
    const key = join(merchant.folder, "rescue_ed25519");
    await chmod(key, 0o644);
    const logged = shared.server.log();

    const sent = await submitOne(merchant);

    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "key_unusable" });
    expect(sent.errors[0]?.["hint"]).toContain(`chmod 600 ${key}`);
    expect(shared.server.log()).toBe(logged);
  });

  test("a key that is not there, or needs a passphrase that is not set: 11", async () => {
    const encrypted = await shared.server.makeUserKey({ passphrase: "correct horse" });
    const absent = await shared.make({ acme: { sftp: { private_key: "./nowhere" } } });
    const locked = await shared.make({
      acme: { sftp: { private_key: encrypted, passphrase: fromEnvironment("PASSPHRASE") } },
    });
    const file = await locked.writeExport("a.csv", exportOfCount(1));

    expect((await submitOne(absent)).errors[0]).toMatchObject({ code: "key_unusable", exit_status: 11 });
    const wrong = await locked.rescue(["submit", file, "--json"], { env: { PASSPHRASE: "battery staple" } });
    expect(wrong.status).toBe(11);
    expect(wrong.stdout + wrong.stderr).not.toContain("battery staple");
    const right = await locked.rescue(["submit", "--json"], { env: { PASSPHRASE: "correct horse" } });
    expect(right.status).toBe(0);
    expect(right.documents[0]?.["batches"]).toMatchObject([{ state: "delivered" }]);
  });

  test("no inbound folder: 11, naming it; collecting does not need it", async () => {
    const merchant = await shared.make();
    await rm(merchant.inbound, { recursive: true });

    const sent = await submitOne(merchant);

    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "remote_folder_missing" });
    expect(sent.errors[0]?.["message"]).toContain(merchant.inbound);
    expect((await merchant.rescue(["collect"])).status).toBe(0);
    await mkdir(merchant.inbound);
    expect((await merchant.rescue(["submit"])).status).toBe(0);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("no outbound folder: collect is 11, and run sends all the same", async () => {
    const merchant = await shared.make();
    await rm(merchant.outbound, { recursive: true });
    await merchant.writeExport("a.csv", exportOfCount(1));

    const collected = await merchant.rescue(["collect", "--json"]);
    const ran = await merchant.rescue(["run", "--json"]);

    expect(collected).toMatchObject({ status: 11 });
    expect(collected.errors[0]).toMatchObject({ code: "remote_folder_missing", exit_status: 11 });
    expect(ran.status).toBe(11);
    expect(ran.errors).toHaveLength(1);
    expect(ran.documents[0]?.["submission"].batches).toMatchObject([{ state: "delivered" }]);
    expect(await merchant.delivered()).toHaveLength(1);
  });

  test("a deadline that is over: 10, and nothing lost", async () => {
    const merchant = await shared.make();
    const file = await merchant.writeExport("a.csv", exportOfCount(1));

    const cut = await merchant.rescue(["submit", file, "--deadline", "1ms", "--json"]);

    expect(cut.status).toBe(10);
    expect(cut.errors[0]).toMatchObject({ code: "deadline_reached", exit_status: 10 });
    expect((await merchant.rescue(["submit", file])).status).toBe(0);
    expect(await merchant.delivered()).toHaveLength(1);
  });
});

describe.skipIf(missing !== undefined)("a server that may only be read", () => {
  const shared = shareServer({ sftpFlags: ["-R"] });

  test("submit: 11, and the batch waits", async () => {
    const merchant = await shared.make();

    const sent = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOfCount(1)), "--json"]);

    expect(sent.status).toBe(11);
    expect(sent.errors[0]).toMatchObject({ code: "permission_denied" });
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ state: "archived" }]);
  });
});

describe.skipIf(missing !== undefined)("a server whose disk is full", () => {
  const shared = shareServer();
  let mounted = "";
  afterAll(() => {
    if (mounted !== "") execFileSync("umount", [mounted]);
  });

  test("submit: 10, no file and no part of one stays, and it goes when there is room", async (context) => {
    const merchant = await shared.make();
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", merchant.inbound], { stdio: "pipe" });
      mounted = merchant.inbound;
    } catch {
      process.stderr.write("\n!!! SKIPPED: a full disk needs the right to mount a small one\n\n");
      context.skip();
    }
    const file = await merchant.writeExport("a.csv", exportOfCount(1000));

    const sent = await merchant.rescue(["submit", file, "--json"]);

    expect(sent.status).toBe(10);
    expect(sent.errors[0]).toMatchObject({ code: "remote_failed", exit_status: 10 });
    expect(sent.documents[0]?.["batches"]).toMatchObject([{ state: "archived" }]);
    expect(await readdir(merchant.inbound)).toEqual([]);
    execFileSync("mount", ["-o", "remount,size=4m", merchant.inbound]);
    expect((await merchant.rescue(["submit"])).status).toBe(0);
    const [batch] = await merchant.delivered();
    expect(batch?.text.trimEnd().split("\n")).toHaveLength(1001);
  });
});

function fromEnvironment(name: string): string {
  return ["$", "{", name, "}"].join("");
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
