/** What stops before anything is sent: each status with a real cause, and what is said of it. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { exists, exportOf, exportOfCount, type MerchantFolder, rescue, shareServer } from "../support/e2e.ts";
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

describe.skipIf(missing !== undefined)("what stops before a server is asked", () => {
  const shared = shareServer();

  test.each([
    [["submti"], "submit"],
    [["run", "--jsn"], "--json"],
    [["run", "--deadline", "soon"], "duration"],
    [["collect", "--wait"], "--wait"],
    [["settle", "1"], "--reason"],
    [["run", "--as-of", "yesterday"], "ISO 8601"],
    [["report", "--format", "pdf"], "html"],
    [["run", "--merchant", "acne"], "acme"],
    [["validate"], "file"],
    [["help", "exit-statusse"], "exit-statuses"],
  ])("%j is wrong usage: 2, and says what would be right", async (args, words) => {
    const merchant = await shared.make();
    const refused = await merchant.rescue(args, { cwd: merchant.folder });

    expect(refused.status).toBe(2);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toContain(words);
    expect(await exists(merchant.data)).toBe(false);
  });

  test("an error of usage under --json is one line of JSON on stderr", async () => {
    const merchant = await shared.make();
    const refused = await rescue(["run", "--json", "--nope"], { cwd: merchant.folder });

    expect(refused).toMatchObject({ status: 2, stdout: "" });
    expect(refused.errors).toMatchObject([{ type: "error", schema: 1, merchant: null, code: "usage", exit_status: 2 }]);
    expect(refused.stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("a config with faults: 2, every one at once with path and line and the nearest key, and no value repeated", async () => {
    const merchant = await shared.make();
    await writeFile(
      merchant.config,
      [
        "version: 1",
        "merchants:",
        "  acme:",
        "    provder: flex",
        "    mid: m1",
        "    timezone: Mars/Olympus",
        "    inbox: ./inbox",
        "    sftp:",
        "      host: sftp.example.com",
        "      port: 70000",
        "      username: acme",
        "      password: hunter2",
        "      private_key: ./key",
        "      inbound: /inbound",
        "      outbound: /outbound",
        "    policy:",
        "      rescue_window: 7d",
        "      max_agee: 1d",
        "retension: 10d",
        "",
      ].join("\n"),
    );

    const refused = await merchant.rescue(["run"]);

    expect(refused).toMatchObject({ status: 2, stdout: "" });
    for (const words of [
      "line 4: merchants.acme.provder is not known here; did you mean provider?",
      "merchants.acme.provider is missing",
      "line 6: merchants.acme.timezone",
      "line 10: merchants.acme.sftp.port must be at most 65535",
      "exactly one of private_key, agent: true and password",
      "exactly one of host_key and known_hosts",
      "line 17: merchants.acme.policy.rescue_window must be at least 14d",
      "line 18: merchants.acme.policy.max_agee is not known here; did you mean max_age?",
      "line 19: retension is not known here; did you mean retention?",
    ]) {
      expect(refused.stderr).toContain(words);
    }
    expect(refused.stderr).not.toContain("hunter2");
  });

  test("no config, or one that needs a variable that is not set: 2", async () => {
    const merchant = await shared.make({ acme: { sftp: { username: fromEnvironment("SFTP_USER") } } });

    const nowhere = await rescue(["run", "-c", join(merchant.folder, "nowhere.yaml")]);
    const unset = await merchant.rescue(["run"]);

    expect(nowhere).toMatchObject({ status: 2, stdout: "" });
    expect(nowhere.stderr).toContain("rescue init");
    expect(unset.status).toBe(2);
    expect(unset.stderr).toContain("merchants.acme.sftp.username needs the environment variable SFTP_USER");
  });

  test("an export that stops as a whole is 2 where it was given, and its reason says that nothing was sent", async () => {
    const merchant = await shared.make();
    const give = async (name: string, content: string | Uint8Array) => {
      const path = join(merchant.folder, name);
      await writeFile(path, content);
      return path;
    };
    const cases: [path: string, code: string][] = [
      [merchant.folder, "export_unreadable"],
      [join(merchant.folder, "nowhere.csv"), "export_unreadable"],
      [await give("empty.csv", ""), "export_empty"],
      [await give("book.csv", Buffer.from("504b030414000600", "hex")), "export_unreadable"],
      [await give("few.csv", exportOf([]).replace(",payment_token", "")), "columns_missing"],
      [await give("twice.csv", exportOf([]).replace("decline_code", "decline_code,order_id")), "columns_duplicate"],
      [await give("cvv.csv", exportOf([]).replace("payment_token", "payment_token,Card-CVV2,cvv2")), "cvv_column"],
    ];

    const sent = await merchant.rescue(["submit", ...cases.map(([path]) => path), "--json"]);

    expect(sent.status).toBe(2);
    expect(sent.errors.map(({ code }) => code)).toEqual(cases.map(([, code]) => code));
    expect(sent.documents[0]?.["files"].map((file: { problem: { code: string } }) => file.problem.code)).toEqual(
      cases.map(([, code]) => code),
    );
    for (const error of sent.errors) {
      expect(error["exit_status"]).toBe(2);
      expect(error["hint"]).toMatch(/[Nn]othing/);
    }
    expect(await merchant.delivered()).toEqual([]);
    const validated = await merchant.rescue(["validate", ...cases.map(([path]) => path), "--json"]);
    expect(validated.status).toBe(2);
    expect(validated.documents[0]?.["files"].map((file: { problem: { code: string } }) => file.problem.code)).toEqual(
      cases.map(([, code]) => code),
    );
  });

  test("a data folder of another host: 1, until a person says that it moved", async () => {
    const merchant = await shared.make();
    const there = { env: { RESCUE_HOST: "the-old-machine" } };
    expect((await merchant.rescue(["collect"], there)).status).toBe(0);

    const refused = await merchant.rescue(["collect", "--json"]);

    expect(refused.status).toBe(1);
    expect(refused.errors[0]).toMatchObject({ code: "ledger_other_host", exit_status: 1 });
    expect(refused.errors[0]?.["message"]).toContain("the-old-machine");
    expect(refused.errors[0]?.["message"]).toContain(hostname());
    expect((await merchant.rescue(["collect"], { env: { RESCUE_ADOPT_LEDGER: "acme" } })).status).toBe(0);
    expect((await merchant.rescue(["collect"])).status).toBe(0);
    expect((await merchant.rescue(["collect"], there)).status).toBe(1);
  });

  test("a ledger written by a newer program: 1, and unchanged", async () => {
    const merchant = await shared.make();
    expect((await merchant.rescue(["status"])).status).toBe(0);
    const path = join(merchant.data, "ledger.db");
    const db = new Database(path);
    db.prepare("INSERT INTO migration (version, recorded_at) VALUES (999, 0)").run();
    db.close();

    const refused = await merchant.rescue(["run", "--json"]);

    expect(refused.status).toBe(1);
    expect(refused.errors[0]).toMatchObject({ code: "ledger_newer", exit_status: 1 });
    expect(refused.errors[0]?.["hint"]).toContain("Nothing was changed");
  });

  test("a ledger that is no database: 1, and the file stays as it is", async () => {
    const merchant = await shared.make();
    expect((await merchant.rescue(["status"])).status).toBe(0);
    await writeFile(join(merchant.data, "ledger.db"), "this is no database, whatever its name says\n".repeat(100));

    expect((await merchant.rescue(["run", "--json"])).errors[0]).toMatchObject({
      code: "ledger_damaged",
      exit_status: 1,
    });
  });

  test("a data folder that cannot be written: 1, and nothing was sent", async () => {
    const merchant = await shared.make();
    // A file where the folder should be stops root too.
    await writeFile(join(merchant.folder, "rescue-data"), "");

    const refused = await merchant.rescue(["submit", await merchant.writeExport("a.csv", exportOfCount(1)), "--json"]);

    expect(refused.status).toBe(1);
    expect(refused.errors[0]).toMatchObject({ code: "disk_failed", exit_status: 1 });
    expect(await merchant.delivered()).toEqual([]);
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
