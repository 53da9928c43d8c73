import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { EXIT_STATUS_MEANINGS } from "../../src/cli/exit-status.ts";
import { HELP_TOPICS, helpOn } from "../../src/cli/help-topics.ts";
import { main } from "../../src/cli/main.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { pathOf, plain, readPage, sectionOf, tableRows } from "./page.ts";

/** Figures, the folder and the widths that follow from both may differ; every word and line must be the same. */
function shapeOf(text: string, folder: string): string[] {
  const lines = text.replaceAll(folder, "FOLDER").trimEnd().split("\n");
  return lines.map((line) =>
    line
      .trim()
      .replaceAll(/\d[\d,.]*/g, "N")
      .replaceAll(/\s+/g, " "),
  );
}

async function playDemo(): Promise<{ output: string; folder: string }> {
  const parent = await mkdtemp(join(tmpdir(), "rescue-readme-"));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, "rescue-demo");
  let [output, complaints] = ["", ""];
  const take = (write: (text: string) => void) => ({
    isTTY: false,
    columns: 80,
    write: async (text: string) => write(text),
  });
  const status = await main(["demo", "--folder", folder], {
    stdout: take((text) => {
      output += text;
    }),
    stderr: take((text) => {
      complaints += text;
    }),
    stdin: Readable.from([]),
    // As `npm run demo` sets it.
    env: { npm_lifecycle_event: "demo" },
    cwd: parent,
    now: () => Date.now(),
    stop: new AbortController().signal,
  });
  if (status !== 0) throw new Error(`the demo ended with ${status}: ${complaints}`);
  return { output, folder };
}

/** Every `rescue …` that a page tells a person to type: words of code blocks and of code in a line. */
function typedCommands(page: string): string[][] {
  const blocks = [...page.matchAll(/```(?:console|sh|bash|text)\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    block.split("\n"),
  );
  const inline = [...page.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...blocks.map((line) => line.replace(/ #.*/, "")), ...inline].flatMap((line) => {
    const words = /(?:^|\$ |[;&|] |\d \* \* \* |^ {2})rescue ([a-z][^|&;]*)/.exec(line)?.[1];
    return words === undefined ? [] : [words.trim().split(/\s+/)];
  });
}

const GLOBAL_FLAGS =
  /^(?:-c|--config|--merchant|--json|-q|--quiet|-v|--verbose|--color|--deadline|--as-of|--version|--help)$/;

async function unknownWordsOf([name = "", ...words]: string[]): Promise<string[]> {
  const entry = COMMANDS.find((command) => command.name === name);
  if (!entry) return [name];
  const { command } = await entry.load();
  const flags = Object.values(command.options).flatMap((option) => option.flags.split(/[ ,]+/));
  return words
    .map((word) => word.replace(/=.*/, ""))
    .filter((word) => /^--?[a-z]/.test(word) && !GLOBAL_FLAGS.test(word) && !flags.includes(word))
    .map((flag) => `${name} ${flag}`);
}

const PAGES = ["README.md", "CONTRIBUTING.md", ...markdownIn("docs")].filter((page) => existsSync(pathOf(page)));

function markdownIn(folder: string): string[] {
  return readdirSync(pathOf(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return markdownIn(path);
    return path.endsWith(".md") ? [path] : [];
  });
}

/** As GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = [...page.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = ""]) => heading,
  );
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

async function brokenLinksOf(page: string): Promise<string[]> {
  const text = (await readPage(page)).replaceAll(/```[\s\S]*?```/g, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  const broken: string[] = [];
  for (const link of links.filter((each) => !/^[a-z]+:/.test(each))) {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    const isThere = existsSync(pathOf(target));
    if (!isThere || (anchor !== undefined && !anchorsOf(await readPage(target)).includes(anchor))) broken.push(link);
  }
  return broken;
}

describe("README.md", () => {
  test("its first screen is what the demo prints", async () => {
    const readme = await readPage("README.md");
    const shown = /```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
    const { output, folder } = await playDemo();
    expect(shapeOf(shown, "/home/you/rescue/rescue-demo")).toEqual(shapeOf(output, folder));
  }, 120_000);

  test("its exit statuses are those of the program, and so is their order", async () => {
    const readme = await readPage("README.md");
    const rows = tableRows(sectionOf(readme, "Exit statuses")).map((cells) => cells.map(plain));
    const wanted = Object.entries(EXIT_STATUS_MEANINGS).map(([status, { name, meaning }]) => [
      status,
      name,
      plain(meaning),
    ]);
    expect(rows).toEqual(wanted);
    const order = /^Several at once: .*$/m;
    expect(order.exec(readme)?.[0]).toBe(order.exec(helpOn("exit-statuses"))?.[0]);
  });

  test("every help topic that a page names exists", async () => {
    const named = await Promise.all(
      PAGES.map(async (page) => [...(await readPage(page)).matchAll(/rescue help ([a-z-]+)/g)]),
    );
    const known: string[] = [...HELP_TOPICS, ...COMMANDS.map(({ name }) => name)];
    expect(named.flat().filter(([, topic = ""]) => !known.includes(topic))).toEqual([]);
  });
});

describe.each(PAGES)("%s", (page) => {
  test("tells a person to type only commands and flags that exist", async () => {
    const unknown = await Promise.all(typedCommands(await readPage(page)).map(unknownWordsOf));
    expect(unknown.flat()).toEqual([]);
  });

  test("links to what is there", async () => {
    expect(await brokenLinksOf(page)).toEqual([]);
  });
});
