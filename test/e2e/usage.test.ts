/** What stops before a server is asked: flags, config, exports that cannot be read (2), and the data folder (1). */
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { exists, exportOf, exportOfCount, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import { rescue } from "../support/rescue.ts";

const missing = openSshMissing();

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
