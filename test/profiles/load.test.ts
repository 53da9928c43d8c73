import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { formatDuration } from "../../src/domain/instant.ts";
import { isProblem } from "../../src/domain/problem.ts";
import { flex } from "../../src/profiles/flex.ts";
import { BUILT_IN_PROFILES, loadProfile } from "../../src/profiles/load.ts";
import { parseProfile } from "../../src/profiles/parse-profile.ts";
import type { Profile } from "../../src/profiles/profile.ts";

// biome-ignore lint/suspicious/noExplicitAny: a form to be broken in any place.
type Form = Record<string, any>;

/** The built-in profile as a merchant would write it. */
function toYamlForm(profile: Profile): Form {
  const { id, title, unconfirmed, batch, delivery, results, window } = profile;
  return {
    id,
    title,
    unconfirmed,
    batch: {
      format: batch.format,
      delimiter: batch.delimiter,
      header: batch.header,
      newline: batch.newline === "\n" ? "lf" : "crlf",
      max_rows: batch.maxRows,
      name_template: batch.nameTemplate,
      columns: structuredClone(batch.columns),
    },
    delivery: {
      commit: delivery.commit,
      temporary_suffix: delivery.temporarySuffix,
      ignores_temporary_names: delivery.ignoresTemporaryNames,
      read_back: delivery.readBack,
    },
    results: {
      format: results.format,
      delimiter: results.delimiter,
      patterns: results.patterns,
      columns: { ...results.columns },
      amount_unit: results.amountUnit,
      statuses: { ...results.statuses },
      after_collect: results.afterCollect,
    },
    window: {
      after_window: window.afterWindow,
      grace: formatDuration(window.graceMs),
      minimum: formatDuration(window.minimumMs),
    },
  };
}

function issuesOf(change: (form: Form) => void): string[] {
  const form = toYamlForm(flex);
  change(form);
  return problemLines(() => parseProfile(stringify(form), "own.yaml"));
}

function problemLines(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (!isProblem(error, "profile_invalid")) throw error;
    return error.message.split("\n").slice(1);
  }
  return [];
}

