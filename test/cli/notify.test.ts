import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CommandContext } from "../../src/cli/context.ts";
import { ExitStatus } from "../../src/cli/exit-status.ts";
import { type NightEnd, notify } from "../../src/cli/notify.ts";

let folder: string;
let server: Server;
let beats: number;
let answer: number;
const warnings: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rescue-notify-"));
  beats = 0;
  answer = 200;
  warnings.length = 0;
  server = createServer((_request, response) => {
    beats += 1;
    response.writeHead(answer).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

const context = () =>
  ({
    io: { cwd: folder, env: process.env },
    speech: { complain: (_level: string, message: string) => warnings.push(message), detail: () => {} },
  }) as unknown as CommandContext;
const heartbeatUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/beat`;
const night = (status: ExitStatus): NightEnd => ({
  merchant: "acme",
  status,
  at: 1_795_000_000_000,
  report: undefined,
});
const tell = (config: Parameters<typeof notify>[1], status: ExitStatus, isNews = true) =>
  notify(context(), config, { status, nights: [night(status)], isNews });

test("the heartbeat beats when the night was done, also if people have work to do", async () => {
  await tell({ heartbeatUrl: heartbeatUrl() }, ExitStatus.ok);
  await tell({ heartbeatUrl: heartbeatUrl() }, ExitStatus.needsAttention);
  expect(beats).toBe(2);
});

test("the heartbeat stays silent when the night was not done", async () => {
  for (const status of [ExitStatus.unreachable, ExitStatus.uncertain, ExitStatus.failed, ExitStatus.locked] as const) {
    await tell({ heartbeatUrl: heartbeatUrl() }, status);
  }
  expect(beats).toBe(0);
});

test("a watchdog that answers with an error is a warning, and throws nothing", async () => {
  answer = 500;
  await tell({ heartbeatUrl: heartbeatUrl() }, ExitStatus.ok);
  expect(warnings.join()).toContain("notify.heartbeat_url: the server answered 500");
});

test("the command learns from its environment what happened to whom, and is not called for a good night", async () => {
  const onProblem = `echo "$RESCUE_EXIT_STATUS $RESCUE_EXIT_NAME $RESCUE_MERCHANTS" > told.txt`;
  await tell({ onProblem }, ExitStatus.ok);
  await expect(readFile(join(folder, "told.txt"))).rejects.toThrow();
  await tell({ onProblem }, ExitStatus.unreachable);
  expect(await readFile(join(folder, "told.txt"), "utf8")).toBe("10 unreachable acme\n");
});

test("a watch calls for help once, not every round", async () => {
  const onProblem = "echo called >> told.txt";
  await tell({ onProblem }, ExitStatus.unreachable, true);
  await tell({ onProblem }, ExitStatus.unreachable, false);
  expect(await readFile(join(folder, "told.txt"), "utf8")).toBe("called\n");
});

test("a command that fails is a warning", async () => {
  await tell({ onProblem: "exit 7" }, ExitStatus.failed);
  expect(warnings.join()).toContain("notify.on_problem: the command ended with status 7");
});

test("the metrics file is whole or absent, and names each merchant", async () => {
  const textfile = join(folder, "rescue.prom");
  await tell({ textfile }, ExitStatus.unreachable);
  const text = await readFile(textfile, "utf8");
  expect(text).toContain('rescue_exit_status{merchant="acme"} 10\n');
  expect(text).toContain('rescue_last_run_timestamp_seconds{merchant="acme"} 1795000000\n');
});
