/** `sandbox`: a simulated provider on this machine, until a signal. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatInstant } from "../../domain/instant.ts";
import type { SandboxEvent } from "../../sandbox/events.ts";
import { MANNERS } from "../../sandbox/manners.ts";
import { startSandbox } from "../../sandbox/sandbox.ts";
import { generateKeyPair } from "../../transport/key-pair.ts";
import {
  defineCommand,
  option,
  optionOr,
  readChoiceOf,
  readDuration,
  readShare,
  readText,
  readWhole,
  repeated,
} from "../command.ts";
import { ExitStatus } from "../exit-status.ts";
import { linesOf } from "../output.ts";
import { sandboxConfig } from "../sandbox-config.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    folder: optionOr("--folder <folder>", "where its files lie", readText, "rescue-sandbox"),
    port: optionOr("--port <port>", "listen here; 0: any free port", readWhole(0, 65_535), 0),
    seed: optionOr("--seed <text>", "the same seed, files and times give the same results", readText, "sandbox"),
    dayLengthMs: optionOr("--speed <duration>", "real time that a simulated day takes", readDuration, 60_000, "1m"),
    shareRescued: option("--share-rescued <share>", "about this share is rescued, 0 to 1", readShare),
    manners: repeated(
      "--manner <name>",
      `a bad manner to meet; may be repeated: ${MANNERS.join(", ")}`,
      readChoiceOf(MANNERS),
    ),
  },
  about:
    "An SFTP server with inbound and outbound folders, and a provider behind it. No account needed; no money moves.",
  examples: ["sandbox", "sandbox --seed 7 --speed 10s", "sandbox --manner cumulative --manner wrongAmount"],
  exitStatuses: [0, 1, 2, 130],
  run: async (context, _args, { folder, manners, ...options }) => {
    const { speech, stop } = context;
    const root = resolve(context.io.cwd, folder);
    const sandbox = await startSandbox({
      port: options.port,
      seed: options.seed,
      dayLengthMs: options.dayLengthMs,
      folder: root,
      userPublicKey: await userKey(root),
      mid: MID,
      manners,
      startAt: context.clock.now(),
      ...(options.shareRescued === undefined ? {} : { shareRescued: options.shareRescued }),
      onEvent: (event) => speech.note(describeEvent(event)),
    });
    try {
      const config = join(root, "rescue.yaml");
      await mkdir(join(root, "inbox"), { recursive: true });
      await writeFile(config, sandboxConfig(sandbox, { merchant: "sandbox", mid: MID }), { mode: 0o600 });
      await speech.result(
        linesOf([
          `simulated provider on ${sandbox.host}:${sandbox.port}, host key ${sandbox.hostKeyFingerprint}`,
          `put exports into ${join(root, "inbox")}, then: rescue run -c ${config}`,
          "a signal (Ctrl-C) ends it",
        ]),
      );
      await new Promise<void>((end) => (stop.aborted ? end() : stop.addEventListener("abort", () => end())));
    } finally {
      await sandbox.stop();
    }
    return ExitStatus.ok;
  },
});

const MID = "sandbox-mid";

/** Made at the first start and kept: a config that was written for this folder stays true. */
async function userKey(root: string): Promise<string> {
  const path = join(root, "keys", "rescue_ed25519");
  await mkdir(join(root, "keys"), { recursive: true, mode: 0o700 });
  const known = await readFile(`${path}.pub`, "utf8").catch(() => undefined);
  return known?.trim() ?? generateKeyPair(path, "rescue sandbox");
}

function describeEvent(event: SandboxEvent): string {
  const at = formatInstant(event.at);
  switch (event.type) {
    case "file_taken":
      return `${at} took ${event.name}: ${event.rows} rows, ${event.refusedRows} refused`;
    case "file_refused":
      return `${at} refused ${event.name}: ${event.reason}`;
    case "row_refused":
      return `${at} refused row ${event.row} of ${event.name} (${event.orderId}): ${event.reasons.join(", ")}`;
    case "result_written":
      return `${at} wrote ${event.name}: ${event.rows} rows${event.complete ? "" : " (half of them so far)"}`;
    case "result_withheld":
      return `${at} wrote no result file, although it was due`;
    case "manner":
      return `${at} bad manner ${event.manner} for order ${event.orderId}`;
  }
}
