/** `init`: a key pair, a config, and the short list of what to send to the provider. */
import { join, relative, resolve } from "node:path";
import { isProblem } from "../../domain/problem.ts";
import { loadProfile } from "../../profiles/load.ts";
import type { Profile } from "../../profiles/profile.ts";
import { fetchHostKeys, type ShownHostKey } from "../../transport/fetch-host-keys.ts";
import { defineCommand, option, optionOr, readText, readWhole } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { ExitStatus } from "../exit-status.ts";
import { linesOf } from "../output.ts";
import { checkFirstConfig, emptyKeys, type FirstConfig, writeFirstConfig } from "../setup/first-config.ts";
import { type MadeFolder, makeFolder } from "../setup/make-folder.ts";

/** Only to be shown, so nobody waits long for it. */
const HOST_KEY_TIMEOUT_MS = 10_000;

export const command = defineCommand({
  arguments: {},
  options: {
    provider: optionOr("--provider <id>", "a built-in profile, or the path of a profile file", readText, "flex"),
    dir: optionOr("--dir <folder>", "where to make it", readText, "."),
    mid: option("--mid <id>", "your merchant id at the provider", readText),
    timezone: option("--timezone <zone>", "such as America/New_York (default: this machine's)", readText),
    host: option("--host <name>", "the provider's SFTP server; its host key is then shown, to be compared", readText),
    port: optionOr("--port <port>", "of the SFTP server", readWhole(1, 65_535), 22),
    username: option("--username <name>", "your user name there", readText),
    hostKey: option("--host-key <fingerprint>", "SHA256:… as the provider told you", readText),
    inbound: optionOr("--inbound <folder>", "the folder for batches", readText, "/inbound"),
    outbound: optionOr("--outbound <folder>", "the folder of result files", readText, "/outbound"),
  },
  about:
    "Makes rescue.yaml, keys/ and inbox/, and never overwrites anything. Asks nothing: what no flag says is left empty in\n" +
    "the config and listed. --merchant names the merchant in the config (default: main).",
  examples: ["init --merchant acme", "init --merchant acme --mid 4711 --host sftp.example.com --username acme"],
  exitStatuses: [0, 1, 2, 11],
  async run(context, _args, { dir, ...given }) {
    // A relative path means another file when it is read from the config's folder.
    const isPath = /[/\\]|\.ya?ml$/.test(given.provider);
    const provider = isPath ? resolve(context.io.cwd, given.provider) : given.provider;
    const profile = await loadProfile(provider);
    const known: FirstConfig = {
      ...given,
      provider,
      merchant: context.options.merchant ?? "main",
      mid: given.mid ?? "",
      timezone: given.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      host: given.host ?? "",
      username: given.username ?? "",
      hostKey: given.hostKey ?? "",
    };
    const folder = resolve(context.io.cwd, dir);
    checkFirstConfig(known, join(folder, "rescue.yaml"), context.io.env);
    const made = await makeFolder(folder, `rescue ${known.merchant}`, writeFirstConfig(known));
    const shown = known.host !== "" && known.hostKey === "" ? await lookAtHostKeys(context, known) : [];
    await tell(context, { known, profile, made, shown });
    return ExitStatus.ok;
  },
});

interface Story {
  readonly known: FirstConfig;
  readonly profile: Profile;
  readonly made: MadeFolder;
  readonly shown: readonly ShownHostKey[];
}

/** The server may be unknown yet, or not let us through: no reason for `init` to fail. */
async function lookAtHostKeys(context: CommandContext, { host, port }: FirstConfig): Promise<ShownHostKey[]> {
  try {
    return await fetchHostKeys(host, port, HOST_KEY_TIMEOUT_MS);
  } catch (error) {
    if (!isProblem(error)) throw error;
    context.speech.note(`the host key could not be looked at: ${error.message}`);
    return [];
  }
}

async function tell(context: CommandContext, story: Story): Promise<void> {
  const { known, profile, made, shown } = story;
  if (!context.options.json) return context.speech.result(describe(context, story));
  await context.speech.document({
    type: "init",
    schema: 1,
    merchant: known.merchant,
    exit_status: ExitStatus.ok,
    config: made.config,
    private_key: made.privateKey,
    public_key: made.publicKey,
    to_fill_in: emptyKeys(known, profile.title),
    to_confirm: profile.unconfirmed,
    host_keys_shown: shown,
  });
}

function describe({ io }: CommandContext, { known, profile, made, shown }: Story): string {
  const here = (path: string) => relative(io.cwd, path) || ".";
  const gaps = emptyKeys(known, profile.title);
  return linesOf([
    "Made:",
    `  ${here(made.config)}   the config`,
    `  ${here(made.privateKey)}   your private key${made.keyWasThere ? " (it was there and is kept)" : ""}: it stays here`,
    `  ${here(made.inbox)}   where your exports go`,
    "",
    `Send to ${profile.title}:`,
    "  1. your public key, this one line:",
    `     ${made.publicKey}`,
    "  2. your source IP: the public address this machine sends from. Behind NAT it is not the machine's own: ask your",
    "     network team or hosting provider.",
    ...section(`Fill in, in ${here(made.config)}:`, gaps),
    ...section(
      "The server shows these keys now. Compare with what the provider tells you by another way before you write one in:",
      shown.map(({ type, fingerprint }) => `${type} ${fingerprint}`),
    ),
    ...section(`Confirm with ${profile.title}, because it does not publish them:`, profile.unconfirmed),
    "",
    `Next: ${gaps.length > 0 ? "fill that in, then " : ""}rescue doctor${configFlag(io.cwd, made.config)}`,
  ]);
}

function section(heading: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : ["", heading, ...items.map((item) => `  - ${item}`)];
}

function configFlag(cwd: string, config: string): string {
  return config === join(cwd, "rescue.yaml") ? "" : ` -c ${relative(cwd, config)}`;
}