describe("profiles", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rescue-profiles-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(Object.entries(BUILT_IN_PROFILES))("the built-in %s obeys every rule of a profile file", (id, profile) => {
    expect(profile.id).toBe(id);
    expect(parseProfile(stringify(toYamlForm(profile)), "built-in")).toEqual(profile);
  });

  test("are found by a built-in id or by a path", async () => {
    expect(await loadProfile("flex")).toBe(flex);
    const path = join(folder, "own.yaml");
    await writeFile(path, stringify({ ...toYamlForm(flex), id: "own" }));
    expect(await loadProfile(path)).toEqual({ ...flex, id: "own" });
  });

  test("an id that is not built in names the nearest, and a file that is not there is a problem too", async () => {
    const wrong = {
      code: "profile_invalid",
      message: 'there is no built-in profile "flx"',
      hint: "Did you mean flex?",
    };
    await expect(loadProfile("flx")).rejects.toMatchObject(wrong);
    await expect(loadProfile("__proto__")).rejects.toMatchObject({ code: "profile_invalid" });
    await expect(loadProfile(join(folder, "none.yaml"))).rejects.toMatchObject({ code: "profile_invalid" });
  });

  test("what is left out has the plainest meaning", () => {
    const form = toYamlForm(flex);
    const { max_rows, name_template, columns } = form["batch"];
    const { patterns, columns: resultColumns, amount_unit, statuses } = form["results"];
    const short = {
      id: "own",
      title: "Own",
      batch: { max_rows, name_template, columns },
      results: { patterns, columns: resultColumns, amount_unit, statuses },
      window: form["window"],
    };
    expect(parseProfile(stringify(short), "own.yaml")).toEqual({
      ...flex,
      id: "own",
      title: "Own",
      unconfirmed: [],
      delivery: { ...flex.delivery, readBack: false },
    });
  });

  test("every issue is reported at once, each with its line", () => {
    const text = [
      "id: Own Profile",
      "title: Own",
      "batch:",
      "  max_rows: 0",
      "  name_templat: x.csv",
      "  columns:",
      "    - { name: id, from: order_id }",
      "    - { name: id, from: amount }",
      "results:",
      "  patterns: []",
      "  amount_unit: pence",
    ].join("\n");
    expect(problemLines(() => parseProfile(text, "own.yaml"))).toEqual([
      "  line 1: id must be 1 to 40 of a-z, 0-9 and -",
      "  line 1: window is missing",
      "  line 3: batch.name_template is missing",
      "  line 4: batch.max_rows must be at least 1",
      "  line 5: batch.name_templat is not known here; did you mean name_template?",
      "  line 6: batch.columns two columns have the same name",
      "  line 6: batch.columns must send order_id, amount, currency",
      "  line 8: batch.columns.1 as does not fit the column: amount is minor_units or major_units, a time is instant, the rest is text",
      "  line 9: results.columns is missing",
      "  line 9: results.statuses is missing",
      "  line 10: results.patterns must not be empty",
      "  line 11: results.amount_unit must be minor or major",
    ]);
  });

  test("damaged YAML is named with its line, without repeating the line", () => {
    const lines = problemLines(() => parseProfile('id: own\ntitle: "secret\nbatch: {', "own.yaml"));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join()).not.toContain("secret");
    expect(problemLines(() => parseProfile("id: *nobody", "own.yaml"))).toHaveLength(1);
    expect(problemLines(() => parseProfile("id: !!js/function x", "own.yaml")).join()).toContain("line 1");
    expect(problemLines(() => parseProfile("", "own.yaml"))).toHaveLength(1);
  });

  test.each<[string, (form: Form) => void, string]>([
    ["two sources in a column", (form) => (form["batch"].columns[0].constant = "1"), "exactly one of"],
    ["no source in a column", (form) => (form["batch"].columns[0] = { name: "x" }), "exactly one of"],
    ["an unknown column of ours", (form) => (form["batch"].columns[5].from = "order"), "must be order_id or"],
    ["an amount without its unit", (form) => delete form["batch"].columns[9].as, "as does not fit"],
    ["a form without a column", (form) => (form["batch"].columns[0].as = "text"), "as goes with from"],
    ["two columns of one name", (form) => (form["batch"].columns[0].name = "mid"), "the same name"],
    ["no order id", (form) => form["batch"].columns.splice(5, 1), "must send order_id"],
    ["a name without a number", (form) => (form["batch"].name_template = "x_{utc}.csv"), "must hold {number}"],
    ["a name with a folder", (form) => (form["batch"].name_template = "a/{number}"), "may hold letters"],
    ["an unknown place in a name", (form) => (form["batch"].name_template = "{day}{number}"), "may hold letters"],
    ["a temporary name without a try", (form) => (form["delivery"].temporary_suffix = ".part"), "must hold {try}"],
    ["a trigger without a name", (form) => (form["delivery"].trigger = "go"), "must hold {name}"],
    ["a trigger that is the file itself", (form) => (form["delivery"].trigger = "{name}"), "must hold {name}"],
    ["a status that is not ours", (form) => (form["results"].statuses.HELD = "held"), "must be pending or"],
    ["a status word twice", (form) => (form["results"].statuses.approved = "pending"), "there twice"],
    ["no word for success", (form) => (form["results"].statuses = { NO: "unrescued" }), "no word means rescued"],
    ["one header for two fields", (form) => (form["results"].columns.message = " Status"), "the same header"],
    ["a pattern of a path", (form) => (form["results"].patterns = ["out/*.csv"]), "not of paths"],
    ["an unknown wish for afterwards", (form) => (form["results"].after_collect = "burn"), "must be leave, delete"],
    ["a long delimiter", (form) => (form["batch"].delimiter = "::"), "must be a comma"],
    ["a duration without a unit", (form) => (form["window"].grace = "2"), "must be a duration"],
  ])("%s is refused", (_what, change, words) => {
    const issues = issuesOf(change);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toContain(words);
    expect(issues[0]).toMatch(/line \d+: \w/);
  });

  test("collected files may be moved away", () => {
    const form = toYamlForm(flex);
    form["results"].after_collect = { move_to: "/outbound/done" };
    expect(parseProfile(stringify(form), "own.yaml").results.afterCollect).toEqual({ moveTo: "/outbound/done" });
  });
});
