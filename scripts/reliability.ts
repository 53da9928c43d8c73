/**
 * `npm run reliability` prints the tables of docs/reliability.md, and `-- --write` puts them there. `-- --record` runs the
 * tests they tell of first (many minutes; or only the FILES given) and notes what they counted in test/docs/recorded.json.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pathOf, readPage, withBlocks } from "../test/docs/page.ts";
import { readRecorded, recordReport } from "../test/docs/recorded.ts";
import { sweptTable, TESTED_FILES, testedTable } from "../test/docs/reliability-tables.ts";

const PAGE = "docs/reliability.md";
const { values, positionals } = parseArgs({
  options: { record: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
  allowPositionals: true,
});

if (values.record) record(positionals.length === 0 ? TESTED_FILES : positionals);
const recorded = readRecorded();
const blocks = { tested: testedTable(recorded), swept: sweptTable(recorded) };
if (values.write) writeFileSync(pathOf(PAGE), withBlocks(await readPage(PAGE), blocks));
else console.log(`${blocks.tested}\n${blocks.swept}`);

function record(files: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), "rescue-record-"));
  try {
    const report = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile=${report}`];
    // A busy machine is no failure; what has a limit of its own keeps it.
    const args = ["vitest", "run", ...files, ...reporters, "--testTimeout=120000"];
    spawnSync("npx", args, { stdio: ["ignore", "inherit", "inherit"] });
    const failed = recordReport(JSON.parse(readFileSync(report, "utf8")));
    if (failed.length > 0) throw new Error(`not recorded, because tests of it failed: ${failed.join(" ")}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
