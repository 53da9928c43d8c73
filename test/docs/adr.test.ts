import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pathOf, plain, readPage, sectionOf, tableRows } from "./page.ts";

const ADRS = readdirSync(pathOf("docs/adr")).filter((name) => name.endsWith(".md"));

describe("docs/adr", () => {
  test.each(ADRS)("%s says context, decision, consequences and what would change our mind", async (name) => {
    const headings = [...(await readPage(`docs/adr/${name}`)).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    const wanted = ["Context", "Decision", "Consequences", "What would change our mind"];
    expect(headings.filter((heading) => wanted.includes(heading ?? ""))).toEqual(wanted);
  });

  test("numbers are given once", () => {
    const numbers = ADRS.map((name) => name.slice(0, 4));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test("0011 names every runtime dependency with the version that is pinned", async () => {
    const rows = tableRows(sectionOf(await readPage("docs/adr/0011-dependencies.md"), "Decision"));
    const told = Object.fromEntries(rows.map(([name = "", version = ""]) => [plain(name), version]));
    const { dependencies, devDependencies } = JSON.parse(await readPage("package.json"));
    expect(told).toEqual(dependencies);
    const loose = Object.values({ ...dependencies, ...devDependencies }).filter(
      (pin) => !/^\d+\.\d+\.\d+$/.test(`${pin}`),
    );
    expect(loose).toEqual([]);
  });
});
