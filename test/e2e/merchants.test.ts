/** Several merchants in one config: each for itself, and the worst status for all. */
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { exists, exportOf, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import type { Json } from "../support/rescue.ts";

const missing = openSshMissing();

const WRONG_PIN = { sftp: { host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } };

describe.skipIf(missing !== undefined)("several merchants", () => {
  const shared = shareServer();

  /** Each with one order of its own in the inbox. */
  async function makeThree(middle: Json = {}) {
    const made = await shared.make({ acme: {}, bolt: middle, core: { mid: "core.1" } });

    for (const [id, { inbox }] of Object.entries(made.merchants)) {
      await writeFile(`${inbox}/rebills.csv`, exportOf([{ order: `${id}-1` }]));
    }
    return made;
  }

  test("one line of JSON for each, in the config's order; each file goes to its own folder under its own mid", async () => {
    const made = await makeThree();

    const ran = await made.rescue(["run", "--json"]);

    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(
      ran.documents.map(({ type, schema, merchant, exit_status }) => [type, schema, merchant, exit_status]),
    ).toEqual([
      ["run", 1, "acme", 0],
      ["run", 1, "bolt", 0],
      ["run", 1, "core", 0],
    ]);
    for (const document of ran.documents) {
      const [batch] = document["submission"].batches;
      expect(batch.name).toContain(document["merchant"] === "core" ? "_core.1_" : `_mid-${document["merchant"]}_`);
      const text = await readFile(batch.remote_path, "utf8");
      expect(text).toContain(`,${document["merchant"]}-1,`);
      expect(text.trimEnd().split("\n")).toHaveLength(2);
    }
  });

  test("one with a wrong host key is 11 and does not keep the others from their turn", async () => {
    const made = await makeThree(WRONG_PIN);

    const ran = await made.rescue(["run", "--json"]);

    expect(ran.status).toBe(11);
    expect(ran.documents.map(({ merchant, exit_status }) => [merchant, exit_status])).toEqual([
      ["acme", 0],
      ["bolt", 11],
      ["core", 0],
    ]);
    expect(ran.errors).toMatchObject([{ merchant: "bolt", code: "host_key_refused", exit_status: 11 }]);
    expect(ran.documents.map((document) => document["submission"].batches[0].state)).toEqual([
      "delivered",
      "archived",
      "delivered",
    ]);
  });

  test("11 outweighs 10 outweighs 3, and each merchant keeps its own", async () => {
    const made = await shared.make({ acme: { sftp: { port: 1 } }, bolt: WRONG_PIN, core: {} });

    const ran = await made.rescue(["collect", "--json"]);
    const two = await made.rescue(["collect", "--json", "--merchant", "acme"]);

    expect(ran.status).toBe(11);
    expect(ran.errors.map(({ merchant, exit_status }) => [merchant, exit_status])).toEqual([
      ["acme", 10],
      ["bolt", 11],
    ]);
    expect(ran.documents).toMatchObject([{ merchant: "core", exit_status: 0, files: [] }]);
    expect(two.status).toBe(10);
  });

  test("--merchant takes one alone; with a FILE it must be said which", async () => {
    const made = await makeThree();
    const file = `${made.merchants["bolt"]?.inbox}/rebills.csv`;

    const unsaid = await made.rescue(["submit", file, "--json"]);
    const sent = await made.rescue(["--merchant", "bolt", "submit", file, "--json"]);
    const unknown = await made.rescue(["run", "--merchant", "bot"]);

    expect(unsaid.status).toBe(2);
    expect(unsaid.errors[0]).toMatchObject({ code: "usage", merchant: null });
    expect(unsaid.errors[0]?.["hint"]).toContain("acme, bolt, core");
    expect(sent.status).toBe(0);
    expect(sent.documents).toMatchObject([{ merchant: "bolt", accepted: 1 }]);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain("Did you mean bolt?");
    expect(await exists(made.merchants["acme"]?.data ?? "")).toBe(false);
  });

  test("ledgers are apart: the same order id is another rebill, and a result is for one merchant only", async () => {
    const made = await shared.make({ acme: {}, bolt: {} });

    for (const { inbox } of Object.values(made.merchants)) {
      await writeFile(`${inbox}/rebills.csv`, exportOf([{ order: "same-1" }]));
    }
    expect((await made.rescue(["run"])).status).toBe(0);
    await made.writeResults("r.csv", resultsOf([{ order: "same-1", status: "APPROVED" }]));

    const ran = await made.rescue(["run", "--json"]);

    expect(ran.documents.map((document) => document["report"].currencies[0])).toMatchObject([
      { submitted: { count: 1 }, rescued: { count: 1, amount_minor: "1999" }, pending: { count: 0 } },
      { submitted: { count: 1 }, rescued: { count: 0, amount_minor: "0" }, pending: { count: 1 } },
    ]);
  });

  test("words name the merchant; quiet says nothing where all is well, and speaks where it is not", async () => {
    const made = await makeThree(WRONG_PIN);

    const quiet = await made.rescue(["run", "--quiet", "--merchant", "acme"]);
    const loud = await made.rescue(["run", "--quiet"]);

    expect(quiet).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(loud.status).toBe(11);
    expect(loud.stderr).toContain("fail: bolt: ");
    expect(loud.stdout).not.toContain("core");
    expect(loud.stdout + loud.stderr).not.toContain("\u001b");
  });

  test("one csv and one list of holds for all, with one header", async () => {
    const made = await makeThree();
    expect((await made.rescue(["run"])).status).toBe(0);

    const report = await made.rescue(["report", "--format", "csv"]);
    const holds = await made.rescue(["holds", "--list", "hold"]);
    const json = await made.rescue(["holds", "--json"]);

    expect(report.stdout.match(/^merchant,/gm)).toHaveLength(1);
    expect(report.stdout).toContain("bolt,2026-11-20T06:00:00Z,USD,submitted,1,19.99,1999,yes");
    expect(holds.stdout.trimEnd().split("\n")).toHaveLength(4);
    expect(json.documents.map(({ merchant, holds: rows }) => [merchant, rows.length])).toEqual([
      ["acme", 1],
      ["bolt", 1],
      ["core", 1],
    ]);
  });
});
