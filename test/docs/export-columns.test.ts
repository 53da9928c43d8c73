import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema } from "../../src/config/config-schema.ts";
import { REJECT_CODES, SKIP_CODES } from "../../src/domain/row-verdict.ts";
import { isCvvHeader } from "../../src/intake/cvv-header.ts";
import { REJECT_COLUMNS } from "../../src/intake/header.ts";
import { readAll } from "../intake/read-all.ts";
import { columnsTable, exampleExport, neverRetryTable } from "./columns-tables.ts";
import { pathOf, plain, readPage, sectionOf, tableRows, withBlocks } from "./page.ts";

const PAGE = "docs/export-columns.md";
const FIXTURE = "fixtures/example-export.csv";

describe(PAGE, () => {
  test("its tables of columns and of codes never retried are those of the code (vitest -u writes them)", async () => {
    const page = withBlocks(await readPage(PAGE), { columns: columnsTable(), "never-retry": neverRetryTable() });
    await expect(page).toMatchFileSnapshot(pathOf(PAGE));
  });

  test("it names every skip code and every reject code once, in the code's order", async () => {
    const page = await readPage(PAGE);
    expect(tableRows(sectionOf(page, "Skipped")).map(([code = ""]) => plain(code))).toEqual(SKIP_CODES);
    expect(tableRows(sectionOf(page, "Rejected")).map(([code = ""]) => plain(code))).toEqual(REJECT_CODES);
  });

  test("every name it gives for a security-code column stops a file, and its counter-examples do not", async () => {
    const section = sectionOf(await readPage(PAGE), "Card numbers and security codes");
    const namesAfter = (lead: string) => {
      const sentence = new RegExp(`${lead} ((?:\`[^\`]+\`[, ]*)+)`).exec(section.replaceAll("\n", " "))?.[1] ?? "";
      return [...sentence.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    };
    const stopping = namesAfter("security codes are named");
    expect(stopping.length).toBeGreaterThan(8);
    expect(stopping.filter((name) => !isCvvHeader(name))).toEqual([]);
    const passing = namesAfter("pass, such as");
    expect(passing.length).toBeGreaterThan(1);
    expect(passing.filter(isCvvHeader)).toEqual([]);
  });

  test("it names the columns of the rejects file", async () => {
    const section = sectionOf(await readPage(PAGE), "The rejects file");
    for (const column of REJECT_COLUMNS) expect(section).toContain(`\`${column}\``);
  });

  test("its example of `columns:` is a config that is taken", async () => {
    const section = sectionOf(await readPage(PAGE), "Other names: `columns:`");
    const yaml = /```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? "";
    const { merchants } = parse(yaml) as { merchants: { acme: object } };
    const sftp = {
      host: "sftp.example.com",
      username: "acme",
      agent: true,
      known_hosts: "known_hosts",
      inbound: "/inbound",
      outbound: "/outbound",
    };
    const rest = { provider: "flex", mid: "m", timezone: "UTC", inbox: "inbox", sftp };
    const config = configSchema.parse({ version: 1, merchants: { acme: { ...rest, ...merchants.acme } } });
    expect(Object.keys(config.merchants["acme"]?.columns ?? {}).length).toBeGreaterThan(0);
  });
});

describe(FIXTURE, () => {
  test("has every column of the table (vitest -u writes it)", async () => {
    await expect(exampleExport()).toMatchFileSnapshot(pathOf(FIXTURE));
  });

  test("is accepted whole on the morning that the page names", async () => {
    expect(await readPage(PAGE)).toContain(`rescue validate --as-of 2026-11-20T06:00:00Z ${FIXTURE}`);
    const read = await readAll(pathOf(FIXTURE), { now: Date.parse("2026-11-20T06:00:00Z") });
    expect(read).toMatchObject({ rows: 3, accepted: 3, rejects: [], notes: [] });
  });
});
